"""Keeps the health of providers: one that fails rests for all workers, and one message probes it.

A rest soon after another is twice as long as that one.
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
# After so long without a failure the next rest is as short as a first one.
_QUIET = timedelta(minutes=15)
# The longest that a probe takes; after that its worker is dead.
_PROBE = timedelta(seconds=40)
# For so long after a rest, the messages given to it at once double each second.
_SLOW_START_SECONDS = 8


@dataclass(frozen=True, slots=True)
class Health:
    """Health of one provider; `rests` counts its rests in a row, each soon after the last.

    `well_since` is None for an unwell provider, which is probed after `resting_until`. A well one
    rests only if it asked for it.
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
        """Returns how many messages the provider may be given at once; None for no limit."""
        if self.well_since is None:
            return None
        seconds = (now - self.well_since).total_seconds()
        return None if seconds >= _SLOW_START_SECONDS else 2 ** max(0, int(seconds) + 1)


def read_health(connection: Connection) -> dict[str, Health]:
    """Returns the health by provider; a provider that never rested is missing."""
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

    Failures that come in during a rest do not lengthen it; a failed probe does.
    """
    now = operation.now
    rests = _count_rests(read_health(operation.connection).get(provider), now) + 1
    return _write_rest(
        operation,
        provider,
        rests=rests,
        resting_until=now + _draw_rest(rests, random),
        reason=reason,
        well_since=None,
    )


def grant_rest(operation: Operation, provider: str, reason: str, seconds: float) -> bool:
    """Lets a well provider rest for the seconds that it asked for; it stays well.

    Returns False if it is unwell or rests already.
    """
    now = operation.now
    health = read_health(operation.connection).get(provider)
    if health is not None and not health.is_well():
        return False
    return _write_rest(
        operation,
        provider,
        rests=health.rests if health else 0,
        resting_until=now + timedelta(seconds=seconds),
        reason=reason,
        well_since=health.well_since if health else now - _QUIET,
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


def _count_rests(health: Health | None, now: datetime) -> int:
    if health is None or (health.well_since is not None and now - health.well_since > _QUIET):
        return 0
    return health.rests


def _draw_rest(rests: int, random: Random) -> timedelta:
    """Draws the length of a rest, about twice as long each time.

    It is random, so that workers do not all try again at the same moment.
    """
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
