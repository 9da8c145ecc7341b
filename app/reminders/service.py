"""Writes down whom a reminder is for, all at once, and takes back those that became pointless.

Every function works in the caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.base.clock import local_date
from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.contributions.rates import RATES
from app.reminders.budgets import give_back
from app.reminders.context import ReminderContext
from app.reminders.errors import CampaignUnknown
from app.reminders.fragments import LANGUAGE, REACHED, WANTS_IT, WHY_NOT
from app.reminders.models import campaign, campaign_recipient
from app.reminders.rules import Occasion, occasions_on
from app.text.languages import LANGUAGES


@dataclass(frozen=True, slots=True)
class Group:
    """Of one campaign, those of one language and region."""

    language: str
    region: str | None
    queued: int
    held_out: int

    @property
    def segments_at_most(self) -> int:
        return self.queued * LANGUAGES[self.language].most_segments


@dataclass(frozen=True, slots=True)
class Planned:
    """Whom an occasion is newly for; `price` is the most a segment costs."""

    occasion: Occasion
    groups: tuple[Group, ...]
    price: Decimal

    @property
    def queued(self) -> int:
        return sum(group.queued for group in self.groups)


def plan_reminders(
    connection: Connection, means: ReminderContext, on: date, now: datetime
) -> tuple[Planned, ...]:
    """What queue_reminders would do; changes nothing."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    return tuple(
        Planned(one, _groups(connection, _COUNTED, means, one), means.price_on(on))
        for one in _worth_saying(means, on, now)
    )


def queue_reminders(
    connection: Connection, means: ReminderContext, on: date, now: datetime
) -> tuple[Planned, ...]:
    """Writes down whom each occasion of the day `on` is for, and has not been told yet.

    Two at once wait for each other, and an artisan is written down once for a month and step: the
    second finds nobody. What was missed on days before comes along while it is of use.
    """
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    done = []
    for one in _worth_saying(means, on, now):
        if (number := _open_campaign(connection, means, one, now)) is not None:
            groups = _groups(connection, _QUEUED, means, one, campaign=number, now=now)
            done.append(Planned(one, groups, means.price_on(on)))
    return tuple(done)


def _worth_saying(means: ReminderContext, on: date, now: datetime) -> list[Occasion]:
    return [one for one in occasions_on(means.calendar, on) if one.useful_until > now]


def _open_campaign(
    connection: Connection, means: ReminderContext, occasion: Occasion, now: datetime
) -> int | None:
    """The campaign's number, made at the first asking; None for one that was cancelled."""
    connection.execute(
        insert(campaign)
        .values(
            name=occasion.name,
            kind="reminder",
            state="running",
            due_at=occasion.opens_at,
            useful_until=occasion.useful_until,
            step=occasion.step,
            month=occasion.month.first_day,
            deadline=occasion.deadline,
            pays=occasion.pays.first_day,
            covered_from=occasion.covered_from,
            budget=means.campaign_budget,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["name"])
    )
    named = campaign.c.name == occasion.name
    found = select(campaign.c.id).where(named, campaign.c.state != "cancelled")
    return connection.execute(found).scalar()


def _groups(
    connection: Connection, statement: str, means: ReminderContext, occasion: Occasion, **more: Any
) -> tuple[Group, ...]:
    values = {
        "name": occasion.name,
        "collected": list(RATES.collected_here),
        "after": (occasion.pays + 1).first_day,
        "pays": occasion.pays.first_day,
        "covered_from": occasion.covered_from,
        "keeps": occasion.keeps.first_day if occasion.keeps else None,
        "kept_from": occasion.kept_from,
        "per_mille": means.holdout_per_mille,
        "key": means.holdout_key,
    }
    return tuple(Group(*row) for row in connection.execute(text(statement), values | more))


