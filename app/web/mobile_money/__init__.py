"""The payments API over HTTP: routes, who may call, what is read, how it is answered."""
