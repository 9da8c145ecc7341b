"""The counter of a chamber: an artisan stands there, and is helped by an officer.

The artisan needs no phone and reads nothing: RNA number, birth date, and a code to the artisan's
phone or the card. What the officer did goes to the artisan's phone by SMS, if there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import redirect, request, url_for
from pydantic import SecretStr
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.assistance.rules import read_topic
from app.assistance.service import NewRequest, ask_for_help
from app.base.clock import local_date
from app.base.errors import InvalidInput, MaalemError
from app.base.identifiers import read_typed_rna_number
from app.base.operation import Operation
from app.enrolment.birth_dates import read_typed_birth_date
from app.enrolment.errors import NoRegisterPhone, NotRecognised, TieCodeUnknown
from app.enrolment.models import artisan
from app.enrolment.number_tries import give_back_officer_try
from app.enrolment.queries import find_own_phone, get_artisan
from app.messaging.consent import Consent, record_consent
from app.messaging.service import OutboundMessage, queue_message
from app.office.rights import Right
from app.payments.codes import CodeRequest, issue_code
from app.payments.errors import AnotherIsLive
from app.people.calls import CALLS
from app.people.errors import TooManyDates, TooManyPresences
from app.people.models import presence
from app.people.presences import (
    accept_code,
    ask_for_code,
    begin_by_card,
    end_presence,
    note_wrong_date,
    recognise,
    tie_at_counter,
)
from app.people.service import list_found
from app.runtime import runtime
from app.web.office.desk import (
    act_on,
    add_to,
    behind_wall,
    look,
    own,
    read_form_token,
)
from app.web.office.fields import NUMBER, read_choice
from app.web.office.frame import may, office_language, office_page, pages, status_of
from app.web.office.people import find_entry, find_own_presence
from app.web.office.person_acts import read_phone_field, show_again
from app.web.refusals import Refusal

_REFUSALS = (InvalidInput, NoRegisterPhone, TooManyDates, TooManyPresences)


@pages.route("/counter", methods=["GET", "POST"], strict_slashes=False)
@may(Right.ASSIST_AT_COUNTER)
def counter() -> AnyResponse:
    """Recognises the artisan at the counter, by the card or by a code to the artisan's phone."""
    if request.method == "GET":
        return office_page("counter.html")
    try:
        with add_to(presence) as change:
            return _open_file(change)
    except _REFUSALS as error:
        return _refuse(error)


def _open_file(change: Operation) -> AnyResponse:
    """Opens the file of whom the form names, or asks for the phone's code; notes a wrong date."""
    maalem, by_card = runtime(), read_choice("way", ("card", "code")) == "card"
    rna_number = read_typed_rna_number(request.form.get("rna", "")[:64])
    today = local_date(maalem.clock())
    born = read_typed_birth_date(request.form.get("birth_date", "")[:20], today)
    number = recognise(change, rna_number, born)
    with behind_wall(change) as connection:
        if number is None or not list_found(connection, own(artisan), [number]):
            number = None
    if number is None:
        note_wrong_date(change, maalem.services, rna_number)
        return _refuse(NotRecognised())
    give_back_officer_try(change, rna_number)
    if by_card:
        begin_by_card(change, maalem.services, number)
        return redirect(url_for("office.person", number=number, reason="counter"), 303)
    opened = ask_for_code(change, maalem.services, number)
    return redirect(url_for("office.counter_code", number=opened), 303)


def _refuse(error: MaalemError) -> AnyResponse:
    refusal = Refusal.of(error)
    status = 404 if isinstance(error, NotRecognised) else status_of(refusal)
    return office_page("counter.html", status, refusal=refusal)


