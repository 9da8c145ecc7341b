"""Compares a network's days in sum: what our books have, and what its files tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, text

from app.base.clock import local_midnight
from app.base.money import Money


@dataclass(frozen=True, slots=True)
class SettledTotals:
    """A day in Morocco: deposits and payments told, counted and in centimes.

    `reversed_count` are deposits of the day that were undone since; they count in no sum of ours.
    `settled` is True if a file that stands settles the day.
    """

    day: date
    our_count: int
    our_centimes: int
    reversed_count: int
    their_count: int
    their_centimes: int
    settled: bool

    @property
    def ours(self) -> Money:
        return Money(self.our_centimes)

    @property
    def theirs(self) -> Money:
        return Money(self.their_centimes)

    @property
    def difference(self) -> Money:
        """Their sum less ours."""
        return self.theirs - self.ours


def list_day_totals(
    connection: Connection, network: str | None, last: date, days: int
) -> list[SettledTotals]:
    """Returns the totals of so many days up to `last`, newest first; of one network or all."""
    totals = []
    for number in range(days):
        day = last - timedelta(days=number)
        params = {
            "network": network,
            "day": day,
            "begin": local_midnight(day),
            "end": local_midnight(day + timedelta(days=1)),
        }
        row = connection.execute(_TOTALS, params).one()
        totals.append(
            SettledTotals(
                day=day,
                our_count=row.our_count,
                our_centimes=row.our_centimes,
                reversed_count=row.reversed_count,
                their_count=row.their_count,
                their_centimes=row.their_centimes,
                settled=row.settled,
            )
        )
    return totals


_TOTALS = text("""
    SELECT ours.*, theirs.*, EXISTS (SELECT FROM settlement_file f
        WHERE f.network = coalesce(CAST(:network AS text), f.network) AND f.withdrawn_at IS NULL
            AND f.first_day <= :day AND f.day >= :day) AS settled
    FROM (SELECT count(*) FILTER (WHERE r.receipt_number IS NULL) AS our_count,
            coalesce(sum(d.total_centimes) FILTER (WHERE r.receipt_number IS NULL), 0)::bigint
                AS our_centimes,
            count(r.receipt_number) AS reversed_count
        FROM deposit d LEFT JOIN reversal r ON r.receipt_number = d.receipt_number
        WHERE d.network = coalesce(CAST(:network AS text), d.network)
            AND d.received_at >= :begin AND d.received_at < :end) ours,
        (SELECT count(*) AS their_count, coalesce(sum(amount_centimes), 0)::bigint
            AS their_centimes
        FROM network_payment WHERE network = coalesce(CAST(:network AS text), network)
            AND status = 'paid' AND paid_at >= :begin AND paid_at < :end) theirs
""")
