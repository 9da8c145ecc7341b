"""Reads the outbox."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, exists, func, or_, select, text

from app.base.phone import Phone
from app.base.rows import read_row
from app.messaging.kinds import KINDS
from app.messaging.models import (
    ENDED,
    OPEN,
    UNREPORTED,
    WAITING,
    ended_event,
    message,
    phone_preference,
)

# Counting stops here: a scrape has to end while hundreds of thousands wait.
MOST_COUNTED = 50_000


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message as a phone's owner would see it, and its state."""

    text: str
    encoding: str
    segments: int
    state: str
    created_at: datetime


def messages_to(connection: Connection, phone: Phone, most: int = 50) -> list[SentMessage]:
    """Returns the newest messages to this phone, newest first, without those emptied by age."""
    rows = connection.execute(
        select(
            message.c.body.label("text"),
            message.c.encoding,
            message.c.segments,
            message.c.state,
            message.c.created_at,
        )
        .where(message.c.phone == phone.e164, message.c.body.is_not(None))
        .order_by(message.c.id.desc())
        .limit(most)
    )
    return [read_row(SentMessage, row) for row in rows]


def is_told(connection: Connection, event: str) -> bool:
    """True if a message of any kind was queued for this event."""
    keys = [f"{kind}:{event}" for kind in KINDS]
    tables = message, ended_event
    known = (exists().where(table.c.event_key.in_(keys)) for table in tables)
    return bool(connection.execute(select(or_(*known))).scalar())


def count_open(connection: Connection) -> dict[str, int]:
    """Returns how many messages are in each state that is not final, from the indexes of those.

    Counts up to MOST_COUNTED waiting and as many unreported ones. Ended messages are not counted:
    that would read all there ever were.
    """
    waiting = select(message.c.state).where(text(WAITING))
    unreported = select(message.c.state).where(text(UNREPORTED))
    counts = _count_states(connection, waiting) | _count_states(connection, unreported)
    return dict.fromkeys(OPEN, 0) | counts


@dataclass(frozen=True, slots=True)
class MessageQueue:
    """Messages of a kind that are not at their end, by state and by who has or had them."""

    kind: str
    provider: str | None
    state: str
    messages: int
    oldest: datetime


def list_queues(connection: Connection) -> list[MessageQueue]:
    """Returns what waits to be sent, then what waits for a report, by kind and provider.

    Counts up to MOST_COUNTED of either.
    """
    queues = []
    for which in (WAITING, UNREPORTED):
        columns = message.c.kind, message.c.provider, message.c.state, message.c.created_at
        limited = select(*columns).where(text(which)).limit(MOST_COUNTED).subquery()
        groups = limited.c.kind, limited.c.provider, limited.c.state
        rows = connection.execute(
            select(
                *groups,
                func.count().label("messages"),
                func.min(limited.c.created_at).label("oldest"),
            )
            .group_by(*groups)
            .order_by(limited.c.kind, limited.c.provider, limited.c.state)
        )
        queues += [read_row(MessageQueue, row) for row in rows]
    return queues


def count_ended_since(connection: Connection, moment: datetime) -> dict[str, int]:
    """Returns how many of the newest MOST_COUNTED messages ended in each state since `moment`."""
    ended = (
        select(message.c.state)
        .where(message.c.body.is_not(None), message.c.ended_at >= moment)
        .order_by(message.c.ended_at.desc())
    )
    return dict.fromkeys(ENDED, 0) | _count_states(connection, ended)


def _count_states(connection: Connection, states: Select[tuple[str]]) -> dict[str, int]:
    limited = states.limit(MOST_COUNTED).subquery()
    rows = connection.execute(
        select(limited.c.state, func.count().label("messages")).group_by(limited.c.state)
    )
    return {row.state: row.messages for row in rows}


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
    """True until the owner of the phone opts out."""
    columns = phone_preference.c
    wish = select(columns.reminders).where(columns.phone == phone.e164)
    return connection.execute(wish).scalar() is not False


def count_recent_of_kind(connection: Connection, phone: Phone, kind: str, now: datetime) -> int:
    """Returns how many messages of a kind were queued for the phone in the last 24 hours."""
    columns = message.c
    lately = columns.created_at > now - timedelta(hours=24)
    own = columns.phone == phone.e164, columns.kind == kind, lately
    return connection.execute(select(func.count()).select_from(message).where(*own)).scalar_one()


@dataclass(frozen=True, slots=True)
class ReceiptsTaken:
    """Receipts that a provider took, and how many of them only later than they should."""

    taken: int
    late: int


def count_receipts_taken(
    connection: Connection, since: datetime, allowed: timedelta
) -> ReceiptsTaken:
    """Returns the receipts that a provider took since then; late is over `allowed` after due."""
    columns = message.c
    waited = columns.sent_at - func.greatest(columns.created_at, columns.due_at)
    counted = select(
        func.count().label("taken"), func.count().filter(waited > allowed).label("late")
    ).where(columns.sent_at >= since, columns.kind == "receipt")
    return read_row(ReceiptsTaken, connection.execute(counted).one())
