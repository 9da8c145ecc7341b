"""The work list of a chamber: members to call, one taken at a time, and what came of each call."""

from __future__ import annotations

from datetime import date

from flask import g, redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.assistance.queue import QueueFilter
from app.base.clock import local_date
from app.base.paging import PageOfRows, RowsAsked
from app.enrolment.models import artisan
from app.enrolment.queries import find_own_phone
from app.office.rights import Right
from app.office.sessions import OfficeSession
from app.people.calls import (
    MEMBER_SORTING,
    PAGE,
    CallEntry,
    ListedMember,
    list_members,
    may_be_called,
    record_call,
)
from app.people.file import read_dues
from app.people.looks import record_look
from app.people.models import CALL_OUTCOMES
from app.people.service import describe_person
from app.runtime import runtime
from app.web.office.desk import act, act_on, behind_wall, here, look, show_seen
from app.web.office.fields import NUMBER, read_form_day
from app.web.office.first_page import FirstNumber, Waiting, numbers_for, waits_for
from app.web.office.frame import may, office_page, pages
from app.web.office.people import find_entry
from app.web.office.requests import count_waiting
from app.web.office.tables import show_table

# Three pages: nobody calls more in a day, and each person is asked of the wall.
_MOST_COUNTED = 60


@pages.get("/calls", strict_slashes=False)
@may(Right.ASSIST_AT_COUNTER)
def calls() -> AnyResponse:
    """Shows a page of members to call, without names."""
    with look() as connection:
        members = show_table(MEMBER_SORTING, lambda asked: _list_seen(connection, asked), most=PAGE)
    return office_page("calls.html", members=members, today=_today())


@pages.get(f"/calls/{NUMBER}")
@may(Right.ASSIST_AT_COUNTER)
def call(number: int) -> AnyResponse:
    """Shows one member with name and phone; that look is written down."""
    with act() as change:
        with behind_wall(change) as connection:
            find_entry(connection, number)
        if not may_be_called(change.connection, number, _own_region(), _today()):
            raise NotFound
        person = describe_person(change.connection, number)
        own = find_own_phone(change.connection, number)
        dues = None if person.has_pin else read_dues(change.connection, number, change.now)
        seen = ["record", "phones"] + (["rights", "dues"] if dues else [])
        record_look(change, number, "call", seen, here().role)
    return office_page(
        "call.html",
        person=person,
        own=own,
        dues=dues,
        outcomes=CALL_OUTCOMES,
    )


@pages.post(f"/calls/{NUMBER}")
@may(Right.ASSIST_AT_COUNTER)
def keep_call(number: int) -> AnyResponse:
    """Keeps the outcome of a call."""
    with act_on(artisan, number) as change:
        if not may_be_called(change.connection, number, _own_region(), _today()):
            raise NotFound
        outcome = request.form.get("outcome", "")
        entry = CallEntry(outcome, read_form_day("next_call_on"))
        record_call(change, number, entry, _today())
    return redirect(url_for("office.calls"), 303)


def _own_region() -> str | None:
    """Returns the region of who is here; None is every region that the wall shows them."""
    return here().scope.region


def _list_seen(connection: Connection, asked: RowsAsked) -> PageOfRows[ListedMember]:
    """Lists members to call whom the wall shows to who is here."""
    return show_seen(
        connection,
        artisan,
        MEMBER_SORTING,
        lambda: list_members(connection, _own_region(), _today(), asked),
    )


def _list_waiting(connection: Connection) -> list[ListedMember]:
    """Lists those who wait for a call; read once for a page."""
    if "members_to_call" not in g:
        g.members_to_call = _list_seen(connection, MEMBER_SORTING.first(_MOST_COUNTED)).rows
    waiting: list[ListedMember] = g.members_to_call
    return waiting


def _today() -> date:
    return local_date(runtime().clock())


@waits_for(Right.ASSIST_AT_COUNTER)
def _count_calls(connection: Connection, _opened: OfficeSession) -> Waiting:
    return Waiting("office.calls.wait", len(_list_waiting(connection)), "office.calls")


@numbers_for("chamber")
def _read_numbers(connection: Connection, _opened: OfficeSession) -> list[FirstNumber]:
    to_call = _list_waiting(connection)
    lost = [member for member in to_call if member.rights_until < _today()]
    waiting = count_waiting(connection, QueueFilter(), _MOST_COUNTED)
    return [
        FirstNumber("office.calls.number_to_call", len(to_call)),
        FirstNumber("office.calls.number_lost", len(lost)),
        FirstNumber("office.requests.number_waiting", waiting),
    ]
