"""The till's hand-over: both agents count the cash, and each proves to be there by a PIN."""

import structlog
from flask import Response, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.agents.errors import SessionOver
from app.agents.queries import hold_agent
from app.base.database import reading
from app.base.errors import InvalidInput
from app.base.identifiers import plain_writing
from app.base.money import Money
from app.base.operation import operation
from app.payments.errors import SecondAgentRefused
from app.payments.hand_overs import (
    HandOverRequest,
    find_hand_over,
    find_number_by_form,
    hand_over_cash,
    sum_cash_held,
)
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.refusals import Refusal
from app.web.till.colleague import check_colleague
from app.web.till.pages import agent_here, draw_key, entrance, pages, refused_page, till_page
from app.web.till.sign_in import check_typed_pin

_log = structlog.get_logger("till")
_LONGEST_KEY = 64
_HIGHEST_NUMBER = 2**63 - 1  # as PostgreSQL counts
_MOST_DIRHAMS = 10_000_000
_DECIMAL_MARKS = str.maketrans({",": ".", "\u066b": "."})


@pages.get("/day/hand-over")
@open_to(Audience.AGENT)
def hand_over() -> Response:
    """Shows the fields of a hand-over: the counted cash, and both agents' PINs."""
    return _show(draw_key())


@pages.post("/day/hand-over")
@open_to(Audience.AGENT)
def take_over() -> AnyResponse:
    """Records the hand-over. One whose sum differs from the books is asked for twice."""
    agent, key = agent_here(), request.form.get("key", "")
    if not 16 <= len(key) <= _LONGEST_KEY:
        return refused_page(Refusal("page_too_old"))
    outcome = _hand_over(key)
    if isinstance(outcome, Refusal):
        _log.info("refused", request_id=g.request_id, agent=agent.number, reason=outcome.code)
        return entrance(outcome) if outcome.code == SessionOver.code else _show(key, outcome)
    _log.info("handed_over", request_id=g.request_id, agent=agent.number, hand_over=outcome)
    return redirect(url_for("till.hand_over_paper", number=outcome), 303)


@pages.get(f"/day/hand-overs/<int(max={_HIGHEST_NUMBER}):number>")
@open_to(Audience.AGENT)
def hand_over_paper(number: int) -> Response:
    """Shows the paper of a hand-over of the agent's own agency; answers 404 for any other."""
    with reading(runtime().database) as connection:
        own = find_hand_over(connection, number, agent_here().agency_code)
    if own is None:
        return refused_page(Refusal("nothing_here"))
    return till_page("till/hand_over_paper.html", hand_over=own)


def _hand_over(key: str) -> int | Refusal:
    """Hands the cash over and returns its number, or the refusal."""
    maalem, agent = runtime(), agent_here()
    counted = _read_amount(request.form.get("counted", ""))
    if counted is None:
        return Refusal("amount_unread")
    with reading(maalem.database) as connection:
        # The same page sent twice, by a double click or the way back, is one hand-over.
        if (same := find_number_by_form(connection, agent.id, key)) is not None:
            return same
        books = sum_cash_held(connection, agent.id, maalem.clock())
    if counted != books and request.form.get("told") != str(counted):
        words = "sum_less" if counted < books else "sum_more"
        gap = Money(abs((counted - books).centimes))
        return Refusal(words, {"books": books, "difference": gap, "counted": counted})
    if refused := check_typed_pin(request.form.get("pin", "")):
        return refused
    try:
        if (second := check_colleague(agent)) is None:
            return Refusal("colleague_refused")
        with operation(maalem.database, maalem.clock(), f"agent:{agent.number}") as change:
            asked = HandOverRequest(agent, second, counted, key)
            number = hand_over_cash(change, asked)
            hold_agent(change.connection, agent.id, agent.generation)
            return number
    except SecondAgentRefused:
        return Refusal("colleague_refused")
    except SessionOver as over:
        return Refusal.of(over)


def _show(key: str, refusal: Refusal | None = None) -> Response:
    """Makes the page of the fields; what was counted stands in it after a refusal."""
    with reading(runtime().database) as connection:
        books = sum_cash_held(connection, agent_here().id, runtime().clock())
    told = refusal.params.get("counted") if refusal else None
    return till_page(
        "till/hand_over.html",
        refusal.status if refusal else 200,
        key=key,
        books=books,
        counted=request.form.get("counted", ""),
        told=told or request.form.get("told", ""),
        second_number=request.form.get("second_number", ""),
        refusal=refusal,
    )


def _read_amount(typed: str) -> Money | None:
    """Reads an amount as people type it: a comma or a point, blanks between thousands."""
    text = "".join(plain_writing(typed).split()).translate(_DECIMAL_MARKS)
    try:
        amount = Money.parse(text)
    except InvalidInput:
        return None
    return amount if 0 <= amount.centimes <= _MOST_DIRHAMS * 100 else None
