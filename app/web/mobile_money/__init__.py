"""The payments API over HTTP: routes, authentication, requests and responses."""
