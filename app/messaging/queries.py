"""Reads the outbox."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from app.base.phone import Phone
from app.messaging.models import message, phone_preference


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message as a phone's owner would see it, and how far it came."""

    text: str
    encoding: str
    segments: int
    state: str
    created_at: datetime


def messages_to(connection: Connection, phone: Phone, most: int = 50) -> list[SentMessage]:
    """The newest messages to this phone, newest first; none whose body is forgotten."""
    rows = connection.execute(
        select(
            message.c.body,
            message.c.encoding,
            message.c.segments,
            message.c.state,
            message.c.created_at,
        )
        .where(message.c.phone == phone.e164, message.c.body.is_not(None))
        .order_by(message.c.id.desc())
        .limit(most)
    )
    return [SentMessage(*row) for row in rows]


def count_by_state(connection: Connection) -> dict[str, int]:
    """How many messages are in each state."""
    rows = connection.execute(select(message.c.state, func.count()).group_by(message.c.state))
    return {row[0]: row[1] for row in rows}


def wants_reminders(connection: Connection, phone: Phone) -> bool:
    """Yes until the owner of the phone says no."""
    asked = select(phone_preference.c.reminders).where(phone_preference.c.phone == phone.e164)
    return connection.execute(asked).scalar() is not False
