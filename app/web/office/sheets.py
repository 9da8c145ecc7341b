"""Sheets to print of a person: a code, a receipt, the file for a desk without network.

On A4, or on the roll of a till's printer (80 mm).
"""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.office.rights import Right
from app.payments.queries import get_account
from app.payments.wording import shown_until
from app.people.file import find_payment
from app.people.looks import record_look
from app.people.service import describe_person
from app.web.office.desk import act, behind_wall, here
from app.web.office.fields import NUMBER
from app.web.office.frame import may, office_page, pages
from app.web.office.people import admit_to, is_locked, read_record

_PAPERS = ("a4", "roll")


@pages.get(f"/people/{NUMBER}/sheets/code")
@may(Right.SEE_PEOPLE)
def sheet_of_code(number: int) -> AnyResponse:
    """Shows the live code to print, large, with where it is paid."""
    with act() as change:
        answer, _, reason = admit_to(change, number)
        if answer is not None:
            return answer
        shown = describe_person(change.connection, number)
        with behind_wall(change) as connection:
            code = get_account(connection, number, change.now).code
        if code is None:
            raise NotFound
        record_look(change, number, reason, ("sheet_code",), here().role)
    until = shown_until(code.expires_at)
    return _print("sheet_code.html", person=shown, code=code, until=until, reason=reason)


@pages.get(f"/people/{NUMBER}/sheets/receipt/<receipt>")
@may(Right.SEE_PEOPLE)
def sheet_of_receipt(number: int, receipt: str) -> AnyResponse:
    """Shows a receipt to print."""
    with act() as change:
        answer, presence, reason = admit_to(change, number)
        if answer is not None:
            return answer
        shown = describe_person(change.connection, number)
        if is_locked(shown, presence):
            raise NotFound
        with behind_wall(change) as connection:
            paid = find_payment(connection, number, receipt)
        if paid is None or paid.reversed_at:
            raise NotFound
        record_look(change, number, reason, ("sheet_receipt",), here().role)
    return _print("sheet_receipt.html", person=shown, paid=paid, reason=reason)


@pages.get(f"/people/{NUMBER}/sheets/file")
@may(Right.SEE_PEOPLE)
def sheet_of_file(number: int) -> AnyResponse:
    """Shows a person's file to print, for a desk without network."""
    with act() as change:
        answer, presence, reason = admit_to(change, number)
        if answer is not None:
            return answer
        record = read_record(change, number, presence)
        record_look(change, number, reason, ("sheet_file",), here().role)
    return _print("sheet_file.html", reason=reason, printed_at=change.now, **record)


def _print(template: str, **values: object) -> AnyResponse:
    asked = request.args.get("paper", "")
    paper = asked if asked in _PAPERS else _PAPERS[0]
    return office_page(template, 200, paper=paper, papers=_PAPERS, **values)
