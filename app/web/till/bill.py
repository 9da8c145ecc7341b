"""The till's bill: the amount and masked name of the code in hand, and the cash confirmed.

The code in hand stands in the session, never in an address; its bill is read anew each time.
"""

from dataclasses import replace

import structlog
from flask import Response, g, redirect, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.agents.errors import SessionOver, TooManyLookUps
from app.agents.look_ups import count_unknown_code, refuse_out_of_look_ups
from app.agents.queries import hold_agent
from app.base.database import reading
from app.base.errors import MaalemError, Unavailable
from app.base.operation import operation
from app.enrolment.rules import masked_name
from app.observe import metrics
from app.payments.card_seen import find_unproven_asker, prove_by_agent
from app.payments.collector import at_till
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.errors import CodeUnknown, PayerUnknown
from app.payments.limits import day_totals
from app.payments.presentment import get_payable
from app.payments.receipts import PresentedBill
from app.payments.rules import read_code
from app.payments.wording import shown_until
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.refusals import Refusal
from app.web.till import sign_in as till_sign_in
from app.web.till.pages import (
    CONFIRMED,
    IN_HAND,
    agent_here,
    draw_key,
    entrance,
    pages,
    refused_page,
    till_page,
)

_log = structlog.get_logger("till")
_MARK = "mark"  # the session's key of what makes its confirmations its own
_LONGEST_TYPED = 64
_LONGEST_KEY = 64


@pages.get("/code")
@open_to(Audience.AGENT)
def preview() -> AnyResponse:
    """Shows the bill of the code in hand, with a new key to confirm it once."""
    if IN_HAND not in session:
        return redirect(url_for("till.desk"), 303)
    return _preview(draw_key())


def _preview(key: str, refusal: Refusal | None = None) -> Response:
    """Makes the page of the bill in hand, with the PIN's field if it is due."""
    try:
        payable = find_payable(session[IN_HAND])
    except Unavailable:
        raise
    except MaalemError as error:
        return refused_page(Refusal.of(error))
    session.setdefault(_MARK, draw_key())
    with reading(runtime().database) as connection:
        asker = find_unproven_asker(connection, payable.code)
    return till_page(
        "till/preview.html",
        refusal.status if refusal else 200,
        asker_ends=asker.e164[-4:] if asker else "",
        payable=payable,
        name=masked_name(payable.full_name),
        until=shown_until(payable.expires_at),
        key=key,
        refusal=refusal,
    )


@pages.post("/confirm")
@open_to(Audience.AGENT)
@metrics.confirmation_seconds.labels("page").time()
def confirm() -> AnyResponse:
    """Books the cash. The same form again, in the same session, gives the same receipt.

    A till that was idle asks the PIN first, and books nothing without it.
    """
    maalem, agent = runtime(), agent_here()
    session[IN_HAND] = request.form.get("code", "")[:_LONGEST_TYPED]
    key = request.form.get("key", "")
    if not 16 <= len(key) <= _LONGEST_KEY:
        return refused_page(Refusal("page_too_old"))
    if g.opened.pin_due and (refusal := _ask_pin()):
        return _preview(key, refusal)
    try:
        code = read_code(session[IN_HAND])
        refuse_out_of_look_ups(agent, maalem.clock())
        collector = at_till(agent, "page")
        with operation(maalem.database, maalem.clock(), collector.actor) as change:
            till_sign_in.refuse_while_locked(change.connection, agent.number)
            hold_agent(change.connection, agent.id, agent.generation)
            confirmation = CashConfirmation(code, f"{session.setdefault(_MARK, key)}:{key}")
            receipt = redeem_code(change, maalem.services, collector, confirmation)
            if request.form.get("card_seen") == "yes":
                prove_by_agent(change, maalem.services, receipt, agent)
    except Unavailable:
        raise
    except SessionOver as over:
        return entrance(Refusal.of(over))
    except MaalemError as error:
        return refuse(error)
    session[CONFIRMED] = receipt
    _log.info("deposit", request_id=g.request_id, agent=agent.number, receipt=receipt)
    return redirect(url_for("till.receipt", number=receipt), 303)


def _ask_pin() -> Refusal | None:
    """Checks the PIN of a till that was idle. None: it is right, and money may move again."""
    typed = request.form.get("pin", "")
    refusal = till_sign_in.check_typed_pin(typed) if typed else Refusal("pin_again")
    g.opened = replace(g.opened, pin_due=refusal is not None)
    return refusal


def find_payable(typed: str) -> PresentedBill:
    """Returns the bill of a typed code; refuses a mistyped code before any query.

    Raises: CodeMistyped, TooManyLookUps, AgentLocked and the refusals of `get_payable`.
    """
    code, now = read_code(typed), runtime().clock()
    refuse_out_of_look_ups(agent_here(), now)
    with reading(runtime().database) as connection:
        till_sign_in.refuse_while_locked(connection, agent_here().number)
        totals = day_totals(connection, agent_here(), now)
        return get_payable(connection, code, agent_here(), totals, now)


def refuse(error: MaalemError, typed: str | None = None) -> Response:
    """Shows a refusal; one of a code or number that is nobody's is counted before."""
    if isinstance(error, CodeUnknown | PayerUnknown):
        error = _count_unknown() or error
    metrics.redemptions_refused.labels(error.code).inc()
    _log.info("refused", request_id=g.request_id, agent=agent_here().number, reason=error.code)
    return refused_page(Refusal.of(error), typed)


def _count_unknown() -> TooManyLookUps | None:
    """Counts a code that is nobody's. Returns the refusal of one too many, committed as well."""
    actor = f"agent:{agent_here().number}"
    with operation(runtime().database, runtime().clock(), actor) as change:
        try:
            count_unknown_code(change, agent_here())
        except TooManyLookUps as refusal:
            return refusal
    return None
