"""The public files, written once for all readers: writing them takes a second that phones need."""

from __future__ import annotations

from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine, func, select

from app.base.database import reading
from app.figures.files import write_file
from app.figures.models import published_month
from app.figures.queries import list_figures

_KEPT_SECONDS = 7 * 24 * 3600


def read_public_file(redis: Redis, database: Engine, file_format: str) -> bytes:
    """Returns the file of all published months, in one of FILE_FORMATS. Raises: Unavailable."""
    with reading(database) as connection:
        name = f"figures:file:{file_format}:{_name_edition(connection)}"
        with suppress(RedisError):
            if kept := redis.get(name):
                return bytes(kept)  # type: ignore[arg-type]
        content = write_file(file_format, list_figures(connection))
    with suppress(RedisError):
        redis.set(name, content, ex=_KEPT_SECONDS)
    return content


def _name_edition(connection: Connection) -> str:
    """Returns a name that another month published changes."""
    months = select(func.count(), func.max(published_month.c.published_at))
    count, newest = connection.execute(months).one()
    return f"{count}:{newest.timestamp() if newest else 0}"
