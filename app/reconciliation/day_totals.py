"""Compares a network's days in sum: what our books have, and what its files tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, text

from app.base.clock import local_midnight
from app.base.money import Money
from app.base.rows import read_row


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
    wanted = [last - timedelta(days=number) for number in range(days)]
    params = {
        "network": network,
        "days": wanted,
        "begins": [local_midnight(day) for day in wanted],
        "ends": [local_midnight(day + timedelta(days=1)) for day in wanted],
    }
    return [read_row(SettledTotals, row) for row in connection.execute(_TOTALS, params)]


_TOTALS = text("""
    WITH networks AS MATERIALIZED (SELECT ARRAY(SELECT code FROM agent_network
        WHERE code = coalesce(CAST(:network AS text), code)) AS codes)
    SELECT days.day, ours.*, theirs.*, EXISTS (SELECT FROM settlement_file f
        WHERE f.network = ANY (networks.codes) AND f.withdrawn_at IS NULL
            AND f.first_day <= days.day AND f.day >= days.day) AS settled
    FROM networks, unnest(CAST(:days AS date[]), CAST(:begins AS timestamptz[]),
        CAST(:ends AS timestamptz[])) WITH ORDINALITY AS days (day, begins, ends, place)
    CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE r.receipt_number IS NULL) AS our_count,
            coalesce(sum(d.total_centimes) FILTER (WHERE r.receipt_number IS NULL), 0)::bigint
                AS our_centimes,
            count(r.receipt_number) AS reversed_count
        FROM deposit d LEFT JOIN reversal r ON r.receipt_number = d.receipt_number
        WHERE d.network = ANY (networks.codes)
            AND d.received_at >= days.begins AND d.received_at < days.ends) ours
    CROSS JOIN LATERAL (SELECT count(*) AS their_count,
            coalesce(sum(p.amount_centimes), 0)::bigint AS their_centimes
        FROM network_payment p
        WHERE p.network = ANY (networks.codes)
            AND p.status = 'paid' AND p.paid_at >= days.begins AND p.paid_at < days.ends) theirs
    ORDER BY days.place
""")
