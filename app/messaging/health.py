"""Health of providers: one that fails rests, all workers see it, and one message probes it.

Each rest without a quiet spell in between is twice as long as the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.base.operation import Operation
from app.messaging.models import provider_health

_FIRST_REST, _LONGEST_REST = timedelta(seconds=10), timedelta(minutes=10)
# After so long without a failure the next rest is a first one again.
_QUIET = timedelta(minutes=15)
# A probe is answered by then, or its worker is dead.
_PROBE = timedelta(seconds=40)
# After a rest it is given twice as many messages each second.
_SLOW_START_SECONDS = 8


@dataclass(frozen=True, slots=True)
class Health:
    """Health of one provider; `rests` counts its rests without a quiet spell in between.

    `well_since` None: unwell, and to be probed past `resting_until`. A well one rests no longer
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
        """Returns how many messages it may be given in a claim; None: no limit."""
        if self.well_since is None:
            return None
        seconds = (now - self.well_since).total_seconds()
        return None if seconds >= _SLOW_START_SECONDS else 2 ** max(0, int(seconds) + 1)


def read_health(connection: Connection) -> dict[str, Health]:
    """Returns the health by provider; one that never failed is not in it."""
    columns = provider_health.c
    rows = connection.execute(
        select(
            columns.provider,
            columns.rests,
            columns.resting_until,
            columns.well_since,
            columns.probing_until,
        )
    )
    return {
        row.provider: Health(
            rests=row.rests,
            resting_until=row.resting_until,
            well_since=row.well_since,
            probing_until=row.probing_until,
        )
        for row in rows
    }


def start_rest(operation: Operation, provider: str, reason: str, random: Random) -> bool:
    """Marks the provider unwell and lets it rest. Returns False if it rested already.

    Failures still on the way when a rest begins do not lengthen it; a failed probe does.
    """
    now = operation.now
    rests = _count_rests(read_health(operation.connection).get(provider), now) + 1
    return _write_rest(
        operation,
        provider,
        rests=rests,
        resting_until=now + _rest_length(rests, random),
        reason=reason,
        well_since=None,
    )


def grant_rest(operation: Operation, provider: str, reason: str, seconds: float) -> bool:
    """Leaves a well provider alone for the seconds it asked for, without counting it as unwell.

    Returns False if it is unwell or rests already.
    """
    now = operation.now
    known = read_health(operation.connection).get(provider)
    if known is not None and not known.is_well():
        return False
    return _write_rest(
        operation,
        provider,
        rests=known.rests if known else 0,
        resting_until=now + timedelta(seconds=seconds),
        reason=reason,
        well_since=known.well_since if known else now - _QUIET,
    )


def _write_rest(operation: Operation, provider: str, **values: object) -> bool:
    columns = provider_health.c
    row = insert(provider_health).values(provider=provider, **values)
    statement = row.on_conflict_do_update(
        index_elements=["provider"],
        set_=values | {"probing_until": None},
        where=or_(columns.resting_until.is_(None), columns.resting_until <= operation.now),
    )
    written = operation.connection.execute(statement.returning(columns.provider))
    return written.scalar() is not None


def _count_rests(known: Health | None, now: datetime) -> int:
    if known is None or (known.well_since is not None and now - known.well_since > _QUIET):
        return 0
    return known.rests


def _rest_length(rests: int, random: Random) -> timedelta:
    """Twice as long each time, and not all workers' guesses at the same moment."""
    longest: timedelta = min(_FIRST_REST * 2 ** min(rests - 1, 16), _LONGEST_REST)
    return longest * (0.8 + 0.4 * random.random())


def take_probe(operation: Operation, provider: str) -> bool:
    """Reserves the probe of a provider whose rest is over. Returns False if another has it."""
    columns, now = provider_health.c, operation.now
    reservation = (
        update(provider_health)
        .where(
            columns.provider == provider,
            columns.well_since.is_(None),
            columns.resting_until <= now,
            or_(columns.probing_until.is_(None), columns.probing_until <= now),
        )
        .values(probing_until=now + _PROBE)
    )
    return bool(operation.connection.execute(reservation).rowcount)


def mark_healthy(operation: Operation, provider: str) -> bool:
    """Marks the provider healthy again. Returns True if it was resting."""
    columns, now = provider_health.c, operation.now
    change = (
        update(provider_health)
        .where(
            columns.provider == provider,
            columns.well_since.is_(None),
            columns.resting_until <= now,
        )
        .values(resting_until=None, probing_until=None, well_since=now)
    )
    return bool(operation.connection.execute(change).rowcount)
