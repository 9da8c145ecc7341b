"""What a phone asks by SMS: a language, reminders or none, help. No menu leads here."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from app.base.phone import Phone
from app.enrolment.queries import find_language
from app.enrolment.rules import LANGUAGES
from app.enrolment.service import choose_language
from app.messaging.keywords import read_keyword
from app.messaging.models import inbound_message
from app.messaging.service import queue_message, set_reminders
from app.text.words import DEFAULT, Words

# Whoever writes what we do not know is told what we know, and not again soon: no loop of machines.
_TOLD_AGAIN_AFTER = timedelta(hours=24)


def answer_sms(
    connection: Connection,
    words: Words,
    provider: str,
    provider_id: str,
    phone: Phone,
    body: str,
    now: datetime,
) -> str | None:
    """Does what the message asks, once for each message; gives what it was understood as."""
    keyword = read_keyword(body)
    tell_unknown = keyword is not None or not _wrote_unknown(connection, phone, now)
    if not _is_new(connection, provider, provider_id, phone, keyword, now):
        return keyword
    if keyword in LANGUAGES:
        choose_language(connection, phone, keyword)
    if keyword in {"stop", "start"}:
        set_reminders(connection, phone, keyword == "start", now)
    if tell_unknown:
        kind = {"stop": "reminders_off", "start": "reminders_on"}.get(keyword or "")
        queue_message(
            connection,
            words,
            kind=kind or ("language" if keyword in LANGUAGES else "help"),
            event=f"{provider}:{provider_id}",
            phone=phone,
            language=find_language(connection, phone) or DEFAULT,
            values={},
            now=now,
        )
    return keyword


def _is_new(
    connection: Connection,
    provider: str,
    provider_id: str,
    phone: Phone,
    keyword: str | None,
    now: datetime,
) -> bool:
    row = insert(inbound_message).values(
        provider=provider,
        provider_id=provider_id,
        phone=phone.e164,
        keyword=keyword,
        received_at=now,
    )
    new = row.on_conflict_do_nothing().returning(inbound_message.c.provider_id)
    return connection.execute(new).scalar() is not None


def _wrote_unknown(connection: Connection, phone: Phone, now: datetime) -> bool:
    """Whether it was told of late what may be written."""
    row = inbound_message.c
    said = select(func.count()).where(
        row.phone == phone.e164, row.received_at > now - _TOLD_AGAIN_AFTER, row.keyword.is_(None)
    )
    return bool(connection.execute(said).scalar())
