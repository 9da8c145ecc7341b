"""Asks for help, tells the reference by SMS, and moves a request on."""

from __future__ import annotations

from datetime import datetime
from random import Random

from sqlalchemy import Connection, func, insert, select, update

from app.assistance.errors import NoSuchRequest, TooManyRequests
from app.assistance.models import help_request
from app.assistance.queries import COLUMNS, HelpRequest
from app.assistance.rules import MOST_WAITING, TOPICS, WAITING, draw_reference
from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.base.phone import Phone
from app.messaging.service import OutboundMessage, queue_message
from app.text.words import Say, Words

# The desk takes an open request, and ends it with done; the person may still cancel it.
_BEFORE = {"taken": ("open",), "done": WAITING, "cancelled": WAITING}


def ask_for_help(
    connection: Connection,
    kind: str,
    topic: str,
    *,
    phone: Phone,
    language: str,
    artisan_id: int | None,
    words: Words,
    random: Random,
    now: datetime,
) -> tuple[HelpRequest, bool]:
    """A new request, told by SMS, and yes; the one that waits already when asked again, and no.

    TooManyRequests when the phone has its most waiting.
    """
    if topic not in TOPICS[kind]:
        raise InvalidInput(what="topic", why=f"{kind} has no topic {topic}")
    # One asks at a time on a phone: two hops at once make one request.
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"help:{phone.e164}"))))
    waiting = {(one.kind, one.topic): one for one in _waiting(connection, phone)}
    if (kind, topic) in waiting:
        return waiting[kind, topic], False
    if len(waiting) >= MOST_WAITING:
        raise TooManyRequests()
    made = HelpRequest(_new_reference(connection, random), kind, topic, "open", now)
    connection.execute(
        insert(help_request).values(
            reference=made.reference,
            kind=kind,
            topic=topic,
            phone=phone.e164,
            language=language,
            artisan_id=artisan_id,
            asked_at=now,
            changed_at=now,
        )
    )
    _tell(connection, words, made, phone, language, now)
    return made, True


def move_request(connection: Connection, reference: str, state: str, now: datetime) -> None:
    """The desk takes a request or is done with it; NoSuchRequest when it is over."""
    row = help_request.c
    moved = connection.execute(
        update(help_request)
        .where(row.reference == reference, row.state.in_(_BEFORE[state]))
        .values(state=state, changed_at=now)
    ).rowcount
    if not moved:
        raise NoSuchRequest(reference=reference)


def cancel_request(connection: Connection, phone: Phone, reference: str, now: datetime) -> bool:
    """Whether a waiting request of this phone is cancelled."""
    row = help_request.c
    own = row.reference == reference, row.phone == phone.e164, row.state.in_(_BEFORE["cancelled"])
    statement = update(help_request).where(*own).values(state="cancelled", changed_at=now)
    return bool(connection.execute(statement).rowcount)


def _waiting(connection: Connection, phone: Phone) -> list[HelpRequest]:
    row = help_request.c
    rows = connection.execute(
        select(*COLUMNS).where(row.phone == phone.e164, row.state.in_(WAITING))
    )
    return [HelpRequest(*one) for one in rows]


def _new_reference(connection: Connection, random: Random) -> str:
    """One that no request has; the unique constraint stands behind it."""
    while True:
        reference = draw_reference(random)
        taken = select(help_request.c.id).where(help_request.c.reference == reference)
        if connection.execute(taken).scalar() is None:
            return reference


def _tell(
    connection: Connection,
    words: Words,
    made: HelpRequest,
    phone: Phone,
    language: str,
    now: datetime,
) -> None:
    values = {"request": made.reference, "topic": Say(f"topic.{made.kind}.{made.topic}")}
    message = OutboundMessage("request", made.reference, phone, language, values)
    queue_message(Operation(connection, now, "artisan"), words, message)
