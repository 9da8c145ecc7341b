"""The till's day: reverses a payment of today, lists the day with its sum, and closes it."""

import structlog
from flask import Response, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.base.database import reading
from app.base.errors import MaalemError, Unavailable
from app.base.operation import operation
from app.payments.agent_day import close_day, find_till_day
from app.payments.errors import ReceiptUnknown
from app.payments.receipts import find_receipt
from app.payments.reversals import REASONS, ReversalRequest, reverse_deposit
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.refusals import Refusal
from app.web.till.pages import agent_here, pages, receipt_page, refused_page, till_page

_log = structlog.get_logger("till")


@pages.post("/receipts/<number>/reverse")
@open_to(Audience.AGENT)
def reverse(number: str) -> AnyResponse:
    """Reverses the deposit whose cash was given back. A second request shows that it was done."""
    refusal = _reverse(number)
    if refusal is None:
        _log.info("reversal", request_id=g.request_id, agent=agent_here().number, receipt=number)
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
        return Refusal("no_reason")
    reversal = ReversalRequest(number, "page", reason, agent.network, agent.agency_code)
    try:
        with operation(maalem.database, maalem.clock(), f"agent:{agent.number}") as change:
            reverse_deposit(change, maalem.services, reversal)
    except Unavailable:
        raise
    except ReceiptUnknown:
        return Refusal("nothing_here")
    except MaalemError as error:
        return Refusal.of(error)
    return None


@pages.get("/day")
@open_to(Audience.AGENT)
def day() -> Response:
    """Shows the deposits of today and their sum."""
    with reading(runtime().database) as connection:
        till_day = find_till_day(connection, agent_here().id, runtime().clock())
    return till_page("till/day.html", day=till_day)


@pages.post("/day/close")
@open_to(Audience.AGENT)
def close() -> AnyResponse:
    """Records that the agent counted the cash, with the sum of that moment."""
    agent = agent_here()
    with operation(runtime().database, runtime().clock(), f"agent:{agent.number}") as change:
        close_day(change, agent.id)
    return redirect(url_for("till.day"), 303)
