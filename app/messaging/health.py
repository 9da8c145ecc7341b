"""Which providers are well: one that fails rests, all workers see it, and one message probes it.

Each rest without a quiet spell in between is twice as long as the last, so that a provider that
comes and goes is not run after.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.messaging.models import provider_health

_FIRST_REST, _LONGEST_REST = timedelta(seconds=10), timedelta(minutes=10)
# So long well, and the next rest is a first one again.
_QUIET = timedelta(minutes=15)
# A probe is answered by then, or its worker is dead.
_PROBE = timedelta(seconds=40)
# After a rest it is given twice as many each second, so that no storm breaks over it.
_SLOW_START_SECONDS = 8


@dataclass(frozen=True, slots=True)
class Health:
    """`well_since` None: unwell, and past `resting_until` to be probed. A well one rests no longer
    than it asked for.
    """

    rests: int
    resting_until: datetime | None
    well_since: datetime | None
    probing_until: datetime | None

    def is_well(self) -> bool:
        return self.well_since is not None

    def is_resting(self, now: datetime) -> bool:
        return self.resting_until is not None and self.resting_until > now

    def may_be_probed(self, now: datetime) -> bool:
        probed = self.probing_until is not None and self.probing_until > now
        return not self.is_well() and not self.is_resting(now) and not probed

    def most_at_once(self, now: datetime) -> int | None:
        """None: as many as one likes."""
        if self.well_since is None:
            return None
        seconds = (now - self.well_since).total_seconds()
        return None if seconds >= _SLOW_START_SECONDS else 2 ** max(0, int(seconds) + 1)


def read_health(connection: Connection) -> dict[str, Health]:
    """By provider; one that never failed is not in it."""
    row = provider_health.c
    rows = connection.execute(
        select(row.provider, row.rests, row.resting_until, row.well_since, row.probing_until)
    )
    return {provider: Health(*rest) for provider, *rest in rows}


def let_rest(
    connection: Connection, provider: str, reason: str, now: datetime, random: Random
) -> bool:
    """It is unwell. Whether that is news: failures still on the way when the rest began do not
    lengthen it, a failed probe does.
    """
    rests = _rests_before(read_health(connection).get(provider), now) + 1
    values = {"rests": rests, "resting_until": now + _rest(rests, random), "reason": reason}
    return _upsert(connection, provider, values | {"well_since": None}, now)


def leave_alone(
    connection: Connection, provider: str, reason: str, now: datetime, seconds: float
) -> bool:
    """A well one asked for so much time: it gets that, and it is not held against it."""
    known = read_health(connection).get(provider)
    if known is not None and not known.is_well():
        return False
    since = known.well_since if known else now - _QUIET
    until = now + timedelta(seconds=seconds)
    values = {"rests": known.rests if known else 0, "resting_until": until, "reason": reason}
    return _upsert(connection, provider, values | {"well_since": since}, now)


def _upsert(connection: Connection, provider: str, values: dict[str, Any], now: datetime) -> bool:
    row = provider_health.c
    resting = insert(provider_health).values(provider=provider, **values)
    statement = resting.on_conflict_do_update(
        index_elements=["provider"],
        set_=values | {"probing_until": None},
        where=or_(row.resting_until.is_(None), row.resting_until <= now),
    )
    return bool(connection.execute(statement.returning(row.provider)).scalar())


def _rests_before(known: Health | None, now: datetime) -> int:
    if known is None or (known.well_since is not None and now - known.well_since > _QUIET):
        return 0
    return known.rests


def _rest(rests: int, random: Random) -> timedelta:
    """Twice as long each time, and not all workers' guesses at the same moment."""
    longest: timedelta = min(_FIRST_REST * 2 ** min(rests - 1, 16), _LONGEST_REST)
    return longest * (0.8 + 0.4 * random.random())


def take_probe(connection: Connection, provider: str, now: datetime) -> bool:
    """Whether the caller is the one whose next message probes the provider."""
    row = provider_health.c
    taken = (
        update(provider_health)
        .where(
            row.provider == provider,
            row.well_since.is_(None),
            row.resting_until <= now,
            or_(row.probing_until.is_(None), row.probing_until <= now),
        )
        .values(probing_until=now + _PROBE)
    )
    return bool(connection.execute(taken).rowcount)


def note_well(connection: Connection, provider: str, now: datetime) -> bool:
    """A message was taken: the rest is over. Whether that is news."""
    row = provider_health.c
    well = (
        update(provider_health)
        .where(row.provider == provider, row.well_since.is_(None), row.resting_until <= now)
        .values(resting_until=None, probing_until=None, well_since=now)
    )
    return bool(connection.execute(well).rowcount)
