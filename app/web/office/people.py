"""Finds people and opens their page: each look says why, and is written down with what was seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import redirect, request, url_for
from sqlalchemy import Connection, select
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.assistance.models import help_request
from app.assistance.queue import find_request
from app.assistance.rules import DESKS
from app.base.clock import local_date
from app.base.identifiers import plain_writing
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.models import artisan
from app.enrolment.rules import masked_name
from app.observe.talks import Talk, list_talks_of
from app.office.rights import RIGHTS, Right
from app.people.file import (
    CODE_SORTING,
    FATE_SORTING,
    NOTE_SORTING,
    OWN_REQUEST_SORTING,
    PAYMENT_SORTING,
    list_codes,
    list_fates,
    list_notes,
    list_payments,
    list_requests_of,
    read_dues,
)
from app.people.looks import (
    LOOK_SORTING,
    REASONS,
    list_looks,
    may_search,
    record_look,
    record_search,
)
from app.people.notes import LONGEST_NOTE
from app.people.presences import Presence, find_presence
from app.people.service import (
    ShownPerson,
    describe_person,
    list_found,
    list_waiting_acts,
    search_people,
)
from app.reconciliation.postings import list_refusals
from app.runtime import runtime
from app.web.office.desk import act, behind_wall, here, own
from app.web.office.fields import NUMBER
from app.web.office.frame import may, office_page, pages, refused_page
from app.web.office.tables import show_table
from app.web.refusals import Refusal

_LONGEST_TYPED = 64
# Of each table of a person.
_ROWS, _LOOKS, _MOST_TALKS = 12, 20, 5
# As long as hops are kept.
_TALK_DAYS = 30
# What an act left to say (office.people.done.*).
DONE = frozenset(
    {
        "code_cancelled",
        "code_made",
        "consent_kept",
        "done",
        "enough",
        "note_written",
        "nothing_live",
        "phone_tied",
        "phone_untied",
        "proposed",
        "receipt_sent",
        "request_made",
    }
)


@pages.route("/people", methods=["GET", "POST"], strict_slashes=False)
@may(Right.SEE_PEOPLE)
def people() -> AnyResponse:
    """Shows the field, or whom a number means; the number stands in no address."""
    if request.method == "GET":
        return office_page("people.html", found=None)
    typed = request.form.get("q", "")[:_LONGEST_TYPED].replace("\0", "")
    masked = here().role == "chamber"
    with act() as change:
        if masked and not may_search(change, runtime().settings.chamber_searches_a_day):
            return refused_page(Refusal("too_many_searches"))
        # Found by the indexes, which the wall keeps from its readers; shown behind it.
        ids = search_people(change.connection, typed)
        with behind_wall(change) as connection:
            found = list_found(connection, own(artisan), ids)
            reference = "".join(plain_writing(typed).split())
            asked = find_request(connection, own(help_request), reference)
        record_search(change, [person.id for person in found], "number", here().role)
    rows = [(person, masked_name(person.full_name) if masked else None) for person in found]
    return office_page("people.html", found=rows, asked=asked, reasons=REASONS)


@pages.get(f"/people/{NUMBER}")
@may(Right.SEE_PEOPLE)
def person(number: int) -> AnyResponse:
    """Opens a person's page for a reason of the list, and notes the look."""
    with act() as change:
        answer, presence, reason = admit_to(change, number)
        if answer is not None:
            return answer
        page = read_file(change, number, presence)
        record_look(change, number, reason, page["seen"], here().role)
    done = request.args.get("done", "")
    page |= {"reason": reason, "done": done if done in DONE else None}
    return office_page("person.html", 200, **page)


def admit_to(change: Operation, number: int) -> tuple[AnyResponse | None, Presence | None, str]:
    """Returns an answer if a person's file stays shut, else the presence, if any, and the reason.

    Raises: NotFound if there is no such person for who is signed in.
    """
    reason = request.args.get("reason")
    with behind_wall(change) as connection:
        entry = find_entry(connection, number)
        presence = find_own_presence(connection, number)
    answer: AnyResponse | None = None
    if entry is not None:
        answer = redirect(url_for("office.person", number=entry, reason=reason), 303)
    elif here().role == "chamber" and presence is None:
        answer = refused_page(Refusal("not_present"))
    elif reason not in REASONS:
        status = 200 if reason is None else 400
        answer = office_page("person_reason.html", status, number=number, reasons=REASONS)
    return answer, presence, reason or ""


