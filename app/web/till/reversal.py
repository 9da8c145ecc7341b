"""The till's reversals: with the PIN, and later with a second agent or the artisan's code."""

import structlog
from flask import g, redirect, request, url_for
from pydantic import SecretStr
from werkzeug.wrappers import Response as AnyResponse

from app.agents.queries import Agent, hold_agent
from app.base.database import reading
from app.base.errors import MaalemError, Unavailable
from app.base.operation import operation
from app.observe import metrics
from app.payments.errors import ReceiptUnknown, ReversalCodeWrong
from app.payments.receipts import find_receipt
from app.payments.reversal_codes import try_reversal_code
from app.payments.reversals import REASONS, ReversalRequest, reverse_deposit
from app.payments.till_reversals import (
    send_reversal_code,
)
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.refusals import Refusal
from app.web.till.colleague import check_colleague
from app.web.till.pages import agent_here, pages, refused_page
from app.web.till.receipt import receipt_page
from app.web.till.sign_in import check_typed_pin, plain_digits

_log = structlog.get_logger("till")


@pages.post("/receipts/<number>/reverse")
@open_to(Audience.AGENT)
def reverse(number: str) -> AnyResponse:
    """Reverses the deposit whose cash was given back. A second request shows that it was done."""
    refusal = _reverse(number)
    if refusal is None:
        _log.info("reversal", request_id=g.request_id, agent=agent_here().number, receipt=number)
    return _answer(number, refusal)


@pages.post("/receipts/<number>/reversal-code")
@open_to(Audience.AGENT)
def send_code(number: str) -> AnyResponse:
    """Sends the artisan the code to read out; the receipt's page then has its field."""
    maalem, agent = runtime(), agent_here()
    asked = ReversalRequest(number, "page", "mistake", agent.network, agent.agency_code)
    try:
        with operation(maalem.database, maalem.clock(), _actor(agent)) as change:
            send_reversal_code(change, maalem.services, asked)
    except Unavailable:
        raise
    except ReceiptUnknown:
        return _answer(number, _count(Refusal("nothing_here")))
    except MaalemError as error:
        return _answer(number, _count(Refusal.of(error)))
    return _answer(number, None)


def _answer(number: str, refusal: Refusal | None) -> AnyResponse:
    """Answers with the receipt's page: anew, or with what was refused."""
    if refusal is None:
        return redirect(url_for("till.receipt", number=number), 303)
    with reading(runtime().database) as connection:
        receipt = find_receipt(connection, number, agent_here().agency_code)
    if receipt is None:
        return refused_page(Refusal("nothing_here"))
    return receipt_page(receipt, refusal)


def _reverse(number: str) -> Refusal | None:
    """Reverses the deposit of a receipt. Returns the refusal, if any. Raises: Unavailable."""
    maalem, agent = runtime(), agent_here()
    reason = request.form.get("reason", "")
    if reason not in REASONS:
        return _count(Refusal("no_reason"))
    try:
        if refused := check_typed_pin(request.form.get("pin", "")):
            return _count(refused)
        second, code = check_colleague(agent), _check_code(number, agent)
        with operation(maalem.database, maalem.clock(), _actor(agent)) as change:
            asked = ReversalRequest(
                number,
                "page",
                reason,
                agent.network,
                agent.agency_code,
                agent=agent,
                second=second,
                artisan_code=code,
            )
            hold_agent(change.connection, agent.id, agent.generation)
            reverse_deposit(change, maalem.services, asked)
    except Unavailable:
        raise
    except ReceiptUnknown:
        return _count(Refusal("nothing_here"))
    except MaalemError as error:
        return _count(Refusal.of(error))
    metrics.reversals.labels("page").inc()
    return None


def _check_code(receipt: str, agent: Agent) -> SecretStr | None:
    """Returns the artisan's code, if one was typed. Tries are for the agency's own receipts.

    Raises: ReceiptUnknown, ReversalCodeWrong, AlreadyReversed.
    """
    typed = plain_digits(request.form.get("artisan_code", ""))
    if not typed:
        return None
    maalem, code = runtime(), SecretStr(typed)
    with operation(maalem.database, maalem.clock(), _actor(agent)) as change:
        if find_receipt(change.connection, receipt, agent.agency_code) is None:
            raise ReceiptUnknown()
        try:
            try_reversal_code(change, maalem.services, receipt, code)
            return code
        except ReversalCodeWrong as error:
            refused = error
    raise refused


def _actor(agent: Agent) -> str:
    return f"agent:{agent.number}"


def _count(refusal: Refusal) -> Refusal:
    """Counts a refusal and returns it."""
    metrics.reversals_refused.labels(refusal.code).inc()
    return refusal
