"""Writes down whom a reminder is for, all at once, and takes back those that became pointless.

Every function works in the caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.base.rows import read_row
from app.contributions.rates import RATES
from app.messaging.forgetting import FORGOTTEN
from app.reminders.budgets import return_cost
from app.reminders.errors import CampaignUnknown
from app.reminders.fragments import LANGUAGE, REACHED, WANTS_IT, WHY_NOT
from app.reminders.models import campaign, campaign_recipient
from app.reminders.rules import Occasion, occasions_on
from app.reminders.settings import ReminderSettings
from app.text.languages import LANGUAGES


@dataclass(frozen=True, slots=True)
class RecipientGroup:
    """Recipients of one campaign, of one language and region: how many."""

    language: str
    region: str | None
    queued: int
    held_out: int

    @property
    def segments_at_most(self) -> int:
        return self.queued * LANGUAGES[self.language].most_segments


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """An occasion and its new recipients; `price` is the most a segment costs, in dirhams."""

    occasion: Occasion
    groups: tuple[RecipientGroup, ...]
    price: Decimal

    @property
    def queued(self) -> int:
        return sum(group.queued for group in self.groups)


def plan_reminders(
    connection: Connection, settings: ReminderSettings, on: date, now: datetime
) -> tuple[CampaignPlan, ...]:
    """Returns what queue_reminders would do; changes nothing."""
    return tuple(
        CampaignPlan(
            occasion,
            _read_groups(connection, _COUNTED, _audience_params(settings, occasion)),
            settings.price_on(on),
        )
        for occasion in _find_useful(settings, on, now)
    )


def queue_reminders(
    operation: Operation, settings: ReminderSettings, on: date
) -> tuple[CampaignPlan, ...]:
    """Writes down the new recipients of each occasion of the day `on`.

    Two at once wait for each other, and an artisan is written down once for a month and step: the
    second finds nobody. Occasions missed on days before come along while they are of use.
    """
    connection, now = operation.connection, operation.now
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    plans = []
    for occasion in _find_useful(settings, on, now):
        campaign_id = _open_campaign(operation, settings, occasion)
        if campaign_id is not None:
            params = _audience_params(settings, occasion) | {"campaign": campaign_id, "now": now}
            groups = _read_groups(connection, _QUEUED, params)
            plan = CampaignPlan(occasion, groups, settings.price_on(on))
            if groups:
                subject = f"campaign:{occasion.name}"
                record_audit(operation, "reminders_queued", subject, queued=plan.queued)
            plans.append(plan)
    return tuple(plans)


def _find_useful(settings: ReminderSettings, on: date, now: datetime) -> list[Occasion]:
    occasions = occasions_on(settings.calendar, on)
    return [occasion for occasion in occasions if occasion.useful_until > now]


def _open_campaign(
    operation: Operation, settings: ReminderSettings, occasion: Occasion
) -> int | None:
    """Returns the campaign's id, made the first time; None if it was cancelled."""
    operation.connection.execute(
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
            budget=settings.campaign_budget,
            created_at=operation.now,
        )
        .on_conflict_do_nothing(index_elements=["name"])
    )
    live = campaign.c.name == occasion.name, campaign.c.state != "cancelled"
    return operation.connection.execute(select(campaign.c.id).where(*live)).scalar()


def _audience_params(settings: ReminderSettings, occasion: Occasion) -> dict[str, object]:
    return {
        "name": occasion.name,
        "collected": list(RATES.collected_here),
        "after": (occasion.pays + 1).first_day,
        "pays": occasion.pays.first_day,
        "covered_from": occasion.covered_from,
        "keeps": occasion.keeps.first_day if occasion.keeps else None,
        "kept_from": occasion.kept_from,
        "per_mille": settings.holdout_per_mille,
        "salt": settings.holdout_salt,
    }


def _read_groups(
    connection: Connection, statement: str, params: Mapping[str, object]
) -> tuple[RecipientGroup, ...]:
    rows = connection.execute(text(statement), params)
    return tuple(read_row(RecipientGroup, row) for row in rows)


