"""Stores requests for help, sends their references by SMS, and changes their states."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from app.assistance.errors import NoSuchRequest, TooManyRequests
from app.assistance.models import help_request
from app.assistance.queries import (
    COLUMNS,
    HelpRequest,
    WaitingRequest,
    list_waiting,
    number_was_lost,
)
from app.assistance.rules import (
    DESKS,
    MOST_WAITING,
    WAITING,
    call_by,
    draw_reference,
    name_topic,
)
from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.errors import InvalidInput
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
    """A wish for help; `artisan_id` is None if nobody has identified on the phone.

    `phone` is None for somebody at a counter who has none; the person is known then.
    """

    kind: str
    topic: str
    phone: Phone | None
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
    asker = wanted.phone.e164 if wanted.phone else f"artisan:{wanted.artisan_id}"
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"help:{asker}"))))
    waiting = _list_waiting_of(connection, wanted)
    for request in waiting:
        if (request.kind, request.topic) == (wanted.kind, wanted.topic):
            return request, False
    if len(waiting) >= MOST_WAITING:
        raise TooManyRequests()
    reference = _draw_new_reference(connection, services.random)
    request = HelpRequest(reference, wanted.kind, wanted.topic, "open", operation.now)
    connection.execute(insert(help_request).values(_new_row(wanted, request)))
    if wanted.phone:
        _queue_reference(operation, services, wanted, wanted.phone, request)
    masked = wanted.phone and wanted.phone.masked
    about = {"kind": wanted.kind, "artisan": wanted.artisan_id, "phone": masked}
    record_audit(operation, "help_asked", f"request:{reference}", **about)
    return request, True


def look_at_waiting(
    operation: Operation, most: int, own_rows: ColumnElement[bool]
) -> list[WaitingRequest]:
    """Lists the own requests that wait, with the phones to call, and notes who looked."""
    waiting = list_waiting(operation.connection, most, own_rows)
    for entry in waiting:
        record_request_look(operation, entry.artisan_id, entry.request.reference)
    return waiting


def record_request_look(
    operation: Operation, artisan_id: int | None, reference: str, role: str = ""
) -> None:
    """Notes a look at a request and the phone to call, under its person if it has one."""
    subject = f"request:{reference}" if artisan_id is None else f"artisan:{artisan_id}"
    details = {"reason": "call", "seen": ["request", "phones"]} | ({"role": role} if role else {})
    record_audit(operation, "request_shown", subject, **details, request=reference)


def move_request(
    operation: Operation, reference: str, state: str, outcome: str | None = None
) -> None:
    """Changes the state of a request for the help desk, to `taken` and then to `done`.

    Who takes it owns it. `outcome` says how one that is done ended.

    Raises: NoSuchRequest if there is no such request, or it is over, or taken before.
    """
    values = {"state": state, "owner": operation.actor, "outcome": outcome}
    _change(operation, reference, _BEFORE[state], values)
    record_audit(operation, f"help_{state}", f"request:{reference}", outcome=outcome)


def take_request_over(operation: Operation, reference: str) -> None:
    """Makes the actor the owner of a request that somebody else took.

    Raises: NoSuchRequest.
    """
    columns = help_request.c
    before = operation.connection.execute(
        select(columns.owner).where(columns.reference == reference).with_for_update()
    ).scalar()
    _change(operation, reference, ("taken",), {"owner": operation.actor})
    record_audit(operation, "help_taken_over", f"request:{reference}", before=before)


def note_call(operation: Operation, reference: str) -> None:
    """Notes that the desk called who asked. Raises: NoSuchRequest."""
    _change(operation, reference, WAITING, {"called_at": operation.now})
    record_audit(operation, "help_called", f"request:{reference}")


def hand_over_request(operation: Operation, reference: str, desk: str) -> None:
    """Hands a request to another desk, where nobody has taken it yet.

    Raises: NoSuchRequest, InvalidInput for no desk.
    """
    if desk not in DESKS:
        raise InvalidInput(what="desk", why=f"none of {', '.join(DESKS)}")
    _change(operation, reference, WAITING, {"desk": desk, "state": "open", "owner": None})
    record_audit(operation, "help_handed_over", f"request:{reference}", desk=desk)


def _change(
    operation: Operation, reference: str, before: Sequence[str], values: Mapping[str, object]
) -> None:
    columns = help_request.c
    changed = operation.connection.execute(
        update(help_request)
        .where(columns.reference == reference, columns.state.in_(before))
        .values(changed_at=operation.now, **values)
    ).rowcount
    if not changed:
        raise NoSuchRequest(reference=reference)


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


def forget_requests(operation: Operation, artisan_id: int, phones: Collection[str]) -> None:
    """Takes the person and the phone from requests of somebody who asked to be forgotten.

    `phones` are those of this person alone, from which one may have asked without identifying.
    """
    columns = help_request.c
    of_nobody = columns.artisan_id.is_(None) & columns.phone.in_(phones)
    operation.connection.execute(
        update(help_request)
        .where((columns.artisan_id == artisan_id) | of_nobody)
        .values(artisan_id=None, phone=None)
    )
    record_audit(operation, "requests_forgotten", f"artisan:{artisan_id}")


def _new_row(wanted: NewRequest, request: HelpRequest) -> dict[str, object]:
    return {
        "reference": request.reference,
        "kind": request.kind,
        "topic": request.topic,
        "phone": wanted.phone.e164 if wanted.phone else None,
        "language": wanted.language,
        "artisan_id": wanted.artisan_id,
        "asked_at": request.asked_at,
        "changed_at": request.asked_at,
    }


def _list_waiting_of(connection: Connection, wanted: NewRequest) -> list[HelpRequest]:
    columns = help_request.c
    if wanted.phone:
        own = (columns.phone == wanted.phone.e164) & ~number_was_lost()
    else:
        own = columns.phone.is_(None) & (columns.artisan_id == wanted.artisan_id)
    rows = connection.execute(select(*COLUMNS).where(own, columns.state.in_(WAITING)))
    return [read_row(HelpRequest, row) for row in rows]


def _draw_new_reference(connection: Connection, random: Random) -> str:
    """Draws a reference that no request has; a unique constraint refuses a race."""
    while True:
        reference = draw_reference(random)
        known = select(help_request.c.id).where(help_request.c.reference == reference)
        if connection.execute(known).scalar() is None:
            return reference


def _queue_reference(
    operation: Operation,
    services: Services,
    wanted: NewRequest,
    phone: Phone,
    request: HelpRequest,
) -> None:
    topic = Say(name_topic(request.kind, request.topic))
    called_by = call_by(local_date(request.asked_at), services.is_closed)
    values = {"request": request.reference, "topic": topic, "call_by": called_by}
    reference = request.reference
    message = OutboundMessage("request", reference, phone, wanted.language, values)
    queue_message(operation, services, message)