# Who owes the month here, is enrolled, can be reached, and was not written down before. Who is held
# out is chosen by a keyed digest of the artisan alone: the same people, month after month.
_DUE = f"""
    SELECT a.id AS artisan_id, reached.phone, {LANGUAGE}, a.region,
        CASE WHEN :per_mille > 0 AND
            ('x' || left(encode(sha256(:key || convert_to(a.id::text, 'UTF8')), 'hex'), 8))
            ::bit(32)::bigint % 1000 < :per_mille THEN 'held_out' ELSE 'waiting' END AS state
    FROM artisan a {REACHED}
    WHERE a.category = ANY(:collected) AND a.enrolled_on < :after
        AND {WANTS_IT}
        AND (a.rights_until IS NULL OR a.rights_until < :covered_from)
        AND NOT EXISTS (SELECT FROM contribution_allocation paid
            WHERE paid.artisan_id = a.id AND paid.period = :pays)
        AND (CAST(:keeps AS date) IS NULL OR a.rights_until >= :kept_from
            OR EXISTS (SELECT FROM contribution_allocation paid
                WHERE paid.artisan_id = a.id AND paid.period = :keeps))
        AND NOT EXISTS (SELECT FROM campaign_recipient told JOIN campaign ON id = told.campaign_id
            WHERE campaign.name = :name AND told.artisan_id = a.id)
"""  # noqa: S608 - made of our own words alone
_COUNTS = """
    SELECT language, region, count(*) FILTER (WHERE state = 'waiting') AS queued,
        count(*) FILTER (WHERE state = 'held_out') AS held_out
"""
_IN_ORDER = "GROUP BY language, region ORDER BY language, region"
_COUNTED = f"{_COUNTS} FROM ({_DUE}) due {_IN_ORDER}"
_QUEUED = f"""
    WITH told AS (
        INSERT INTO campaign_recipient
            (campaign_id, artisan_id, phone, language, region, state, decided_at)
        SELECT :campaign, artisan_id, phone, language, region, state,
            CASE state WHEN 'held_out' THEN CAST(:now AS timestamptz) END
        FROM ({_DUE}) due
        ON CONFLICT DO NOTHING RETURNING language, region, state
    ) {_COUNTS} FROM told {_IN_ORDER}
"""  # noqa: S608


def cancel_settled(operation: Operation, message_ids: Sequence[int]) -> list[int]:
    """Of messages that are about to be sent, those to many that nobody needs any more.

    The month was paid, the phone said STOP, or the campaign was cancelled: the recipients are noted
    as not told and the budgets get back what they counted. The caller marks the messages.
    """
    if not message_ids:
        return []
    connection, params = operation.connection, {"messages": list(message_ids), "now": operation.now}
    rows = connection.execute(_CANCEL_SETTLED, params).all()
    for row in sorted(rows):
        give_back(connection, row.campaign_id, local_date(row.decided_at), row.cost)
    return [row.message_id for row in rows]


_CANCEL_SETTLED = text(f"""
    WITH needless AS (
        SELECT r.campaign_id, r.artisan_id, r.cost, r.decided_at, {WHY_NOT} AS why
        FROM campaign_recipient r JOIN campaign c ON c.id = r.campaign_id
        JOIN artisan a ON a.id = r.artisan_id
        LEFT JOIN phone_preference said ON said.phone = r.phone
        WHERE r.message_id = ANY(:messages) AND r.state = 'queued'
        FOR UPDATE OF r
    )
    UPDATE campaign_recipient r
    SET state = 'cancelled', reason = needless.why, cost = 0, decided_at = :now
    FROM needless
    WHERE needless.why IS NOT NULL AND r.campaign_id = needless.campaign_id
        AND r.artisan_id = needless.artisan_id
    RETURNING r.campaign_id, needless.decided_at, needless.cost, r.message_id
""")  # noqa: S608


def resume_campaign(connection: Connection, name: str, budget: Decimal | None) -> None:
    """Goes on with one that its budget stopped, with another. CampaignUnknown, InvalidInput."""
    here = campaign.c.name == name, campaign.c.state == "paused"
    spent = connection.execute(select(campaign.c.spent).where(*here).with_for_update()).scalar()
    if spent is None:
        raise CampaignUnknown(campaign=name)
    if budget is not None and budget < spent:
        raise InvalidInput(what="budget", why=f"{spent} dirhams are spent")
    change = update(campaign).where(*here).values(state="running", budget=budget)
    connection.execute(change)


def cancel_campaign(connection: Connection, name: str, now: datetime) -> int:
    """Nobody who still waits is told; how many. What was queued is taken back before it is sent."""
    live = campaign.c.state != "cancelled"
    found = connection.execute(
        update(campaign)
        .where(campaign.c.name == name, live)
        .values(state="cancelled")
        .returning(campaign.c.id)
    ).scalar()
    if found is None:
        raise CampaignUnknown(campaign=name)
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    row = campaign_recipient.c
    return connection.execute(
        update(campaign_recipient)
        .where(row.campaign_id == found, row.state == "waiting")
        .values(state="cancelled", reason="campaign_cancelled", decided_at=now)
    ).rowcount
