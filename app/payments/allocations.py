"""Records when each allocated month was sent to CNSS, and when CNSS posted it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Select, tuple_, update

from app.base.money import Money
from app.payments.models import contribution_allocation


@dataclass(frozen=True, slots=True)
class AllocatedMonth:
    """The contribution and the penalty that a deposit paid for one month."""

    contribution: Money
    penalty: Money


def mark_sent(connection: Connection, sent: Select[tuple[str, date]], now: datetime) -> None:
    """Records that the months that `sent` selects, as receipt and period, were sent to CNSS."""
    columns = contribution_allocation.c
    months = tuple_(columns.receipt_number, columns.period).in_(sent)
    connection.execute(update(contribution_allocation).where(months).values(sent_at=now))


def mark_posted(connection: Connection, receipt: str, period: date, on: date) -> None:
    """Records the day on which CNSS posted one month of a receipt."""
    columns = contribution_allocation.c
    connection.execute(
        update(contribution_allocation)
        .where(columns.receipt_number == receipt, columns.period == period)
        .values(posted_on=on)
    )


def mark_unsent(connection: Connection, receipt: str, period: date) -> AllocatedMonth | None:
    """Puts one month of a receipt into the next export again. Returns None if CNSS posted it."""
    columns = contribution_allocation.c
    row = connection.execute(
        update(contribution_allocation)
        .where(columns.receipt_number == receipt, columns.period == period)
        .where(columns.posted_on.is_(None))
        .values(sent_at=None)
        .returning(columns.contribution_centimes, columns.penalty_centimes)
    ).one_or_none()
    if row is None:
        return None
    return AllocatedMonth(Money(row.contribution_centimes), Money(row.penalty_centimes))
