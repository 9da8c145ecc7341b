"""Reads how reminders stand, and what they change: with and without, who paid in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, select, text

from app.base.clock import local_midnight
from app.base.months import Month
from app.reminders.models import campaign, campaign_recipient, spending_day
from app.reminders.rules import Share, difference

# What ended is shown so long.
_SHOWN = timedelta(days=40)


@dataclass(frozen=True, slots=True)
class CampaignState:
    """How far one came: people by state, and dirhams."""

    number: int
    name: str
    state: str
    due_at: datetime
    useful_until: datetime
    people: Mapping[str, int]
    spent: Decimal
    budget: Decimal | None


@dataclass(frozen=True, slots=True)
class DaySpending:
    """What messages to many cost on a day, at most; `reached_at` once its budget stopped them."""

    spent: Decimal = Decimal(0)
    budget: Decimal | None = None
    reached_at: datetime | None = None


def list_campaigns(connection: Connection, now: datetime) -> list[CampaignState]:
    """Those of the last weeks, newest first."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    row, who = campaign.c, campaign_recipient.c
    counted = connection.execute(
        select(who.campaign_id, who.state, func.count())
        .join(campaign, row.id == who.campaign_id)
        .where(row.useful_until > now - _SHOWN)
        .group_by(who.campaign_id, who.state)
    )
    people: dict[int, dict[str, int]] = {}
    for number, state, count in counted:
        people.setdefault(number, {})[state] = count
    newest = select(campaign).where(row.useful_until > now - _SHOWN).order_by(row.id.desc())
    return [
        CampaignState(
            one.id,
            one.name,
            one.state,
            one.due_at,
            one.useful_until,
            people.get(one.id, {}),
            one.spent,
            one.budget,
        )
        for one in connection.execute(newest)
    ]


def find_spending(connection: Connection, day: date) -> DaySpending:
    """Nothing spent on a day nobody was told anything."""
    row = spending_day.c
    asked = select(row.spent, row.budget, row.reached_at).where(row.day == day)
    found = connection.execute(asked).one_or_none()
    return DaySpending(*found) if found else DaySpending()


def count_paused(connection: Connection) -> int:
    """The campaigns that their budget stopped."""
    paused = select(func.count()).where(campaign.c.state == "paused")
    return connection.execute(paused).scalar_one()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of one campaign, who paid by its deadline: among those to be reminded, whatever became of the
    message (intention to treat), and among those held out.

    `enough` is whether both groups are large enough to say anything, `over` whether the deadline
    has passed: before it the figures still move.
    """

    campaign: str
    step: str
    month: Month
    deadline: date
    reminded: Share
    held_out: Share
    enough: bool
    over: bool

    @property
    def difference(self) -> tuple[float, float, float]:
        """How many more paid in time, of one, with its 95% interval."""
        return difference(self.reminded, self.held_out)


def compare_with_holdout(
    connection: Connection, month: Month | None, fewest: int, now: datetime
) -> list[Comparison]:
    """Every campaign of reminders, or those of one month; the oldest first."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    asked = select(campaign).where(campaign.c.kind == "reminder")
    if month:
        asked = asked.where(campaign.c.month == month.first_day)
    campaigns = connection.execute(asked.order_by(campaign.c.month, campaign.c.id)).all()
    return [_compare(connection, one, fewest, now) for one in campaigns]


def _compare(connection: Connection, one: Row[Any], fewest: int, now: datetime) -> Comparison:
    end = local_midnight(one.deadline + timedelta(days=1))
    rows = connection.execute(_PAID, {"campaign": one.id, "pays": one.pays, "end": end})
    shares = {held: Share(people, paid) for held, people, paid in rows}
    reminded, held_out = shares.get(False, Share(0, 0)), shares.get(True, Share(0, 0))
    return Comparison(
        one.name,
        one.step,
        Month.of(one.month),
        one.deadline,
        reminded,
        held_out,
        min(reminded.people, held_out.people) >= fewest,
        end <= now,
    )


_PAID = text("""
    SELECT r.state = 'held_out' AS held, count(*), count(*) FILTER (WHERE EXISTS (
        SELECT FROM contribution_allocation paid
        JOIN deposit d ON d.receipt_number = paid.receipt_number
        WHERE paid.artisan_id = r.artisan_id AND paid.period = :pays AND d.received_at < :end))
    FROM campaign_recipient r WHERE r.campaign_id = :campaign GROUP BY 1
""")
