"""STOP and START: what a phone wants no more of, or again. Receipts and answers always go.

One STOP is one change: whoever hears it (our menu, a message, a provider), reminders and news end.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from app.base.phone import Phone
from app.messaging.consent import record_consent
from app.messaging.models import consent, provider_opt_out
from app.messaging.service import set_reminders

NEWS = "export_news"


def stop_all(
    connection: Connection, phone: Phone, now: datetime, *, said_to: str, key: str, wording: str
) -> bool:
    """Reminders and news end; whether anything changed. `wording` is what was said or told."""
    changed = set_reminders(connection, phone, False, now, changed_by=said_to)
    newest = _newest_answer(connection, phone)
    if newest is None or not newest.given:
        return changed
    _answer_news(connection, phone, False, newest.language, key, wording, now)
    return True


def start_reminders_again(
    connection: Connection, provider: str, phone: Phone, now: datetime
) -> None:
    """Reminders, and the way through this provider; that of another stays shut until told there."""
    set_reminders(connection, phone, True, now, changed_by="sms")
    row = provider_opt_out.c
    connection.execute(
        delete(provider_opt_out).where(row.provider == provider, row.phone == phone.e164)
    )


def lost_news_by_stop(connection: Connection, phone: Phone) -> bool:
    """Whether a STOP, and not a no in the menu, took the news: only then START gives them back."""
    newest = _newest_answer(connection, phone)
    return newest is not None and not newest.given and newest.channel == "sms"


def start_news_again(
    connection: Connection, phone: Phone, language: str, key: str, wording: str, now: datetime
) -> None:
    """START after a STOP: a yes of its own, with the sentence that told of it."""
    _answer_news(connection, phone, True, language, key, wording, now)


def record_provider_opt_out(
    connection: Connection, provider: str, phone: Phone, now: datetime
) -> bool:
    """The provider writes to this phone no more: the same as STOP. False where it was known.

    A known stop changes nothing again: the owner of the phone may have wanted reminders since, and
    gets them through another provider.
    """
    noted = (
        insert(provider_opt_out)
        .values(provider=provider, phone=phone.e164, stopped_at=now)
        .on_conflict_do_nothing()
        .returning(provider_opt_out.c.phone)
    )
    if connection.execute(noted).scalar() is None:
        return False
    key = f"{provider}:stop:{phone.e164}:{now.isoformat()}"
    wording = f"STOP ({provider})"
    stop_all(connection, phone, now, said_to=provider, key=key, wording=wording)
    return True


class _Answer(NamedTuple):
    given: bool
    language: str
    channel: str


def _newest_answer(connection: Connection, phone: Phone) -> _Answer | None:
    row = consent.c
    asked = select(row.given, row.language, row.channel).where(
        row.phone == phone.e164, row.subject == NEWS
    )
    found = connection.execute(asked.order_by(row.id.desc()).limit(1)).one_or_none()
    return _Answer(*found) if found else None


def _answer_news(
    connection: Connection,
    phone: Phone,
    given: bool,
    language: str,
    key: str,
    wording: str,
    now: datetime,
) -> None:
    record_consent(
        connection,
        phone,
        NEWS,
        given,
        language=language,
        channel="sms",
        answered_by=key,
        wording=wording,
        now=now,
    )
