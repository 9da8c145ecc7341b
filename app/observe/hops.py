"""Moves the logged hops of dialogues from Redis to the database, and deletes old ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from app.base.database import reading
from app.base.errors import Unavailable
from app.base.operation import Operation
from app.observe.models import hop

# The list that app/ussd/session.py writes to.
HOPS = "hops"
_AT_ONCE = 1000
DELETED_AT_ONCE = 10_000
# One worker at a time empties the list: it cuts off only entries it has stored itself.
_LOCK = 0x686F7073
_COLUMNS = "session", "revision", "at", "gateway", "language", "how", "inputs", "screen", "more"
_log = structlog.get_logger("hops")


def store_hops(database: Engine, redis: Redis) -> int:
    """Moves waiting hops into the table, each once; returns how many were waiting.

    They are stored before they are cut off. A worker killed in between leaves them to be stored
    again, and the table's key ignores the second time.

    Raises: Unavailable.
    """
    with reading(database) as connection:
        if not connection.execute(select(func.pg_try_advisory_lock(_LOCK))).scalar():
            return 0
        try:
            return _store_waiting(connection, redis)
        finally:
            # A lost connection has released its lock.
            if not connection.invalidated:
                connection.execute(select(func.pg_advisory_unlock(_LOCK)))


def _store_waiting(connection: Connection, redis: Redis) -> int:
    try:
        waiting = redis.lrange(HOPS, 0, _AT_ONCE - 1)
        rows = list(_read_entries(waiting))
        if rows:
            connection.execute(insert(hop).values(rows).on_conflict_do_nothing())
        if waiting:
            redis.ltrim(HOPS, len(waiting), -1)
    except RedisError as error:
        raise Unavailable(what="redis") from error
    return len(waiting)


def _read_entries(waiting: Iterable[bytes | str]) -> Iterator[dict[str, object]]:
    """Yields the entries as rows; one that cannot be read is logged and left out."""
    for line in waiting:
        try:
            row = dict(zip(_COLUMNS, json.loads(line), strict=True))
            row["at"] = datetime.fromtimestamp(row["at"] / 1000, UTC)
            row["more"] = bool(row["more"])
        except (ValueError, TypeError):
            _log.error("hop_not_readable", length=len(line))
        else:
            yield row


def delete_hops(operation: Operation, before: datetime) -> int:
    """Deletes up to DELETED_AT_ONCE hops older than `before` (docs/rules.md, Personal data).

    Returns how many were deleted.
    """
    columns = hop.c
    key = columns.session, columns.revision, columns.how
    old = select(*key).where(columns.at < before).limit(DELETED_AT_ONCE)
    return operation.connection.execute(delete(hop).where(tuple_(*key).in_(old))).rowcount
