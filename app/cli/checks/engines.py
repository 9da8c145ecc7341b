"""Checks of PostgreSQL and Redis."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from app.base.database import reading
from app.embedded import describe_engines
from app.migrating import current_revision, newest_revision
from app.runtime import Runtime


def check_engines(maalem: Runtime) -> str:
    """Returns the engines' programs and where they come from."""
    settings = maalem.settings
    origins = describe_engines(settings.data_dir, settings.database_url, settings.redis_url)
    return ", ".join(f"{name} {origin}" for name, origin in origins.items())


def check_database(maalem: Runtime) -> str:
    with reading(maalem.database) as connection:
        version = connection.execute(text("SHOW server_version")).scalar_one()
        number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    if number < 140000:
        raise RuntimeError(f"PostgreSQL {version} is too old, 14 or later is needed")
    return f"PostgreSQL {version}"


def check_migrations(maalem: Runtime) -> str:
    current, newest = current_revision(maalem.database), newest_revision()
    if current != newest:
        raise RuntimeError(
            f"the database is at {current}, the code wants {newest}: flask db upgrade"
        )
    return f"at {current}"


def check_redis(maalem: Runtime) -> str:
    info: Any = maalem.redis.info("server")
    return f"Redis {info['redis_version']}"
