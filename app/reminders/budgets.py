"""What messages to many may cost: counted before each is queued, so that no budget is passed.

Receipts, codes and answers count nothing here and are never held back.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, text, update
from sqlalchemy.dialects.postgresql import insert

from app.reminders.errors import OverBudget
from app.reminders.models import campaign, spending_day


def spend(
    connection: Connection, campaign_id: int, day: date, cost: Decimal, day_budget: Decimal | None
) -> None:
    """Counts a message's cost for its campaign and the day; OverBudget where it would be passed.

    Conditional updates: two workers at once never pass it together, and a cost that makes exactly
    the budget is allowed.
    """
    asked = {"campaign": campaign_id, "day": day, "cost": cost, "budget": day_budget}
    if not connection.execute(_SPEND_OF_CAMPAIGN, asked).rowcount:
        raise OverBudget(scope="campaign")
    if not connection.execute(_SPEND_OF_DAY, asked).rowcount:
        raise OverBudget(scope="day")


_SPEND_OF_CAMPAIGN = text("""
    UPDATE campaign SET spent = spent + :cost
    WHERE id = :campaign AND (budget IS NULL OR spent + :cost <= budget)
""")
_SPEND_OF_DAY = text("""
    INSERT INTO spending_day (day, spent, budget)
    SELECT :day, :cost, CAST(:budget AS numeric)
    WHERE CAST(:budget AS numeric) IS NULL OR :cost <= CAST(:budget AS numeric)
    ON CONFLICT (day) DO UPDATE
        SET spent = spending_day.spent + :cost, budget = excluded.budget, reached_at = NULL
        WHERE excluded.budget IS NULL OR spending_day.spent + :cost <= excluded.budget
""")


def _open_day(connection: Connection, day: date) -> None:
    row = insert(spending_day).values(day=day)
    connection.execute(row.on_conflict_do_nothing())


def give_back(connection: Connection, campaign_id: int, day: date, cost: Decimal) -> None:
    """A message that was counted will not be sent after all."""
    for table, which in (
        (campaign, campaign.c.id == campaign_id),
        (spending_day, spending_day.c.day == day),
    ):
        connection.execute(update(table).where(which).values(spent=table.c.spent - cost))


def note_reached(
    connection: Connection, scope: str, campaign_id: int, day: date, now: datetime
) -> None:
    """Says that a budget would be passed: its campaign pauses, or the day is over for all."""
    if scope == "campaign":
        running = campaign.c.id == campaign_id, campaign.c.state == "running"
        connection.execute(update(campaign).where(*running).values(state="paused"))
        return
    _open_day(connection, day)
    today = spending_day.c.day == day, spending_day.c.reached_at.is_(None)
    connection.execute(update(spending_day).where(*today).values(reached_at=now))
