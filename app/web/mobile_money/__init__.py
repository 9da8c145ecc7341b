"""The payments API over HTTP: routes, authentication, requests and responses."""

# Its addresses begin so.
BASE = "/mm/v1.2"
