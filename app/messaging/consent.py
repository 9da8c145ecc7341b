"""Consent to promotional messages: recorded answer by answer, never changed (law 09-08)."""

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from app.base.phone import Phone
from app.messaging.models import consent


def record_consent(
    connection: Connection,
    phone: Phone,
    subject: str,
    given: bool,
    *,
    language: str,
    channel: str,
    answered_by: str,
    wording: str,
    now: datetime,
) -> None:
    """A yes or a no to the sentence `wording`; the same answer (`answered_by`) again is one."""
    connection.execute(
        insert(consent)
        .values(
            phone=phone.e164,
            subject=subject,
            given=given,
            language=language,
            channel=channel,
            answered_by=answered_by,
            wording=wording,
            recorded_at=now,
        )
        .on_conflict_do_nothing(index_elements=["answered_by"])
    )


def has_consented(connection: Connection, phone: Phone, subject: str) -> bool:
    """The newest answer; no where none was given."""
    newest = (
        select(consent.c.given)
        .where(consent.c.phone == phone.e164, consent.c.subject == subject)
        .order_by(consent.c.id.desc())
        .limit(1)
    )
    return connection.execute(newest).scalar() is True
