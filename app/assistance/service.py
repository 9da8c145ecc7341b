"""Stores requests for help, sends their references by SMS, and changes their states."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sqlalchemy import Connection, func, insert, select, update

from app.assistance.errors import NoSuchRequest, TooManyRequests
from app.assistance.models import help_request
from app.assistance.queries import (
    COLUMNS,
    HelpRequest,
    WaitingRequest,
    list_waiting,
    number_was_lost,
)
from app.assistance.rules import MOST_WAITING, WAITING, call_by, draw_reference, name_topic
from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.operation import Operation
from app.base.phone import Phone
from app.base.rows import read_row
from app.messaging.service import OutboundMessage, queue_message
from app.services import Services
from app.text.words import Say

# The states from which a request may come to each state.
_BEFORE = {"taken": ("open",), "done": WAITING, "cancelled": WAITING}


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A phone's wish for help; `artisan_id` is None if nobody has identified on it."""

    kind: str
    topic: str
    phone: Phone
    language: str
    artisan_id: int | None


def ask_for_help(
    operation: Operation, services: Services, wanted: NewRequest
) -> tuple[HelpRequest, bool]:
    """Stores a request and queues its SMS, unless the same request waits already.

    Returns the request, and True if it is new.

    Raises: TooManyRequests if the phone has MOST_WAITING of them.
    """
    connection = operation.connection
    # One at a time for a phone, so that two hops at the same moment store one request.
    lock = func.pg_advisory_xact_lock(func.hashtext(f"help:{wanted.phone.e164}"))
    connection.execute(select(lock))
    waiting = _list_waiting_of_phone(connection, wanted.phone)
    for request in waiting:
        if (request.kind, request.topic) == (wanted.kind, wanted.topic):
            return request, False
    if len(waiting) >= MOST_WAITING:
        raise TooManyRequests()
    reference = _draw_new_reference(connection, services.random)
    request = HelpRequest(reference, wanted.kind, wanted.topic, "open", operation.now)
    connection.execute(insert(help_request).values(_new_row(wanted, request)))
    _queue_reference(operation, services, wanted, request)
    about = {"kind": wanted.kind, "artisan": wanted.artisan_id, "phone": wanted.phone.masked}
    record_audit(operation, "help_asked", f"request:{reference}", **about)
    return request, True


def look_at_waiting(operation: Operation, most: int) -> list[WaitingRequest]:
    """Lists the requests that wait for the desk, with the phones to call, and notes who looked."""
    waiting = list_waiting(operation.connection, most)
    references = [entry.request.reference for entry in waiting]
    record_audit(operation, "requests_looked_at", "request:waiting", requests=references)
    return waiting


def move_request(operation: Operation, reference: str, state: str) -> None:
    """Changes the state of a request for the help desk, to `taken` and then to `done`.

    Raises: NoSuchRequest if there is no such request, or it is over.
    """
    columns = help_request.c
    moved = operation.connection.execute(
        update(help_request)
        .where(columns.reference == reference, columns.state.in_(_BEFORE[state]))
        .values(state=state, changed_at=operation.now)
    ).rowcount
    if not moved:
        raise NoSuchRequest(reference=reference)
    record_audit(operation, f"help_{state}", f"request:{reference}")


def cancel_request(operation: Operation, phone: Phone, reference: str) -> bool:
    """Cancels a waiting request of this phone. Returns True if it was waiting."""
    columns = help_request.c
    statement = (
        update(help_request)
        .where(
            columns.reference == reference,
            columns.phone == phone.e164,
            columns.state.in_(_BEFORE["cancelled"]),
        )
        .values(state="cancelled", changed_at=operation.now)
    )
    if not operation.connection.execute(statement).rowcount:
        return False
    record_audit(operation, "help_cancelled", f"request:{reference}", phone=phone.masked)
    return True


def move_requests(operation: Operation, double: int, kept: int) -> None:
    """Moves the requests of an entry that is merged into another to that one."""
    moved = operation.connection.execute(
        update(help_request)
        .where(help_request.c.artisan_id == double)
        .values(artisan_id=kept)
        .returning(help_request.c.reference)
    ).scalars()
    if references := list(moved):
        details = {"requests": references, "double": double}
        record_audit(operation, "requests_moved", f"artisan:{kept}", **details)


def _new_row(wanted: NewRequest, request: HelpRequest) -> dict[str, object]:
    return {
        "reference": request.reference,
        "kind": request.kind,
        "topic": request.topic,
        "phone": wanted.phone.e164,
        "language": wanted.language,
        "artisan_id": wanted.artisan_id,
        "asked_at": request.asked_at,
        "changed_at": request.asked_at,
    }


def _list_waiting_of_phone(connection: Connection, phone: Phone) -> list[HelpRequest]:
    columns = help_request.c
    rows = connection.execute(
        select(*COLUMNS).where(
            columns.phone == phone.e164, columns.state.in_(WAITING), ~number_was_lost()
        )
    )
    return [read_row(HelpRequest, row) for row in rows]


def _draw_new_reference(connection: Connection, random: Random) -> str:
    """Draws a reference that no request has; a unique constraint refuses a race."""
    while True:
        reference = draw_reference(random)
        known = select(help_request.c.id).where(help_request.c.reference == reference)
        if connection.execute(known).scalar() is None:
            return reference


def _queue_reference(
    operation: Operation, services: Services, wanted: NewRequest, request: HelpRequest
) -> None:
    topic = Say(name_topic(request.kind, request.topic))
    called_by = call_by(local_date(request.asked_at), services.is_closed)
    values = {"request": request.reference, "topic": topic, "call_by": called_by}
    reference = request.reference
    message = OutboundMessage("request", reference, wanted.phone, wanted.language, values)
    queue_message(operation, services, message)
