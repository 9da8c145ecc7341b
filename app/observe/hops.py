"""Moves the logged hops of dialogues from Redis to the database, day by day, and drops old days."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine, Integer, func, select, text

from app.base.buckets import list_hop_keys
from app.base.database import transaction
from app.base.errors import Unavailable
from app.base.operation import Operation
from app.base.partitions import find_last_partition, prepare_partitions

# Of each bucket: where so many were stored, more may wait. And rows of one statement.
STORED_AT_ONCE, _ROWS_AT_ONCE = 250, 1000
# As the function forget_hop_days has it.
FORGOTTEN_AT_ONCE = 10_000
# One worker at a time stores hops: what two stored is stored once, but costs twice.
_LOCK = 0x686F7073
_COLUMNS = "session", "revision", "at", "gateway", "language", "how", "inputs", "screen", "more"
_TYPES = {"revision": "int", "at": "timestamptz", "more": "boolean"}
_TEXTS = "session", "gateway", "language", "how", "inputs", "screen", "caller"
# In bytes; the table's key holds two of them.
_LONGEST_WORD = 1000
_STORED = (*_COLUMNS, "caller")
# An array for each column: a list of a thousand rows of values took ten times as long.
_STORE = text(f"""
    INSERT INTO hop ({", ".join(_STORED)})
    SELECT * FROM unnest(
        {", ".join(f"CAST(:{name} AS {_TYPES.get(name, 'text')}[])" for name in _STORED)})
    ON CONFLICT DO NOTHING
""")  # noqa: S608 - made of our own words alone
_log = structlog.get_logger("hops")


# Cuts off what was read, if it still stands there.
_CUT = """
if redis.call('LINDEX', KEYS[1], 0) == ARGV[1] then redis.call('LTRIM', KEYS[1], ARGV[2], -1) end
"""


def store_hops(database: Engine, redis: Redis) -> int:
    """Moves waiting hops into the table, each once; returns their number.

    Of each bucket up to STORED_AT_ONCE, so that more may wait only where as many were moved.

    They are stored before they are cut off. A worker killed in between leaves them to be stored
    again, and the table's key ignores the second time.

    Raises: Unavailable.
    """
    try:
        with transaction(database) as connection:
            if not connection.execute(select(func.pg_try_advisory_xact_lock(_LOCK))).scalar():
                return 0
            waiting = _read_waiting(redis)
            rows = list(_read_entries(entry for entries in waiting.values() for entry in entries))
            for begin in range(0, len(rows), _ROWS_AT_ONCE):
                some = rows[begin : begin + _ROWS_AT_ONCE]
                connection.execute(_STORE, {name: [row[name] for row in some] for name in _STORED})
        _cut_off(redis, waiting)
    except RedisError as error:
        raise Unavailable(what="redis") from error
    return sum(map(len, waiting.values()))


def _read_waiting(redis: Redis) -> dict[bytes, list[bytes]]:
    """Returns the oldest entries of each bucket that has some."""
    names = list_hop_keys()
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.lrange(name, 0, STORED_AT_ONCE - 1)
        return {name: read for name, read in zip(names, pipe.execute(), strict=True) if read}


def _cut_off(redis: Redis, stored: dict[bytes, list[bytes]]) -> None:
    with redis.pipeline(transaction=False) as pipe:
        for name, entries in stored.items():
            # By its name: a Cluster's pipeline has no method for it, but sends it.
            pipe.execute_command("EVAL", _CUT, 1, name, entries[0], len(entries))  # type: ignore[no-untyped-call]
        pipe.execute()


def _read_entries(waiting: Iterable[bytes | str]) -> Iterator[dict[str, object]]:
    """Yields the entries as rows; one that cannot be read is logged and left out."""
    for line in waiting:
        try:
            yield _read_entry(line)
        except (ValueError, TypeError, OverflowError, RecursionError):
            _log.error("hop_not_readable", length=len(line))


def _read_entry(line: bytes | str) -> dict[str, object]:
    """Returns an entry as a row that the table takes: one it refused would hold up all behind it.

    Raises: ValueError, TypeError, OverflowError, RecursionError.
    """
    entry = json.loads(line)
    # A process of the version before writes no caller.
    entry += [""] * (len(entry) == len(_COLUMNS))
    row = dict(zip((*_COLUMNS, "caller"), entry, strict=True))
    for name in _TEXTS:
        size = len(str.encode(row[name]))
        if "\0" in row[name] or (size > _LONGEST_WORD and name != "inputs"):
            raise ValueError(f"no {name}")
    if type(row["revision"]) is not int or row["revision"] not in range(2**31):
        raise ValueError("no revision")
    row["at"] = datetime.fromtimestamp(row["at"] / 1000, UTC)
    row["more"] = bool(row["more"])
    row["caller"] = row["caller"] or None
    return row


def prepare_hop_days(operation: Operation) -> int:
    """Has the partitions made of today and the seven days after. Returns how many were missing."""
    return prepare_partitions(operation, "prepare_hop_days")


def forget_hops(operation: Operation, before: datetime) -> int:
    """Drops the days that ended before this moment (docs/rules.md, Personal data).

    Of hops without a day of their own up to FORGOTTEN_AT_ONCE are deleted. Returns how many.
    """
    forgotten = select(func.forget_hop_days(before, type_=Integer))
    return operation.connection.execute(forgotten).scalar_one()


def find_last_hop_day(connection: Connection) -> date | None:
    """Returns the last day that has a partition; None if none has."""
    return find_last_partition(connection, "hop", "YYYYMMDD")
