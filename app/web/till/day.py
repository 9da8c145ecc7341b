"""At the till: a payment of today undone, the day's list and sum, and its close."""

import structlog
from flask import Response, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.base.database import reading
from app.base.errors import MaalemError, Unavailable
from app.base.operation import operation
from app.payments.agent_day import close_day, find_till_day
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
    """The cash was given back: undoes the deposit. Done twice, it says that it was done."""
    maalem, agent = runtime(), agent_here()
    refusal = None if request.form.get("reason") in REASONS else Refusal("no_reason")
    if refusal is None:
        reversal = ReversalRequest(
            number, "page", request.form["reason"], agent.network, agent.agency_code
        )
        actor = f"agent:{agent.number}"
        try:
            with operation(maalem.database, maalem.clock(), actor) as change:
                reverse_deposit(change, maalem.services, reversal)
        except Unavailable:
            raise
        except MaalemError as error:
            refusal = Refusal.of(error)
        else:
            _log.info("reversal", request_id=g.request_id, agent=agent.number, receipt=number)
            return redirect(url_for("till.receipt", number=number), 303)
    with reading(maalem.database) as connection:
        found = find_receipt(connection, number, agent.agency_code)
    if found is None:
        return refused_page(Refusal("nothing_here"))
    return receipt_page(found, refusal.status, refusal)


@pages.get("/day")
@open_to(Audience.AGENT)
def day() -> Response:
    """What was taken today, and what it comes to."""
    with reading(runtime().database) as connection:
        found = find_till_day(connection, agent_here().id, runtime().clock())
    return till_page("till/day.html", day=found)


@pages.post("/day/close")
@open_to(Audience.AGENT)
def close() -> AnyResponse:
    """The agent counted the cash: noted, with the sum of that moment."""
    agent = agent_here()
    with operation(runtime().database, runtime().clock(), f"agent:{agent.number}") as change:
        close_day(change, agent.id)
    return redirect(url_for("till.day"), 303)