def find_entry(connection: Connection, number: int) -> int | None:
    """Returns the entry into which this one was merged, if it was.

    Raises: NotFound if there is no such person for who is signed in.
    """
    known = select(artisan.c.id, artisan.c.merged_into).where(artisan.c.id == number)
    row = connection.execute(known.where(own(artisan))).one_or_none()
    if row is None:
        raise NotFound
    merged_into: int | None = row.merged_into
    return merged_into


def find_own_presence(connection: Connection, number: int) -> Presence | None:
    """Returns the presence by which the officer here may open this person's page, if any."""
    return find_presence(connection, here().name, number, runtime().clock())


def read_record(change: Operation, number: int, presence: Presence | None) -> dict[str, Any]:
    """Returns what a page and a sheet of a person share, by the names of the templates.

    A chamber sees what paying needs, and the rest unless the artisan protects it by a PIN and did
    not read out the code of the phone.
    """
    shown = describe_person(change.connection, number)
    locked = is_locked(shown, presence)
    record: dict[str, Any] = {"person": shown, "presence": presence, "locked": locked}
    phones = [tie.phone.e164 for tie in shown.ties]
    with behind_wall(change) as connection:
        record["dues"] = read_dues(connection, number, change.now)
        if not locked:
            record["payments"] = show_table(
                PAYMENT_SORTING,
                lambda asked: list_payments(connection, number, asked),
                "payment_",
                _ROWS,
            )
            record["requests"] = show_table(
                OWN_REQUEST_SORTING,
                lambda asked: list_requests_of(
                    connection, own(help_request), number, phones, asked
                ),
                "request_",
                _ROWS,
            )
    return record


def is_locked(shown: ShownPerson, presence: Presence | None) -> bool:
    """True if a PIN keeps what is the person's own from who is signed in."""
    return here().role == "chamber" and shown.has_pin and not (presence and presence.by_code)


def read_file(change: Operation, number: int, presence: Presence | None) -> dict[str, Any]:
    """Returns all that a person's page shows; `seen` names its parts."""
    page = read_record(change, number, presence)
    shown, at_counter = page["person"], here().role == "chamber"
    seen = ["record", "phones", "dues", "codes", "looks"]
    with behind_wall(change) as connection:
        page["codes"] = show_table(
            CODE_SORTING, lambda asked: list_codes(connection, number, asked), "code_", _ROWS
        )
        page["looks"] = show_table(
            LOOK_SORTING, lambda asked: list_looks(connection, number, asked), "look_", _LOOKS
        )
        if not page["locked"]:
            receipts = [one.receipt for one in page["payments"].rows]
            page["refusals"] = list_refusals(connection, receipts)
            seen += ["rights", "payments", "requests"]
        if not at_counter:
            phones = [tie.phone.e164 for tie in shown.ties]
            page["fates"] = show_table(
                FATE_SORTING, lambda asked: list_fates(connection, phones, asked), "sms_", _ROWS
            )
            page["notes"] = show_table(
                NOTE_SORTING, lambda asked: list_notes(connection, number, asked), "note_", _ROWS
            )
            page["waiting"] = list_waiting_acts(connection, number)
    if not at_counter:
        page["talks"] = _read_talks(change, shown)
        seen += ["messages", "notes", "talks"]
    return page | {
        "may_help": Right.HELP_PEOPLE in RIGHTS[here().role],
        "may_assist": presence is not None and Right.ASSIST_AT_COUNTER in RIGHTS[here().role],
        "desks": DESKS,
        "topics": [key for key in runtime().ussd.menu.says if key.startswith("topic.")],
        "longest_note": LONGEST_NOTE,
        "seen": seen,
    }


def _read_talks(change: Operation, shown: ShownPerson) -> list[tuple[Phone, Talk]]:
    """Returns the newest talks of the phones that are proven to be the person's.

    The log of hops holds no number: a phone's talks are found by what stands for it on a day.
    """
    sessions, today = runtime().turns.sessions, local_date(change.now)
    days = [today - timedelta(days=ago) for ago in range(-1, _TALK_DAYS)]
    talks = [
        (tie.phone, talk)
        for tie in shown.ties
        if tie.proven
        for talk in list_talks_of(
            change.connection, sessions.digest_callers(tie.phone, days), _MOST_TALKS
        )
    ]
    return sorted(talks, key=lambda entry: entry[1].began, reverse=True)[:_MOST_TALKS]