# Artisans who owe the month here, are enrolled, can be reached, and were not written down before. A
# digest of the artisan alone chooses those held out: the same people, month after month, under
# whatever SECRET_KEY. Who was written down is looked up by its key, one by one (OFFSET 0): of a
# campaign written a moment ago the planner knows nothing, and would compare each with each.
_DUE = f"""
    SELECT a.id AS artisan_id, reached.phone, {LANGUAGE}, a.region,
        CASE WHEN :per_mille > 0 AND
            ('x' || left(encode(sha256(convert_to(:salt || a.id::text, 'UTF8')), 'hex'), 8))
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
        AND NOT EXISTS (SELECT FROM campaign_recipient known
            WHERE known.campaign_id = (SELECT id FROM campaign WHERE name = :name)
                AND known.artisan_id = a.id OFFSET 0)
"""  # noqa: S608 - made of our own words alone
_COUNTS = """
    SELECT language, region, count(*) FILTER (WHERE state = 'waiting') AS queued,
        count(*) FILTER (WHERE state = 'held_out') AS held_out
"""
_IN_ORDER = "GROUP BY language, region ORDER BY language, region"
_COUNTED = f"{_COUNTS} FROM ({_DUE}) due {_IN_ORDER}"
_QUEUED = f"""
    WITH written AS (
        INSERT INTO campaign_recipient
            (campaign_id, artisan_id, phone, language, region, state, decided_at)
        SELECT :campaign, artisan_id, phone, language, region, state,
            CASE state WHEN 'held_out' THEN CAST(:now AS timestamptz) END
        FROM ({_DUE}) due
        ON CONFLICT DO NOTHING RETURNING language, region, state
    ) {_COUNTS} FROM written {_IN_ORDER}
"""  # noqa: S608


def forget_recipient(operation: Operation, artisan_id: int) -> None:
    """Takes the phone from what was sent to a person who asked to be forgotten."""
    columns = campaign_recipient.c
    operation.connection.execute(
        update(campaign_recipient)
        .where(columns.artisan_id == artisan_id)
        .values(phone=FORGOTTEN, region=None)
    )


def cancel_settled(operation: Operation, message_ids: Sequence[int]) -> list[int]:
    """Cancels, of messages about to be sent, those of campaigns that nobody needs any more.

    The month was paid, the phone opted out, or the campaign was cancelled. The recipients become
    `cancelled` and the budgets get back what they counted. Returns the messages' ids; the caller
    marks them.
    """
    if not message_ids:
        return []
    connection = operation.connection
    params = {"messages": list(message_ids), "now": operation.now}
    rows = connection.execute(_CANCEL_SETTLED, params).all()
    for row in sorted(rows):
        return_cost(connection, row.campaign_id, local_date(row.decided_at), row.cost)
    return [row.message_id for row in rows]


_CANCEL_SETTLED = text(f"""
    WITH needless AS (
        SELECT r.campaign_id, r.artisan_id, r.cost, r.decided_at, {WHY_NOT} AS why
        FROM campaign_recipient r JOIN campaign c ON c.id = r.campaign_id
        JOIN artisan a ON a.id = r.artisan_id
        LEFT JOIN phone_preference wish ON wish.phone = r.phone
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


def pause_campaign(operation: Operation, name: str) -> None:
    """Pauses a running campaign: nobody new hears of it until it is resumed.

    Raises: CampaignUnknown.
    """
    running = campaign.c.name == name, campaign.c.state == "running"
    paused = operation.connection.execute(update(campaign).where(*running).values(state="paused"))
    if not paused.rowcount:
        raise CampaignUnknown(campaign=name)
    record_audit(operation, "campaign_paused", f"campaign:{name}")


def resume_campaign(operation: Operation, name: str, budget: Decimal | None) -> None:
    """Resumes a campaign paused by its budget, with another budget in dirhams; None: no limit.

    Raises: CampaignUnknown, InvalidInput.
    """
    connection = operation.connection
    paused = campaign.c.name == name, campaign.c.state == "paused"
    spent = connection.execute(select(campaign.c.spent).where(*paused).with_for_update()).scalar()
    if spent is None:
        raise CampaignUnknown(campaign=name)
    if budget is not None and budget < spent:
        raise InvalidInput(what="budget", why=f"{spent} dirhams are spent")
    connection.execute(update(campaign).where(*paused).values(state="running", budget=budget))
    limit = None if budget is None else str(budget)
    record_audit(operation, "campaign_resumed", f"campaign:{name}", budget=limit)


def cancel_campaign(operation: Operation, name: str) -> int:
    """Cancels the campaign and its waiting recipients; returns how many waited.

    Messages already queued are taken back before they are sent. Raises: CampaignUnknown.
    """
    connection = operation.connection
    campaign_id = connection.execute(
        update(campaign)
        .where(campaign.c.name == name, campaign.c.state != "cancelled")
        .values(state="cancelled")
        .returning(campaign.c.id)
    ).scalar()
    if campaign_id is None:
        raise CampaignUnknown(campaign=name)
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    columns = campaign_recipient.c
    waiting = connection.execute(
        update(campaign_recipient)
        .where(columns.campaign_id == campaign_id, columns.state == "waiting")
        .values(state="cancelled", reason="campaign_cancelled", decided_at=operation.now)
    ).rowcount
    record_audit(operation, "campaign_cancelled", f"campaign:{name}", waiting=waiting)
    return waiting
