"""Which engines do not answer."""

from __future__ import annotations

from redis.exceptions import RedisError
from sqlalchemy import text

from app.base.database import reading
from app.base.redis_client import answers
from app.runtime import Runtime


def list_away(maalem: Runtime) -> list[str]:
    """Returns the names of the engines that do not answer within the time of a hop."""
    away = []
    try:
        maalem.deadline.run(_ask_database, maalem)
    except Exception:
        away.append("postgresql")
    try:
        there = answers(maalem.redis)
    except RedisError:
        there = False
    return away if there else [*away, "redis"]


def _ask_database(maalem: Runtime) -> None:
    with reading(maalem.database) as connection:
        connection.execute(text("SELECT version_num FROM alembic_version"))
