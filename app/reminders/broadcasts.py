"""An official notice told to many: one person proposes it and sees the cost, another starts it.

What goes out are the words that were proposed, within the hours, STOP and budgets of reminders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text, update

from app.base.clock import local_date
from app.ledger.errors import SamePerson
from app.notices.models import notice, notice_text
from app.reminders.context import ReminderContext
from app.reminders.errors import (
    CampaignUnknown,
    NobodyToTell,
    NoticeChanged,
    NoticeUnknown,
    TextTooLong,
)
from app.reminders.fragments import LANGUAGE, REACHED, WANTS_IT
from app.reminders.models import campaign
from app.reminders.wording import notice_values
from app.text.encoding import segments
from app.text.languages import LANGUAGES
from app.text.words import Words


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom it is for: a region or a trade as the register writes them, both, or all (neither)."""

    region: str | None = None
    trade: str | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """Of one language: how many hear it, the text, its segments, what it costs at most."""

    language: str
    people: int
    text: str
    segments: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Proposal:
    """A broadcast that waits for a second person: its number, its name, what it is."""

    number: int
    name: str
    spoken: tuple[Spoken, ...]


def propose_broadcast(
    connection: Connection,
    means: ReminderContext,
    name: str,
    audience: Audience,
    by: str,
    budget: Decimal | None,
    now: datetime,
) -> Proposal:
    """Nothing is told yet. NoticeUnknown, TextTooLong (naming the language), NobodyToTell."""
    until, texts = _read_notice(connection, means, name, now)
    spoken = _spoken(connection, means, audience, texts, now)
    times = select(func.count() + 1).where(campaign.c.notice == name).scalar_subquery()
    called = func.concat("notice:", name, ":", times)
    row = connection.execute(
        insert(campaign)
        .values(
            name=called,
            kind="notice",
            state="proposed",
            due_at=now,
            useful_until=until,
            notice=name,
            texts=texts,
            region=audience.region,
            trade=audience.trade,
            budget=means.campaign_budget if budget is None else budget,
            created_at=now,
            proposed_by=by,
        )
        .returning(campaign.c.id, campaign.c.name)
    ).one()
    return Proposal(row.id, row.name, spoken)


def approve_broadcast(
    connection: Connection, means: ReminderContext, number: int, by: str, now: datetime
) -> int:
    """Starts it, at the next opening; how many are to be told. A second person alone may."""
    found = connection.execute(
        select(campaign)
        .where(campaign.c.id == number, campaign.c.state == "proposed")
        .with_for_update()
    ).one_or_none()
    if found is None:
        raise CampaignUnknown(campaign=number)
    if found.proposed_by.casefold() == by.casefold():
        raise SamePerson()
    if _read_notice(connection, means, found.notice, now)[1] != found.texts:
        raise NoticeChanged()
    opens = means.calendar.next_opening(now)
    connection.execute(
        update(campaign)
        .where(campaign.c.id == number)
        .values(state="running", approved_by=by, due_at=opens)
    )
    return _write_down(connection, found)


def _read_notice(
    connection: Connection, means: ReminderContext, name: str, now: datetime
) -> tuple[datetime, Mapping[str, str]]:
    """Until when it is of use, and its words by language: title and text."""
    rows = connection.execute(
        select(notice.c.until, notice_text.c.language, notice_text.c.title, notice_text.c.body)
        .join(notice_text, notice_text.c.notice_id == notice.c.id)
        .where(notice.c.name == name, notice.c.until >= local_date(now))
    ).all()
    if not rows:
        raise NoticeUnknown(name=name)
    until = means.calendar.closes(means.calendar.open_day_until(rows[0].until))
    if until <= now:
        raise NoticeUnknown(name=name)
    return until, {row.language: f"{row.title}\n{row.body}" for row in rows}


def _spoken(
    connection: Connection,
    means: ReminderContext,
    audience: Audience,
    texts: Mapping[str, str],
    now: datetime,
) -> tuple[Spoken, ...]:
    said = {language: _said(means.words, texts, language) for language in texts}
    price = means.price_on(local_date(now))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    spoken = tuple(
        Spoken(language, people, *said[language], people * said[language][1] * price)
        for language, people in connection.execute(_COUNTED, _asked(audience))
    )
    if not spoken:
        raise NobodyToTell(region=audience.region, trade=audience.trade)
    return spoken


def _said(words: Words, texts: Mapping[str, str], language: str) -> tuple[str, int]:
    told = words.say(language, "sms.notice", notice_values(texts, language))
    if (count := segments(told)) > (most := LANGUAGES[language].most_segments):
        raise TextTooLong(language=language, segments=count, most=most)
    return told, count


def _asked(audience: Audience) -> dict[str, Any]:
    return {"region": audience.region, "trade": audience.trade}


def _write_down(connection: Connection, proposed: Row[Any]) -> int:
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    values = {"campaign": proposed.id, "region": proposed.region, "trade": proposed.trade}
    return connection.execute(_QUEUED, values).rowcount


# A phone of several people is told once.
_AUDIENCE = f"""
    SELECT DISTINCT ON (reached.phone) a.id, reached.phone, {LANGUAGE}, a.region
    FROM artisan a {REACHED}
    WHERE {WANTS_IT}
        AND (CAST(:region AS text) IS NULL OR a.region = :region)
        AND (CAST(:trade AS text) IS NULL OR a.trade = :trade)
    ORDER BY reached.phone, a.id
"""  # noqa: S608 - made of our own words alone
_COUNTED = text(f"""
    SELECT language, count(*) FROM ({_AUDIENCE}) people GROUP BY language ORDER BY language
""")  # noqa: S608
_QUEUED = text(f"""
    INSERT INTO campaign_recipient (campaign_id, artisan_id, phone, language, region, state)
    SELECT :campaign, id, phone, language, region, 'waiting' FROM ({_AUDIENCE}) people
""")  # noqa: S608
