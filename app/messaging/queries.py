"""Reads the outbox."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from app.base.phone import Phone
from app.messaging.models import (
    ENDED,
    OPEN,
    UNREPORTED,
    WAITING,
    message,
    phone_preference,
)


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


def count_open(connection: Connection) -> dict[str, int]:
    """How many messages are in each state that is not their last, from the indexes of just those.

    Ended ones are not counted: they are all there ever were, and counting would read them all.
    """
    waiting, unreported = (
        select(message.c.state, func.count()).where(text(those)).group_by(message.c.state)
        for those in (WAITING, UNREPORTED)
    )
    rows = connection.execute(waiting.union_all(unreported))
    return dict.fromkeys(OPEN, 0) | {row[0]: row[1] for row in rows}


def count_ended_since(connection: Connection, moment: datetime) -> dict[str, int]:
    """How many messages came to each last state since `moment`, their bodies not yet forgotten."""
    rows = connection.execute(
        select(message.c.state, func.count())
        .where(message.c.body.is_not(None), message.c.ended_at >= moment)
        .group_by(message.c.state)
    )
    return dict.fromkeys(ENDED, 0) | {row[0]: row[1] for row in rows}


def wants_reminders(connection: Connection, phone: Phone) -> bool:
    """Yes until the owner of the phone says no."""
    asked = select(phone_preference.c.reminders).where(phone_preference.c.phone == phone.e164)
    return connection.execute(asked).scalar() is not False
