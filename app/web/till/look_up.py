"""The till's field: a payment code, or the phone, RNA or CNSS number of a payer without one.

A number may be several things: then all that are found are offered, with masked names.
"""

from dataclasses import dataclass

import structlog
from flask import g, redirect, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.agents.look_ups import refuse_out_of_look_ups
from app.base.database import reading
from app.base.errors import MaalemError, Unavailable
from app.base.operation import operation
from app.enrolment.rules import masked_name
from app.payments.errors import CodeMistyped, NothingDue, PayerUnknown, TooManyPayers
from app.payments.looked_up_bills import (
    NOT_ENROLLED,
    NOTHING_OWED,
    PAYS_ELSEWHERE,
    LookedUpBill,
    find_or_make_bill,
)
from app.payments.pasted_codes import LONGEST_TYPED, pick_code
from app.payments.payers import (
    Payer,
    find_payers,
    is_like_a_code,
    is_number_of_person,
    read_typed_phone,
    record_looks,
)
from app.payments.receipts import find_final_state
from app.payments.rules import read_code
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.refusals import Refusal
from app.web.till import sign_in as till_sign_in
from app.web.till.bill import find_payable, refuse
from app.web.till.pages import IN_HAND, agent_here, pages, refused_page, till_page

_log = structlog.get_logger("till")
_NUMBER_ENDS = 4
# What a person was found by, in the words that the choice says.
_FOUND_BY = {
    "phone": "till.choice.phone",
    "rna": "till.choice.rna",
    "cnss": "till.choice.cnss",
}
_NO_BILL = {
    NOT_ENROLLED: "not_enrolled",
    PAYS_ELSEWHERE: "pays_elsewhere",
    NOTHING_OWED: "nothing_owed",
}


@dataclass(frozen=True, slots=True)
class TypedNumber:
    """A typed text, and its meanings: a `code` that was issued, people, or both."""

    text: str
    code: str | None
    payers: list[Payer]


@pages.post("/code")
@open_to(Audience.AGENT)
def look() -> AnyResponse:
    """Leads to the bill of what was typed; shows a choice if it may be several, or the refusal."""
    return _answer("")


@pages.post("/choice")
@open_to(Audience.AGENT)
def choose() -> AnyResponse:
    """Leads to the bill that was chosen among those of a typed number."""
    return _answer(request.form.get("choice", ""))


def _answer(choice: str) -> AnyResponse:
    text = request.form.get("code", "")
    typed = text.strip()[:LONGEST_TYPED]
    session.pop(IN_HAND, None)
    try:
        number = _read_number(pick_code(text))
        if len(number.payers) + bool(number.code) > 1 and not choice:
            return till_page("till/choice.html", number=number, choices=_list_choices(number))
        return _lead_to_bill(number, choice)
    except Unavailable:
        raise
    except MaalemError as error:
        return refuse(error, typed)


def _read_number(typed: str) -> TypedNumber:
    """Finds what the agent typed. A locked agent, and one out of look-ups, is told nothing.

    Raises: CodeMistyped, PayerUnknown, TooManyPayers, TooManyLookUps, AgentLocked.
    """
    maalem, agent, now = runtime(), agent_here(), runtime().clock()
    code = _read_code(typed)
    if code is None and not is_number_of_person(typed):
        raise CodeMistyped()
    refuse_out_of_look_ups(agent, now)
    with reading(maalem.database) as connection:
        till_sign_in.refuse_while_locked(connection, agent.number)
        payers = find_payers(connection, typed)
        if code and payers and find_final_state(connection, code) is None:
            code = None
    if code and not payers:
        return TypedNumber(typed, code, [])
    if not payers:
        raise CodeMistyped() if is_like_a_code(typed) else PayerUnknown()
    with operation(maalem.database, now, f"agent:{agent.number}") as change:
        try:
            record_looks(change, agent, payers)
        except TooManyPayers:
            if code is None:
                raise
            payers = []
    return TypedNumber(typed, code, payers)


def _read_code(typed: str) -> str | None:
    try:
        return read_code(typed)
    except CodeMistyped:
        return None


def _lead_to_bill(number: TypedNumber, choice: str) -> AnyResponse:
    """Takes the code in hand, or the bill of the person: the one there is, or a new one."""
    chosen = [p for p in number.payers if choice in {"", str(p.artisan_id)}]
    if number.code and choice in {"", "code"}:
        session[IN_HAND] = number.code
        find_payable(number.code)
        return redirect(url_for("till.preview"), 303)
    if not chosen:
        return refused_page(Refusal("page_too_old"), number.text)
    payer, maalem = chosen[0], runtime()
    phone = read_typed_phone(number.text) if payer.way == "phone" else None
    try:
        with operation(maalem.database, maalem.clock(), f"agent:{agent_here().number}") as change:
            bill = find_or_make_bill(change, maalem.services, payer.artisan_id, phone)
    except NothingDue:  # another till took the cash in this moment
        bill = LookedUpBill(None, NOTHING_OWED)
    _log.info("looked_up", request_id=g.request_id, agent=agent_here().number, by=payer.way)
    if bill.code is None:
        refusal = Refusal(_NO_BILL[bill.why or ""], {"name": masked_name(payer.full_name)})
        return refused_page(refusal, number.text)
    session[IN_HAND] = bill.code
    find_payable(bill.code)
    return redirect(url_for("till.preview"), 303)


def _list_choices(number: TypedNumber) -> list[dict[str, str]]:
    """Returns a choice for each thing that the number may mean, with masked name and number."""
    people = [
        {
            "value": str(payer.artisan_id),
            "name": masked_name(payer.full_name),
            "words": _FOUND_BY[payer.way],
            "ends": payer.rna_number[-_NUMBER_ENDS:],
        }
        for payer in number.payers
    ]
    code = {"value": "code", "name": "", "words": "till.choice.code", "ends": ""}
    return [code, *people] if number.code else people
