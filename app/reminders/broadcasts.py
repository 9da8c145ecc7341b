"""An official notice sent to many: one person proposes it and sees the cost, another starts it.

The words that were proposed go out, within the hours, opt-outs and budgets of reminders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, func, insert, select, text, update

from app.audit.service import record_audit, record_decision
from app.base.clock import local_date
from app.base.operation import Operation
from app.notices.models import notice, notice_text
from app.office.two_people import check_two_people
from app.reminders.errors import (
    CampaignUnknown,
    NobodyToTell,
    NoticeChanged,
    NoticeUnknown,
    TextTooLong,
)
from app.reminders.fragments import LANGUAGE, REACHED, WANTS_IT
from app.reminders.models import campaign
from app.reminders.settings import ReminderSettings
from app.reminders.wording import notice_values
from app.text.encoding import segments
from app.text.languages import LANGUAGES
from app.text.words import Words


@dataclass(frozen=True, slots=True)
class BroadcastRequest:
    """A proposal to send a notice to artisans of a region or trade, both, or all (neither).

    `region` and `trade` as the register writes them. `budget` in dirhams; None: the settings'.
    """

    notice: str
    region: str | None = None
    trade: str | None = None
    budget: Decimal | None = None


@dataclass(frozen=True, slots=True)
class LanguagePreview:
    """The text in one language, how many people get it, and what it costs at most, in dirhams."""

    language: str
    people: int
    text: str
    segments: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class BroadcastProposal:
    """A broadcast that waits for a second person."""

    number: int
    name: str
    previews: tuple[LanguagePreview, ...]


def propose_broadcast(
    operation: Operation, settings: ReminderSettings, words: Words, request: BroadcastRequest
) -> BroadcastProposal:
    """Writes down a proposal; nothing is sent yet.

    Raises: NoticeUnknown, TextTooLong (naming the language), NobodyToTell.
    """
    published = _read_notice(operation, settings, request.notice)
    previews = _preview(operation, settings, words, request, published.texts)
    times = select(func.count() + 1).where(campaign.c.notice == request.notice).scalar_subquery()
    row = operation.connection.execute(
        insert(campaign)
        .values(
            name=func.concat("notice:", request.notice, ":", times),
            kind="notice",
            state="proposed",
            due_at=operation.now,
            useful_until=published.useful_until,
            notice=request.notice,
            texts=published.texts,
            region=request.region,
            trade=request.trade,
            budget=settings.campaign_budget if request.budget is None else request.budget,
            created_at=operation.now,
            proposed_by=operation.actor,
        )
        .returning(campaign.c.id, campaign.c.name)
    ).one()
    audience = {"region": request.region, "trade": request.trade}
    record_audit(operation, "broadcast_proposed", f"campaign:{row.name}", **audience)
    return BroadcastProposal(number=row.id, name=row.name, previews=previews)


def approve_broadcast(operation: Operation, settings: ReminderSettings, number: int) -> int:
    """Starts the broadcast at the next opening; `operation.actor` is the second person.

    Returns how many people it is for.

    Raises: CampaignUnknown, SamePerson for who proposed it, NoticeUnknown, NoticeChanged.
    """
    proposal = operation.connection.execute(
        select(campaign)
        .where(campaign.c.id == number, campaign.c.state == "proposed")
        .with_for_update()
    ).one_or_none()
    if proposal is None:
        raise CampaignUnknown(campaign=number)
    check_two_people(operation, proposal.proposed_by)
    if _read_notice(operation, settings, proposal.notice).texts != proposal.texts:
        raise NoticeChanged()
    opens = settings.calendar.next_opening(operation.now)
    operation.connection.execute(
        update(campaign)
        .where(campaign.c.id == number)
        .values(state="running", approved_by=operation.actor, due_at=opens)
    )
    operation.connection.execute(text("SET LOCAL statement_timeout = 0"))
    params = {"campaign": number, "region": proposal.region, "trade": proposal.trade}
    people = operation.connection.execute(_QUEUED, params).rowcount
    proposer = replace(operation, actor=proposal.proposed_by)
    subject = f"campaign:{proposal.name}"
    record_decision(proposer, "broadcast_approved", subject, operation.actor, people=people)
    return people


@dataclass(frozen=True, slots=True)
class _PublishedNotice:
    """Title and text by language, as one message says them."""

    useful_until: datetime
    texts: Mapping[str, str]


def _read_notice(operation: Operation, settings: ReminderSettings, name: str) -> _PublishedNotice:
    rows = operation.connection.execute(
        select(notice.c.until, notice_text.c.language, notice_text.c.title, notice_text.c.body)
        .join(notice_text, notice_text.c.notice_id == notice.c.id)
        .where(notice.c.name == name, notice.c.until >= local_date(operation.now))
    ).all()
    if not rows:
        raise NoticeUnknown(name=name)
    last_day = settings.calendar.open_day_until(rows[0].until)
    useful_until = settings.calendar.closes(last_day)
    if useful_until <= operation.now:
        raise NoticeUnknown(name=name)
    texts = {row.language: f"{row.title}\n{row.body}" for row in rows}
    return _PublishedNotice(useful_until=useful_until, texts=texts)


def _preview(
    operation: Operation,
    settings: ReminderSettings,
    words: Words,
    request: BroadcastRequest,
    texts: Mapping[str, str],
) -> tuple[LanguagePreview, ...]:
    bodies = {language: _write_body(words, texts, language) for language in texts}
    price = settings.price_on(local_date(operation.now))
    people = _count_people(operation.connection, request)
    if not people:
        raise NobodyToTell(region=request.region, trade=request.trade)
    return tuple(
        LanguagePreview(
            language=language,
            people=count,
            text=bodies[language],
            segments=segments(bodies[language]),
            cost=count * segments(bodies[language]) * price,
        )
        for language, count in people.items()
    )


def preview_notice(
    settings: ReminderSettings, words: Words, texts: Mapping[str, str], day: date
) -> tuple[LanguagePreview, ...]:
    """Returns the message of each language, for one person: its words, segments and cost.

    Raises: TextTooLong.
    """
    price = settings.price_on(day)
    previews = []
    for language in texts:
        body = _write_body(words, texts, language)
        count = segments(body)
        previews.append(LanguagePreview(language, 1, body, count, count * price))
    return tuple(previews)


def _write_body(words: Words, texts: Mapping[str, str], language: str) -> str:
    body = words.say(language, "sms.notice", notice_values(texts, language))
    if (count := segments(body)) > (most := LANGUAGES[language].most_segments):
        raise TextTooLong(language=language, segments=count, most=most)
    return body


def _count_people(connection: Connection, request: BroadcastRequest) -> dict[str, int]:
    """Returns how many people the broadcast is for, by language."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    params = {"region": request.region, "trade": request.trade}
    return {row.language: row.people for row in connection.execute(_COUNTED, params)}


# A phone of several people gets one message.
_AUDIENCE = f"""
    SELECT DISTINCT ON (reached.phone) a.id, reached.phone, {LANGUAGE}, a.region
    FROM artisan a {REACHED}
    WHERE {WANTS_IT}
        AND (CAST(:region AS text) IS NULL OR a.region = :region)
        AND (CAST(:trade AS text) IS NULL OR a.trade = :trade)
    ORDER BY reached.phone, a.id
"""  # noqa: S608 - made of our own words alone
_COUNTED = text(f"""
    SELECT language, count(*) AS people FROM ({_AUDIENCE}) audience
    GROUP BY language ORDER BY language
""")  # noqa: S608
_QUEUED = text(f"""
    INSERT INTO campaign_recipient (campaign_id, artisan_id, phone, language, region, state)
    SELECT :campaign, id, phone, language, region, 'waiting' FROM ({_AUDIENCE}) people
""")  # noqa: S608
