"""Records STOP and START, by which a phone ends or resumes reminders and news.

A STOP in our menu, in a message or at a provider has the same effect. Receipts and answers are sent
to everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import name_phone, record_audit
from app.base.operation import Operation
from app.base.phone import Phone
from app.messaging.consent import Consent, record_consent
from app.messaging.models import consent, provider_opt_out
from app.messaging.service import set_reminders

NEWS = "export_news"


@dataclass(frozen=True, slots=True)
class OptOut:
    """A STOP: `heard_by` is `sms` or a provider's name, `key` names the message or report of it.

    `wording` is the sentence that confirmed it, or the words of the provider.
    """

    phone: Phone
    heard_by: str
    key: str
    wording: str


def record_opt_out(operation: Operation, stop: OptOut) -> bool:
    """Ends reminders and news to a phone. Returns False if both had ended before."""
    changed = set_reminders(operation, stop.phone, False, changed_by=stop.heard_by)
    newest = _find_newest_answer(operation.connection, stop.phone)
    if newest is None or not newest.given:
        return changed
    refusal = _news_answer(stop.phone, False, newest.language, stop.key, stop.wording)
    record_consent(operation, refusal)
    return True


def resume_reminders(operation: Operation, provider: str, phone: Phone) -> None:
    """Turns reminders on again and deletes the opt-out at this provider. Other providers' stay."""
    set_reminders(operation, phone, True, changed_by="sms")
    columns = provider_opt_out.c
    ended = operation.connection.execute(
        delete(provider_opt_out).where(columns.provider == provider, columns.phone == phone.e164)
    )
    if ended.rowcount:
        record_audit(operation, "provider_opt_out_ended", name_phone(phone), provider=provider)


def has_lost_news_by_stop(connection: Connection, phone: Phone) -> bool:
    """True if a STOP ended the news. A START resumes them only then, not after a no in the menu."""
    newest = _find_newest_answer(connection, phone)
    return newest is not None and not newest.given and newest.channel == "sms"


def resume_news(operation: Operation, phone: Phone, language: str, key: str, wording: str) -> None:
    """Records a START after a STOP as a new consent, with the sentence that confirmed it."""
    record_consent(operation, _news_answer(phone, True, language, key, wording))


def record_provider_opt_out(operation: Operation, provider: str, phone: Phone) -> bool:
    """Records an opt-out at the provider and treats it as STOP. Returns False if already recorded.

    A recorded opt-out changes nothing: the person may have resumed reminders since, which then come
    through another provider.
    """
    insertion = (
        insert(provider_opt_out)
        .values(provider=provider, phone=phone.e164, stopped_at=operation.now)
        .on_conflict_do_nothing()
        .returning(provider_opt_out.c.phone)
    )
    if operation.connection.execute(insertion).scalar() is None:
        return False
    record_audit(operation, "provider_opt_out_recorded", name_phone(phone), provider=provider)
    key = f"{provider}:stop:{phone.e164}:{operation.now.isoformat()}"
    record_opt_out(operation, OptOut(phone, provider, key, f"STOP ({provider})"))
    return True


class _NewsAnswer(NamedTuple):
    given: bool
    language: str
    channel: str


def _find_newest_answer(connection: Connection, phone: Phone) -> _NewsAnswer | None:
    columns = consent.c
    row = connection.execute(
        select(columns.given, columns.language, columns.channel)
        .where(columns.phone == phone.e164, columns.subject == NEWS)
        .order_by(columns.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return _NewsAnswer(given=row.given, language=row.language, channel=row.channel)


def _news_answer(phone: Phone, given: bool, language: str, key: str, wording: str) -> Consent:
    return Consent(
        phone=phone,
        subject=NEWS,
        given=given,
        language=language,
        channel="sms",
        answered_by=key,
        wording=wording,
    )
