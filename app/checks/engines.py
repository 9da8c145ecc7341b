"""Checks of PostgreSQL, Redis and the workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date
from typing import Any

from sqlalchemy import text

from app.audit.months import find_last_audit_month
from app.base.clock import local
from app.base.database import IDLE_TRANSACTION_MS, STATEMENT_MS, is_pooled, reading
from app.base.redis_client import list_servers
from app.checks.looking import WrongInProduction
from app.embedded import describe_engines
from app.migrating import check_encoding, current_revision, newest_revision
from app.observe.hops import find_last_hop_day
from app.observe.workers import count_alive, find_last_beat
from app.runtime import Runtime

_OLDEST_POSTGRESQL, _OLDEST_REDIS = 140000, (6, 2)
_TIME_LIMITS = {
    "statement_timeout": STATEMENT_MS,
    "idle_in_transaction_session_timeout": IDLE_TRANSACTION_MS,
}


def check_engines(maalem: Runtime) -> str:
    """Returns the engines' programs and where they come from."""
    settings = maalem.settings
    origins = describe_engines(settings.data_dir, settings.database_url, settings.redis_url)
    return ", ".join(f"{name} {origin}" for name, origin in origins.items())


def check_database(maalem: Runtime) -> str:
    with reading(maalem.database) as connection:
        version = connection.execute(text("SHOW server_version")).scalar_one()
        number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
        way = " by a pooler" if is_pooled(connection) else ""
        check_encoding(connection)
    if number < _OLDEST_POSTGRESQL:
        raise RuntimeError(f"PostgreSQL {version} is too old, 14 or later is needed")
    return f"PostgreSQL {version}, UTF8{way}"


def check_migrations(maalem: Runtime) -> str:
    current, newest = current_revision(maalem.database), newest_revision()
    if current != newest:
        raise RuntimeError(
            f"the database is at {current}, the code wants {newest}: flask db upgrade"
        )
    return f"at {current}"


def check_time_limits(maalem: Runtime, statement_ms: int = STATEMENT_MS) -> str:
    """Returns the limits as the server sees them, behind any pooler. Raises: RuntimeError.

    `statement_ms` is the longest that a statement of this database's pool may take.
    """
    seen = {}
    with reading(maalem.database) as connection:
        for name, limit in _TIME_LIMITS.items():
            most = statement_ms if name == "statement_timeout" else limit
            shown = text("SELECT setting::bigint FROM pg_settings WHERE name = :name")
            milliseconds = connection.execute(shown, {"name": name}).scalar_one()
            if milliseconds == 0 or milliseconds > most:
                said = f"{milliseconds} ms" if milliseconds else "none"
                raise RuntimeError(
                    f"{name} is {said} on our connections instead of {most} ms; behind a pooler"
                    f" the role has to have it: ALTER ROLE ... SET {name} = {limit}, then RECONNECT"
                )
            seen[name] = milliseconds
    return ", ".join(f"{name} {milliseconds} ms" for name, milliseconds in seen.items())


def check_redis(maalem: Runtime) -> str:
    return _say_once(_check_redis(server.info()) for server in list_servers(maalem.redis))


def _check_redis(info: Any) -> str:
    # Valkey calls itself the Redis 7.2.4 that it came from.
    valkey = info.get("valkey_version")
    version = str(valkey or info["redis_version"])
    if tuple(map(int, version.split(".")[:2])) < _OLDEST_REDIS:
        raise RuntimeError(f"Redis {version} is too old, 6.2 or later is needed")
    if info.get("role") not in {"master", None}:
        raise RuntimeError("REDIS_URL leads to a replica, which stores nothing")
    return f"{'Valkey' if valkey else 'Redis'} {version}"


def check_redis_memory(maalem: Runtime) -> str:
    """Returns what happens when the memory is full: talks must not be dropped unseen."""
    servers = list_servers(maalem.redis)
    return _say_once(_check_redis_memory(server.info("memory")) for server in servers)


def _check_redis_memory(info: Any) -> str:
    most, policy = int(info.get("maxmemory", 0)), info.get("maxmemory_policy", "unknown")
    if most and policy != "noeviction":
        raise RuntimeError(
            f"maxmemory-policy is {policy}: talks under way are dropped unseen; set noeviction"
        )
    return f"{policy}, {most // 2**20} MB" if most else "no limit"


def check_redis_storage(maalem: Runtime) -> str:
    """Returns how Redis keeps what it holds: promised messages wait in it for the worker."""
    servers = list_servers(maalem.redis)
    return _say_once(_check_redis_storage(server.info("persistence")) for server in servers)


def _check_redis_storage(info: Any) -> str:
    for name in ("aof_last_write_status", "rdb_last_bgsave_status"):
        if info.get(name, "ok") != "ok":
            raise RuntimeError(f"Redis cannot write to its disk: {name} is {info[name]}")
    if not info.get("aof_enabled"):
        raise WrongInProduction("appendonly is no: what was promised is lost when Redis restarts")
    return "appendonly"


def _say_once(said: Iterable[str]) -> str:
    """Returns what the servers said, where several say the same once."""
    counted = Counter(said)
    return ", ".join(f"{count} x {text}" if count > 1 else text for text, count in counted.items())


def check_partitions(maalem: Runtime) -> str:
    """Returns until when hops and the audit have their partitions; a worker makes them ahead."""
    with reading(maalem.database) as connection:
        day, month = find_last_hop_day(connection), find_last_audit_month(connection)
    return f"{_say_made('hops', day, maalem)}, {_say_made('the audit', month, maalem)}"


def _say_made(name: str, last: date | None, maalem: Runtime) -> str:
    """Returns the last day, or a month's first. Raises: RuntimeError unless it is yet to begin."""
    if last is None or last <= maalem.clock().astimezone(UTC).date():
        made = f"until {last}" if last else "for no day"
        raise RuntimeError(f"partitions of {name} are made {made}: `flask worker` makes them ahead")
    return f"{name} until {last}"


def check_worker(maalem: Runtime) -> str:
    now = maalem.clock()
    if alive := count_alive(maalem.redis, now):
        return f"{alive} alive"
    last = find_last_beat(maalem.redis)
    heard = f"none since {local(last):%Y-%m-%d %H:%M}" if last else "none was heard of"
    raise WrongInProduction(f"{heard}: `flask worker` sends what is queued")
