"""Consent to promotional messages: recorded answer by answer, never changed (law 09-08)."""

from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import name_phone, record_audit
from app.base.operation import Operation
from app.base.phone import Phone
from app.messaging.models import consent


@dataclass(frozen=True, slots=True)
class Consent:
    """A yes or a no of a phone to one subject, as it was asked and answered.

    `wording` is the sentence that was shown, in `language`. `channel` is `ussd` or `sms`.
    `answered_by` names the hop or message of the answer: the same one again is one answer.
    """

    phone: Phone
    subject: str
    given: bool
    language: str
    channel: str
    answered_by: str
    wording: str


def record_consent(operation: Operation, answer: Consent) -> None:
    """Writes down one answer; the same answer again changes nothing."""
    new = operation.connection.execute(
        insert(consent)
        .values(
            phone=answer.phone.e164,
            subject=answer.subject,
            given=answer.given,
            language=answer.language,
            channel=answer.channel,
            answered_by=answer.answered_by,
            wording=answer.wording,
            recorded_at=operation.now,
        )
        .on_conflict_do_nothing(index_elements=["answered_by"])
        .returning(consent.c.id)
    )
    if new.scalar() is not None:
        said = {"about": answer.subject, "given": answer.given, "channel": answer.channel}
        record_audit(operation, "consent_recorded", name_phone(answer.phone), **said)


def has_consented(connection: Connection, phone: Phone, subject: str) -> bool:
    """True if the phone's newest answer is a yes; False if it never answered."""
    newest = (
        select(consent.c.given)
        .where(consent.c.phone == phone.e164, consent.c.subject == subject)
        .order_by(consent.c.id.desc())
        .limit(1)
    )
    return connection.execute(newest).scalar() is True
