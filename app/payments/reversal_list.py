"""Lists reversals for the office: who undid what, how soon, and what allowed it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, func, select

from app.base.clock import local_date, local_midnight
from app.base.money import Money
from app.base.rows import read_row
from app.payments.models import deposit, reversal


@dataclass(frozen=True, slots=True)
class ReversalsAsked:
    """The days of the reversals to list, `first` to `last`, and the agent who had part in them."""

    first: date
    last: date
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class ListedReversal:
    """A reversal, with the deposit that it undid."""

    receipt: str
    network: str
    agency: str | None
    taken_by: str | None
    taken_through: str
    total_centimes: int
    received_at: datetime
    reversed_at: datetime
    channel: str
    allowance: str
    made_by: str
    approved_by: str | None
    reason: str

    @property
    def total(self) -> Money:
        return Money(self.total_centimes)

    @property
    def minutes(self) -> int:
        """The whole minutes between the cash and its return."""
        return int((self.reversed_at - self.received_at).total_seconds() // 60)

    def as_json(self) -> dict[str, object]:
        fields = asdict(self) | {
            "total": str(self.total),
            "minutes": self.minutes,
            "received_at": self.received_at.isoformat(),
            "reversed_at": self.reversed_at.isoformat(),
        }
        del fields["total_centimes"]
        return fields


def list_reversals(connection: Connection, asked: ReversalsAsked) -> list[ListedReversal]:
    """Returns the reversals of some days in Morocco, oldest first."""
    statement = (
        select(
            deposit.c.receipt_number.label("receipt"),
            deposit.c.network,
            deposit.c.agency_code.label("agency"),
            deposit.c.agent_number.label("taken_by"),
            deposit.c.channel.label("taken_through"),
            deposit.c.total_centimes,
            deposit.c.received_at,
            reversal.c.reversed_at,
            reversal.c.channel,
            reversal.c.allowance,
            reversal.c.made_by,
            reversal.c.approved_by,
            reversal.c.reason,
        )
        .join(deposit, deposit.c.receipt_number == reversal.c.receipt_number)
        .where(
            reversal.c.reversed_at >= local_midnight(asked.first),
            reversal.c.reversed_at < local_midnight(asked.last + timedelta(days=1)),
        )
        .order_by(reversal.c.reversed_at, reversal.c.receipt_number)
    )
    if asked.agent is not None:
        actor = f"agent:{asked.agent}"
        statement = statement.where(
            (deposit.c.agent_number == asked.agent)
            | (reversal.c.made_by == actor)
            | (reversal.c.approved_by == actor)
        )
    return [read_row(ListedReversal, row) for row in connection.execute(statement)]


def count_reversals_today(connection: Connection, now: datetime) -> dict[str, int]:
    """Returns how many deposits were reversed today in Morocco, by what allowed it."""
    counted = (
        select(reversal.c.allowance, func.count().label("many"))
        .where(reversal.c.reversed_at >= local_midnight(local_date(now)))
        .group_by(reversal.c.allowance)
    )
    return {row.allowance: row.many for row in connection.execute(counted)}
