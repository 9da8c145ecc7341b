"""Counts the cost of campaigns' messages against the budgets, before each message is queued.

Receipts, codes and answers are not counted and never held back.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text, update
from sqlalchemy.dialects.postgresql import insert

from app.base.clock import local_date
from app.base.operation import Operation
from app.reminders.errors import OverBudget
from app.reminders.models import campaign, spending_day


def count_cost(
    operation: Operation, campaign_id: int, cost: Decimal, day_budget: Decimal | None
) -> None:
    """Counts a message's cost, in dirhams, for its campaign and for today.

    The updates are conditional, so that two workers at once cannot pass a budget together. A cost
    that reaches a budget exactly is allowed.

    Raises: OverBudget.
    """
    day = local_date(operation.now)
    params = {"campaign": campaign_id, "day": day, "cost": cost, "budget": day_budget}
    if not operation.connection.execute(_SPEND_OF_CAMPAIGN, params).rowcount:
        raise OverBudget(scope="campaign")
    if not operation.connection.execute(_SPEND_OF_DAY, params).rowcount:
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


def return_cost(connection: Connection, campaign_id: int, day: date, cost: Decimal) -> None:
    """Subtracts the cost of a message that will not be sent from its campaign and its day."""
    for table, which in (
        (campaign, campaign.c.id == campaign_id),
        (spending_day, spending_day.c.day == day),
    ):
        connection.execute(update(table).where(which).values(spent=table.c.spent - cost))


def mark_budget_reached(operation: Operation, scope: str, campaign_id: int) -> None:
    """Pauses the campaign whose budget is reached, or marks today's budget as reached for all.

    `scope` is `campaign` or `day`.
    """
    connection, day = operation.connection, local_date(operation.now)
    if scope == "campaign":
        running = campaign.c.id == campaign_id, campaign.c.state == "running"
        connection.execute(update(campaign).where(*running).values(state="paused"))
        return
    connection.execute(insert(spending_day).values(day=day).on_conflict_do_nothing())
    today = spending_day.c.day == day, spending_day.c.reached_at.is_(None)
    connection.execute(update(spending_day).where(*today).values(reached_at=operation.now))
