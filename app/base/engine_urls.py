"""The addresses of the engines."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineUrls:
    """Addresses as DATABASE_URL and REDIS_URL write them."""

    database_url: str
    redis_url: str
