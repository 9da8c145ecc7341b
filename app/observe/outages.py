"""Since when an engine is away, and which outage was the last: what people are told who ask.

PostgreSQL's outage stands in Redis until it is over, and Redis's in PostgreSQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.base.clock import local, local_date
from app.base.operation import Operation
from app.base.redis_calls import Calls
from app.base.rows import read_row
from app.observe.models import outage

_KEY = b"outage"
# Who looks has long been started again by then.
_KEPT = timedelta(days=7)
_OPEN = outage.c.ended_at.is_(None)


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage; `ended_at` is None while it goes on."""

    began_at: datetime
    ended_at: datetime | None


def note_database_away(redis: Calls, began_at: datetime) -> None:
    """Says since when PostgreSQL is away; what was said first stays. Raises: Unavailable."""
    kept = int(_KEPT.total_seconds())
    redis.call(_KEY, "SET", _KEY, str(began_at.timestamp()), "NX", "EX", kept)


def find_database_away(redis: Calls) -> datetime | None:
    """Returns since when PostgreSQL is away; None if nobody said so. Raises: Unavailable."""
    said = cast("bytes | None", redis.call(_KEY, "GET", _KEY))
    return datetime.fromtimestamp(float(said), tz=UTC) if said else None


def end_database_outage(operation: Operation, redis: Calls) -> None:
    """Keeps an outage of PostgreSQL that is over, once. Raises: Unavailable."""
    if began_at := find_database_away(redis):
        # Who saw it begin may have a clock that is ahead of ours.
        ended_at = max(began_at, operation.now)
        ended = {"engine": "postgresql", "began_at": began_at, "ended_at": ended_at}
        operation.connection.execute(insert(outage).values(**ended).on_conflict_do_nothing())
        redis.call(_KEY, "DEL", _KEY)


def note_redis_away(operation: Operation, began_at: datetime) -> None:
    """Says since when Redis is away; what was said first stays."""
    began = insert(outage).values(engine="redis", began_at=began_at)
    operation.connection.execute(
        began.on_conflict_do_nothing(
            index_elements=[outage.c.engine], index_where=text("ended_at IS NULL")
        )
    )


def end_redis_outage(operation: Operation) -> None:
    """Ends the outage of Redis that goes on, if there is one."""
    ended_at = func.greatest(outage.c.began_at, operation.now)
    ended = update(outage).where(outage.c.engine == "redis", _OPEN).values(ended_at=ended_at)
    operation.connection.execute(ended)


def find_redis_away(connection: Connection) -> datetime | None:
    """Returns since when Redis is away; None if nobody said so."""
    began = select(outage.c.began_at).where(outage.c.engine == "redis", _OPEN)
    return connection.execute(began).scalar_one_or_none()


def find_last_outage(connection: Connection, since: datetime) -> Outage | None:
    """Returns the outage that goes on, else the last that ended after `since`."""
    newest = outage.c.ended_at.desc().nulls_first()
    found = (
        select(outage.c.began_at, outage.c.ended_at)
        .where(_OPEN | (outage.c.ended_at >= since))
        .order_by(newest)
        .limit(1)
    )
    row = connection.execute(found).one_or_none()
    return read_row(Outage, row) if row else None


def write_moment(moment: datetime, now: datetime) -> str:
    """Returns the time in Morocco as people say it: `10:42`, of another day `28/11 22:59`."""
    same_day = local_date(moment) == local_date(now)
    return local(moment).strftime("%H:%M" if same_day else "%d/%m %H:%M")
