"""Stores the hops that talks leave in Redis, and forgets them in time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from app.base.database import reading
from app.base.errors import Unavailable
from app.observe.models import hop

# The list that app/ussd/session.py writes to.
HOPS = "hops"
_AT_ONCE = 1000
FORGOTTEN_AT_ONCE = 10_000
# One worker at a time empties the list: what it has stored is what it may cut off.
_LOCK = 0x686F7073
_COLUMNS = "session", "revision", "at", "gateway", "language", "how", "inputs", "screen", "more"
_log = structlog.get_logger("hops")


def store_hops(database: Engine, redis: Redis) -> int:
    """Moves waiting hops into the table, each once; gives how many were taken.

    Stored first, cut off then: whoever is killed in between leaves them to be stored again, which
    the table's key makes nothing of.
    """
    with reading(database) as connection:
        if not connection.execute(select(func.pg_try_advisory_lock(_LOCK))).scalar():
            return 0
        try:
            return _store(connection, redis)
        finally:
            # A connection that is lost has taken its lock along.
            if not connection.invalidated:
                connection.execute(select(func.pg_advisory_unlock(_LOCK)))


def _store(connection: Connection, redis: Redis) -> int:
    try:
        waiting = redis.lrange(HOPS, 0, _AT_ONCE - 1)
        rows = list(_read(waiting))
        if rows:
            connection.execute(insert(hop).values(rows).on_conflict_do_nothing())
        if waiting:
            redis.ltrim(HOPS, len(waiting), -1)
    except RedisError as error:
        raise Unavailable(what="redis") from error
    return len(waiting)


def _read(waiting: Iterable[bytes | str]) -> Iterator[dict[str, Any]]:
    """One that cannot be read is told and left out: it must not keep the others waiting."""
    for line in waiting:
        try:
            row = dict(zip(_COLUMNS, json.loads(line), strict=True))
            row["at"] = datetime.fromtimestamp(row["at"] / 1000, UTC)
            row["more"] = bool(row["more"])
        except (ValueError, TypeError):
            _log.error("hop_not_readable", length=len(line))
        else:
            yield row


def forget_hops(connection: Connection, before: datetime) -> int:
    """Deletes hops older than `before`, so many at once; gives how many (domain.md section 3)."""
    key = hop.c.session, hop.c.revision, hop.c.how
    old = select(*key).where(hop.c.at < before).limit(FORGOTTEN_AT_ONCE)
    return connection.execute(delete(hop).where(tuple_(*key).in_(old))).rowcount