@pages.route(f"/counter/{NUMBER}/code", methods=["GET", "POST"])
@may(Right.ASSIST_AT_COUNTER)
def counter_code(number: int) -> AnyResponse:
    """Takes the code that went to the artisan's phone."""
    with act_on(presence, number) as change:
        if request.method == "GET":
            return office_page("counter_code.html", number=number)
        typed = SecretStr("".join(request.form.get("code", "").split())[:12])
        try:
            person = accept_code(change, runtime().services, number, typed)
        except TieCodeUnknown as error:
            refusal = Refusal.of(error)
            return office_page("counter_code.html", 403, number=number, refusal=refusal)
    if person is None:
        refusal = Refusal("tie_code_unknown")
        return office_page("counter_code.html", 403, number=number, refusal=refusal)
    return redirect(url_for("office.person", number=person, reason="counter"), 303)


@pages.post(f"/counter/{NUMBER}/end")
@may(Right.ASSIST_AT_COUNTER)
def leave_counter(number: int) -> AnyResponse:
    """Closes the file: the artisan has left."""
    with act_on(presence, number) as change:
        end_presence(change, number)
    return redirect(url_for("office.counter"), 303)


@pages.post(f"/people/{NUMBER}/counter/<act_name>")
@may(Right.ASSIST_AT_COUNTER)
def help_at_counter(number: int, act_name: str) -> AnyResponse:
    """Does one act for the artisan who is present."""
    if (do := _ACTS.get(act_name)) is None:
        raise NotFound
    with look() as connection:
        find_entry(connection, number)
        opened = find_own_presence(connection, number)
    if opened is None:
        return office_page("counter.html", 403, refusal=Refusal("not_present"))
    with act_on(presence, opened.id) as change:
        # Locked with the presence, so that nothing is done once it is over.
        done = do(change, number)
    if done == "code_made":
        return redirect(url_for("office.sheet_of_code", number=number, reason="counter"), 303)
    return show_again(number, done)


def _make_code(change: Operation, number: int) -> str:
    """Makes the code for all that is owed, or finds the live one; it goes to the phone, if any."""
    own = find_own_phone(change.connection, number)
    language = own.language if own else get_artisan(change.connection, number).language
    try:
        with change.connection.begin_nested():
            wanted = CodeRequest(number, own.phone if own else None, language)
            issue_code(change, runtime().services, wanted)
    except AnotherIsLive:
        # It pays other months and was asked for: that one is printed.
        return "code_made"
    return "code_made"


def _ask_for_help(change: Operation, number: int) -> str:
    kind, topic = read_topic(request.form.get("topic", ""))
    if f"topic.{kind}.{topic}" not in runtime().ussd.menu.says:
        raise InvalidInput(what="topic", why="none of the menu's")
    own = find_own_phone(change.connection, number)
    language = own.language if own else get_artisan(change.connection, number).language
    wanted = NewRequest(kind, topic, own.phone if own else None, language, number)
    ask_for_help(change, runtime().services, wanted)
    return "request_made"


def _keep_consent(change: Operation, number: int) -> str:
    """Keeps the artisan's yes or no to be called by the chamber, with the words read out."""
    own = find_own_phone(change.connection, number)
    if own is None:
        raise NoRegisterPhone()
    given = read_choice("calls", ("yes", "no")) == "yes"
    event = f"counter:{read_form_token()}"
    maalem, language = runtime(), office_language()
    wording = maalem.office_words.say(language, "office.counter.consent_words")
    answer = Consent(own.phone, CALLS, given, language, "counter", event, wording)
    record_consent(change, answer)
    kind = "calls_on" if given else "calls_off"
    message = OutboundMessage(kind, event, own.phone, own.language, {})
    queue_message(change, maalem.services, message)
    return "consent_kept"


def _tie_phone(change: Operation, number: int) -> str:
    phone, event = read_phone_field(), read_form_token()
    tie_at_counter(change, runtime().services, number, phone, event)
    return "phone_tied"


_ACTS: Mapping[str, Callable[[Operation, int], str]] = {
    "code": _make_code,
    "help": _ask_for_help,
    "consent": _keep_consent,
    "tie": _tie_phone,
}
