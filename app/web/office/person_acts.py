"""Acts of the help desk for a person who called, by the services that the command line uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from flask import Response, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.models import artisan
from app.enrolment.queries import lock_artisan
from app.office.rights import Right
from app.payments.codes import cancel_code, queue_cancellation
from app.payments.payers import read_typed_phone
from app.payments.queries import get_account
from app.payments.receipts_again import send_receipt_again
from app.people.looks import REASONS
from app.people.notes import write_note
from app.people.personal_data import export_person
from app.people.service import DeskAct, do_by_two, untie_for_desk
from app.runtime import runtime
from app.web.office.desk import act_on, here, read_form_token
from app.web.office.fields import NUMBER, read_choice
from app.web.office.frame import may, pages


@pages.post(f"/people/{NUMBER}/<act>")
@may(Right.HELP_PEOPLE)
def help_person(number: int, act: str) -> AnyResponse:
    """Does one act for a person and shows the page again."""
    if (do := _ACTS.get(act)) is None:
        raise NotFound
    with act_on(artisan, number) as change:
        done = do(change, number)
    return show_again(number, done)


@pages.post(f"/people/{NUMBER}/export")
@may(Right.HELP_PEOPLE)
def export_person_here(number: int) -> Response:
    """Gives all that is kept of a person as JSON, for the person to have (law 09-08)."""
    reason = read_choice("reason", REASONS)
    with act_on(artisan, number) as change:
        told = export_person(change, number, reason, here().role)
    answer = Response(json.dumps(told, ensure_ascii=False, indent=1), mimetype="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="person-{number}.json"'
    return answer


def show_again(number: int, done: str) -> AnyResponse:
    """Leads back to the person's page, for the reason for which it was open."""
    reason = request.form.get("reason")
    kept = reason if reason in REASONS else None
    return redirect(url_for("office.person", number=number, reason=kept, done=done), 303)


def read_phone_field() -> Phone:
    """Returns the phone of the form. Raises: InvalidInput."""
    if (phone := read_typed_phone(request.form.get("phone", "")[:64])) is None:
        raise InvalidInput(what="phone", why="not a phone number")
    return phone


def cancel_live_code(change: Operation, number: int) -> str:
    """Cancels the code that the page showed, and no other made since; its phones are told."""
    lock_artisan(change.connection, number)
    live = get_account(change.connection, number, change.now).code
    if live is None or live.code != request.form.get("code"):
        return "nothing_live"
    cancel_code(change, number)
    queue_cancellation(change, runtime().services, live.code)
    return "code_cancelled"


def _send_receipt(change: Operation, number: int) -> str:
    receipt = request.form.get("receipt", "")[:12]
    sent = send_receipt_again(change, runtime().services, number, receipt, read_form_token())
    return "receipt_sent" if sent else "enough"


def _untie(change: Operation, number: int) -> str:
    untie_for_desk(change, number, read_phone_field())
    return "phone_untied"


def _write_note(change: Operation, number: int) -> str:
    write_note(change, number, request.form.get("note", ""))
    return "note_written"


def _reset_pin(change: Operation, number: int) -> str:
    return _do_by_two(change, DeskAct("reset_pin", number))


def _forget(change: Operation, number: int) -> str:
    return _do_by_two(change, DeskAct("forget", number))


def _prove(change: Operation, number: int) -> str:
    return _do_by_two(change, DeskAct("prove", number, phone=read_phone_field()))


def _merge(change: Operation, number: int) -> str:
    typed = request.form.get("double", "")
    if not (typed.isascii() and typed.isdecimal() and len(typed) <= 18):
        raise InvalidInput(what="double", why="not a number of ours")
    return _do_by_two(change, DeskAct("merge", number, double=int(typed)))


def _do_by_two(change: Operation, wanted: DeskAct) -> str:
    return "done" if do_by_two(change, runtime().services, wanted) else "proposed"


_ACTS: Mapping[str, Callable[[Operation, int], str]] = {
    "receipt": _send_receipt,
    "cancel-code": cancel_live_code,
    "untie": _untie,
    "reset-pin": _reset_pin,
    "forget": _forget,
    "prove": _prove,
    "merge": _merge,
    "note": _write_note,
}
