"""Reads the outbox."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, select, text

from app.base.phone import Phone
from app.messaging.models import (
    ENDED,
    OPEN,
    UNREPORTED,
    WAITING,
    message,
    phone_preference,
)

# More are not told apart: a scrape has to end while hundreds of thousands wait.
MOST_COUNTED = 50_000


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

    It stops at MOST_COUNTED to be sent and as many unreported: that many, or more. Ended ones are
    not counted: they are all there ever were, and counting would read them all.
    """
    found = [select(message.c.state).where(text(those)) for those in (WAITING, UNREPORTED)]
    return dict.fromkeys(OPEN, 0) | _count(connection, found[0]) | _count(connection, found[1])


def count_ended_since(connection: Connection, moment: datetime) -> dict[str, int]:
    """How many messages came to each last state since `moment`, of the newest MOST_COUNTED."""
    found = (
        select(message.c.state)
        .where(message.c.body.is_not(None), message.c.ended_at >= moment)
        .order_by(message.c.ended_at.desc())
    )
    return dict.fromkeys(ENDED, 0) | _count(connection, found)


def _count(connection: Connection, found: Select[tuple[str]]) -> dict[str, int]:
    some = found.limit(MOST_COUNTED).subquery()
    rows = connection.execute(select(some.c.state, func.count()).group_by(some.c.state))
    return {row[0]: row[1] for row in rows}


def count_waiting(connection: Connection, priority: int, most: int) -> int:
    """Returns how many messages of a priority are still to be sent, counting up to `most`."""
    waiting = (
        select(message.c.id)
        .where(message.c.priority == priority, message.c.state.in_(("queued", "sending")))
        .limit(most)
        .subquery()
    )
    return connection.execute(select(func.count(waiting.c.id))).scalar_one()


def wants_reminders(connection: Connection, phone: Phone) -> bool:
    """Yes until the owner of the phone says no."""
    asked = select(phone_preference.c.reminders).where(phone_preference.c.phone == phone.e164)
    return connection.execute(asked).scalar() is not False
