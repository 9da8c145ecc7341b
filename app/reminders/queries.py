"""Reads how campaigns stand, and compares who paid in time with and without a reminder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, select, text

from app.base.clock import local_midnight
from app.base.months import Month
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.base.rows import read_row
from app.reminders.errors import CampaignUnknown
from app.reminders.models import campaign, campaign_recipient, spending_day
from app.reminders.rules import Share, difference

# Ended campaigns are shown so long.
_SHOWN, _MOST_LATELY = timedelta(days=40), 1000


@dataclass(frozen=True, slots=True)
class CampaignState:
    """A campaign: its people by state, and dirhams spent."""

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
    """The most that messages to many cost on a day; `reached_at` once its budget stopped them."""

    spent: Decimal = Decimal(0)
    budget: Decimal | None = None
    reached_at: datetime | None = None


CAMPAIGN_SORTING = Sorting(
    {
        "name": campaign.c.name,
        "made": campaign.c.id,
        "state": campaign.c.state,
        "until": campaign.c.useful_until,
    },
    campaign.c.id,
    "-made",
)


def list_late_campaigns(connection: Connection, now: datetime) -> list[CampaignState]:
    """Returns the campaigns of the last weeks, newest first."""
    asked = CAMPAIGN_SORTING.first(_MOST_LATELY)
    return list_campaigns(connection, asked, now - _SHOWN).rows


def list_campaigns(
    connection: Connection, asked: RowsAsked, since: datetime | None = None
) -> PageOfRows[CampaignState]:
    """Returns the campaigns that are asked for, of those useful after `since` or of all."""
    statement = select(campaign)
    if since is not None:
        statement = statement.where(campaign.c.useful_until > since)
    page = read_page(connection, statement, CAMPAIGN_SORTING, asked, lambda row: row)
    people = _count_people(connection, [row.id for row in page.rows])
    states = [_read_campaign(row, people.get(row.id, {})) for row in page.rows]
    return page.with_rows(states)


def _read_campaign(row: Row[Any], people: Mapping[str, int]) -> CampaignState:
    return CampaignState(
        number=row.id,
        name=row.name,
        state=row.state,
        due_at=row.due_at,
        useful_until=row.useful_until,
        people=people,
        spent=row.spent,
        budget=row.budget,
    )


@dataclass(frozen=True, slots=True)
class CampaignSheet:
    """A campaign with all that who stops or starts it needs to know."""

    number: int
    name: str
    kind: str
    state: str
    due_at: datetime
    useful_until: datetime
    spent: Decimal
    budget: Decimal | None
    region: str | None
    trade: str | None
    texts: Mapping[str, str]
    proposed_by: str | None
    approved_by: str | None
    people: Mapping[str, int]


def find_campaign(connection: Connection, name: str) -> CampaignSheet:
    """Returns a campaign by its name. Raises: CampaignUnknown."""
    row = connection.execute(select(campaign).where(campaign.c.name == name)).one_or_none()
    if row is None:
        raise CampaignUnknown(campaign=name)
    recipients = campaign_recipient.c
    counted = (
        select(recipients.state, func.count().label("people"))
        .where(recipients.campaign_id == row.id)
        .group_by(recipients.state)
    )
    return CampaignSheet(
        number=row.id,
        name=row.name,
        kind=row.kind,
        state=row.state,
        due_at=row.due_at,
        useful_until=row.useful_until,
        spent=row.spent,
        budget=row.budget,
        region=row.region,
        trade=row.trade,
        texts=row.texts or {},
        proposed_by=row.proposed_by,
        approved_by=row.approved_by,
        people={one.state: one.people for one in connection.execute(counted)},
    )


def _count_people(connection: Connection, campaigns: Collection[int]) -> dict[int, dict[str, int]]:
    """Returns recipients by campaign and state."""
    recipients = campaign_recipient.c
    rows = connection.execute(
        select(recipients.campaign_id, recipients.state, func.count().label("people"))
        .where(recipients.campaign_id.in_(campaigns))
        .group_by(recipients.campaign_id, recipients.state)
    )
    people: dict[int, dict[str, int]] = {}
    for row in rows:
        people.setdefault(row.campaign_id, {})[row.state] = row.people
    return people


def find_spending(connection: Connection, day: date) -> DaySpending:
    """Returns the day's spending; zero on a day without messages to many."""
    columns = spending_day.c
    row = connection.execute(
        select(columns.spent, columns.budget, columns.reached_at).where(columns.day == day)
    ).one_or_none()
    return read_row(DaySpending, row) if row else DaySpending()


def count_paused(connection: Connection) -> int:
    """Returns how many campaigns their budget has paused."""
    paused = select(func.count()).where(campaign.c.state == "paused")
    return connection.execute(paused).scalar_one()


def count_proposed(connection: Connection, name: str) -> int:
    """Returns how many broadcasts wait for another person than who proposed them: for `name`."""
    proposed = campaign.c.state == "proposed", campaign.c.proposed_by != name
    return int(connection.execute(select(func.count()).where(*proposed)).scalar_one())


@dataclass(frozen=True, slots=True)
class Comparison:
    """Shares of people who paid by a campaign's deadline: to be reminded, and held out.

    Those to be reminded count whatever became of the message (intention to treat). `enough`: both
    groups are large enough to say anything. `over`: the deadline has passed; before it the figures
    still move.
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
        """The difference of the two shares, and its 95% interval."""
        return difference(self.reminded, self.held_out)


def compare_with_holdout(
    connection: Connection, month: Month | None, fewest: int, now: datetime
) -> list[Comparison]:
    """Compares every campaign of reminders, or those of one month; the oldest first."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    statement = select(campaign).where(campaign.c.kind == "reminder")
    if month:
        statement = statement.where(campaign.c.month == month.first_day)
    campaigns = connection.execute(statement.order_by(campaign.c.month, campaign.c.id)).all()
    return [_compare(connection, row, fewest, now) for row in campaigns]


def _compare(connection: Connection, row: Row[Any], fewest: int, now: datetime) -> Comparison:
    end = local_midnight(row.deadline + timedelta(days=1))
    params = {"campaign": row.id, "pays": row.pays, "end": end}
    groups = connection.execute(_PAID, params)
    shares = {group.held_out: Share(group.people, group.paid) for group in groups}
    reminded, held_out = shares.get(False, Share(0, 0)), shares.get(True, Share(0, 0))
    return Comparison(
        campaign=row.name,
        step=row.step,
        month=Month.of(row.month),
        deadline=row.deadline,
        reminded=reminded,
        held_out=held_out,
        enough=min(reminded.people, held_out.people) >= fewest,
        over=end <= now,
    )


_PAID = text("""
    SELECT r.state = 'held_out' AS held_out, count(*) AS people, count(*) FILTER (WHERE EXISTS (
        SELECT FROM contribution_allocation paid
        JOIN deposit d ON d.receipt_number = paid.receipt_number
        WHERE paid.artisan_id = r.artisan_id AND paid.period = :pays
            AND d.received_at < :end)) AS paid
    FROM campaign_recipient r WHERE r.campaign_id = :campaign GROUP BY 1
""")
