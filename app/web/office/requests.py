"""The desks' queue of requests for help, and the page of one, where it is taken and closed."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Response, redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.assistance.errors import NoSuchRequest
from app.assistance.models import help_request
from app.assistance.queue import (
    QUEUE_SORTING,
    QueuedRequest,
    QueueFilter,
    find_number_to_call,
    find_queued,
    find_request,
    list_queue,
)
from app.assistance.rules import DESKS, OUTCOMES, WAITING, call_by, last_late_day
from app.assistance.service import (
    hand_over_request,
    move_request,
    note_call,
    record_request_look,
    take_request_over,
)
from app.base.clock import local_date, local_midnight
from app.office.rights import RIGHTS, Right
from app.office.sessions import OfficeSession
from app.runtime import runtime
from app.text.languages import LANGUAGES
from app.web.office.desk import (
    act,
    act_on,
    behind_wall,
    beyond_wall,
    find_seen,
    here,
    look,
    own,
    show_seen,
)
from app.web.office.fields import read_choice
from app.web.office.first_page import FirstNumber, Waiting, numbers_for, waits_for
from app.web.office.frame import may, office_page, pages
from app.web.office.tables import show_table

_MOST_COUNTED = 1000


@pages.get("/requests", strict_slashes=False)
@may(Right.SEE_REQUESTS)
def requests() -> Response:
    """Shows a page of the queue, without phones."""
    wanted = _read_filter()
    with look() as connection:
        queue = show_table(
            QUEUE_SORTING,
            lambda asked: show_seen(
                connection,
                help_request,
                QUEUE_SORTING,
                lambda: list_queue(connection, own(help_request), wanted, asked),
            ),
        )
    return office_page(
        "requests.html",
        queue=queue,
        late_before=_late_before(),
        desks=DESKS,
        languages_asked=LANGUAGES,
    )


@pages.get("/requests/<reference>")
@may(Right.SEE_REQUESTS)
def request_page(reference: str) -> Response:
    """Shows one request with the phone to call; that look is written down."""
    with act() as change:
        with behind_wall(change) as connection:
            found = _find(connection, reference)
            phone = find_number_to_call(connection, found.id)
        record_request_look(change, found.artisan_id, found.reference, here().role)
    may_answer = Right.ANSWER_REQUESTS in RIGHTS[here().role] and found.state in WAITING
    # A chamber opens the file of who is present (counter), another desk none.
    opens_files = here().role != "chamber" and not here().scope.desk
    sees_people = opens_files and Right.SEE_PEOPLE in RIGHTS[here().role]
    return office_page(
        "request.html",
        asked=found,
        phone=phone,
        late=_is_late(found),
        call_by=call_by(local_date(found.asked_at), runtime().services.is_closed),
        mine=found.owner == here().name,
        may_answer=may_answer,
        sees_people=sees_people and found.artisan_id is not None,
        desks=[desk for desk in DESKS if desk != found.desk],
        all_desks=DESKS,
        outcomes=OUTCOMES,
        done=request.args.get("done") if request.args.get("done") in _STEPS else None,
    )


@pages.post("/requests/<reference>/<step>")
@may(Right.ANSWER_REQUESTS)
def answer_request(reference: str, step: str) -> AnyResponse:
    """Takes a request, notes a call, hands it over or closes it."""
    if step not in _STEPS:
        raise NotFound
    with act_on(help_request, reference, help_request.c.reference) as change:
        try:
            if step == "take":
                move_request(change, reference, "taken")
            elif step == "take-over":
                take_request_over(change, reference)
            elif step == "called":
                note_call(change, reference)
            elif step == "hand-over":
                hand_over_request(change, reference, request.form.get("desk", ""))
            else:
                move_request(change, reference, "done", read_choice("outcome", OUTCOMES))
        except NoSuchRequest:
            # Somebody was faster: the page says who.
            step = "too-late"
    if step == "hand-over":
        # It may be another desk's by now, which this one does not see.
        return redirect(url_for("office.requests"), 303)
    return redirect(url_for("office.request_page", reference=reference, done=step), 303)


_STEPS = ("take", "take-over", "called", "hand-over", "close", "too-late")


def _find(connection: Connection, reference: str) -> QueuedRequest:
    found = find_request(connection, own(help_request), reference)
    if found is None:
        raise NotFound
    return found


def _read_filter() -> QueueFilter:
    """Returns the filter of the address; a word that names nothing leaves it out.

    `language` in an address is the reader's own choice, and `speaks` the caller's.
    """
    desk, language = request.args.get("desk"), request.args.get("speaks")
    late = request.args.get("age") == "late"
    return QueueFilter(
        desk=desk if desk in DESKS else None,
        language=language if language in LANGUAGES else None,
        asked_before=_late_before() if late else None,
        owner=here().name if request.args.get("age") == "mine" else None,
    )


def count_waiting(connection: Connection, wanted: QueueFilter, most: int) -> int:
    """Counts who waits in one's own part of the queue, up to `most`."""
    with beyond_wall(connection):
        found = find_queued(connection, own(help_request), wanted, most)
    return len(find_seen(connection, help_request, help_request.c.id, found))


def _late_before() -> datetime:
    """Returns the moment before which every request is past the promise."""
    maalem = runtime()
    day = last_late_day(local_date(maalem.clock()), maalem.services.is_closed)
    return local_midnight(day + timedelta(days=1))


def _is_late(asked: QueuedRequest) -> bool:
    return asked.state in WAITING and asked.asked_at < _late_before()


@waits_for(Right.ANSWER_REQUESTS)
def _count_late(connection: Connection, _opened: OfficeSession) -> Waiting:
    asked = QueueFilter(asked_before=_late_before())
    late = count_waiting(connection, asked, _MOST_COUNTED)
    return Waiting("office.requests.wait_late", late, "office.requests")


@numbers_for("helpdesk")
def _read_numbers(connection: Connection, opened: OfficeSession) -> list[FirstNumber]:
    parts = {
        "waiting": QueueFilter(),
        "late": QueueFilter(asked_before=_late_before()),
        "mine": QueueFilter(owner=opened.name),
    }
    return [
        FirstNumber(
            f"office.requests.number_{name}", count_waiting(connection, part, _MOST_COUNTED)
        )
        for name, part in parts.items()
    ]
