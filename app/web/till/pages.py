"""The agent's till: sign in, type a code, see amount and masked name, confirm the cash, print.

The code in hand stands in the session, never in an address; its bill is read anew each time.
Every refusal is a page in plain words with the status of app/web/refusals.
"""

from dataclasses import replace

import structlog
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_wtf.csrf import CSRFError, CSRFProtect
from pydantic import SecretStr
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from app.agents.errors import SessionOver, TooManyLookUps
from app.agents.look_ups import count_unknown_code, refuse_out_of_look_ups
from app.agents.queries import Agent, hold_agent
from app.base.database import reading
from app.base.errors import Busy, MaalemError, Unavailable
from app.base.operation import operation
from app.enrolment.rules import masked_name
from app.observe import metrics
from app.payments.card_seen import find_unproven_asker, prove_by_agent
from app.payments.collector import at_till
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.errors import CodeUnknown
from app.payments.limits import day_totals
from app.payments.presentment import get_payable
from app.payments.receipts import PresentedBill, Receipt, find_receipt, is_reversible
from app.payments.rules import read_code
from app.payments.till_reversals import ReversalTerms, find_reversal_terms
from app.payments.wording import shown_until
from app.runtime import runtime
from app.web.access import Audience, audience_of, open_to
from app.web.language import follow_language_switch, vary
from app.web.refusals import Refusal
from app.web.till import sign_in as till_sign_in
from app.web.till.devices import remember_device, sign_device_anew
from app.web.till.sign_in import plain_digits, session_at_the_till

pages = Blueprint("till", __name__, url_prefix="/agent")
_csrf = CSRFProtect()
_log = structlog.get_logger("till")

_IN_HAND = "code"  # the session's key of the code typed last
_CONFIRMED = "confirmed"  # the session's key of the receipt confirmed last
_MARK = "mark"  # the session's key of what makes its confirmations its own
_LONGEST_TYPED = 64
_LONGEST_KEY = 64
# The pages for an agent with a one-time PIN, who has to choose another first.
_OPEN_BEFORE_A_PIN = {"till.pin", "till.choose_pin", "till.enter", "till.leave"}


def register(app: Flask) -> None:
    """Adds the till's pages to the app."""
    app.config.update(
        # The gateways' callbacks are no forms: only this blueprint's requests are checked.
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,  # a form is good as long as its session
        WTF_CSRF_SSL_STRICT=False,  # asks for the Referer that our Referrer-Policy withholds
    )
    _csrf.init_app(app)
    till_sign_in.register(app)
    app.register_blueprint(pages)


pages.after_request(vary)


@pages.before_request
def _admit() -> AnyResponse | Response | None:
    """Asks for the sign-in before all other checks, so that the page says if a session ended."""
    g.agent = g.opened = None
    if (redirection := follow_language_switch()) is not None:
        return redirection
    g.opened = session_at_the_till()
    g.agent = g.opened.agent if g.opened else None
    audience = audience_of(current_app, request.endpoint)
    if g.agent is None and audience is not Audience.EVERYONE:
        return _entrance(Refusal("signed_out"))
    _csrf.protect()
    if g.opened and g.opened.must_choose and request.endpoint not in _OPEN_BEFORE_A_PIN:
        return redirect(url_for("till.pin"), 303)
    return None


@pages.after_request
def _sign_device_anew(response: Response) -> Response:
    if response.status_code != 303:  # a sign-in sets the cookie itself
        sign_device_anew(response)
    return response


@pages.get("", strict_slashes=False)
@open_to(Audience.EVERYONE)
def desk() -> Response:
    """Shows the field of the next code, or the sign-in."""
    if g.agent is None:
        return _entrance(Refusal("signed_out") if g.get("session_ended") else None, status=200)
    session.pop(_IN_HAND, None)
    session.pop(_CONFIRMED, None)
    return till_page("till/code.html")


@pages.post("/sign-in")
@open_to(Audience.EVERYONE)
def enter() -> AnyResponse:
    number = plain_digits(request.form.get("number", ""))
    pin = SecretStr(plain_digits(request.form.get("pin", "")))
    entered = till_sign_in.enter(request.remote_addr or "", number, pin)
    outcome = entered.code if isinstance(entered, Refusal) else "signed_in"
    # A number that opened nothing may be a PIN in the wrong field.
    agent = None if isinstance(entered, Refusal) else number
    _log.info("sign_in", request_id=g.request_id, agent=agent, outcome=outcome)
    if isinstance(entered, Refusal):
        return _entrance(entered)
    answer = redirect(url_for("till.pin" if entered.must_choose else "till.desk"), 303)
    remember_device(answer, number)
    return answer


@pages.post("/sign-out")
@open_to(Audience.EVERYONE)
def leave() -> AnyResponse:
    till_sign_in.leave()
    return redirect(url_for("till.desk"), 303)


@pages.post("/code")
@open_to(Audience.AGENT)
def look() -> AnyResponse:
    """Keeps the typed code in the session and redirects to its page, or shows the refusal."""
    session[_IN_HAND] = request.form.get("code", "").strip()[:_LONGEST_TYPED]
    try:
        _find_payable(session[_IN_HAND])
    except Unavailable:
        raise
    except MaalemError as error:
        return _refuse(error)
    return redirect(url_for("till.preview"), 303)


@pages.get("/code")
@open_to(Audience.AGENT)
def preview() -> AnyResponse:
    """Shows the bill of the code in hand, with a new key to confirm it once."""
    if _IN_HAND not in session:
        return redirect(url_for("till.desk"), 303)
    return _preview(_draw_key())


def _preview(key: str, refusal: Refusal | None = None) -> Response:
    """Makes the page of the bill in hand, with the PIN's field if it is due."""
    try:
        payable = _find_payable(session[_IN_HAND])
    except Unavailable:
        raise
    except MaalemError as error:
        return refused_page(Refusal.of(error))
    session.setdefault(_MARK, _draw_key())
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
def confirm() -> AnyResponse:
    """Books the cash. The same form again, in the same session, gives the same receipt.

    A till that was idle asks the PIN first, and books nothing without it.
    """
    maalem, agent = runtime(), agent_here()
    session[_IN_HAND] = request.form.get("code", "")[:_LONGEST_TYPED]
    key = request.form.get("key", "")
    if not 16 <= len(key) <= _LONGEST_KEY:
        return refused_page(Refusal("page_too_old"))
    if g.opened.pin_due and (refusal := _ask_pin()):
        return _preview(key, refusal)
    try:
        code = read_code(session[_IN_HAND])
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
        return _entrance(Refusal.of(over))
    except MaalemError as error:
        return _refuse(error)
    session[_CONFIRMED] = receipt
    _log.info("deposit", request_id=g.request_id, agent=agent.number, receipt=receipt)
    return redirect(url_for("till.receipt", number=receipt), 303)


def _ask_pin() -> Refusal | None:
    """Checks the PIN of a till that was idle. None: it is right, and money may move again."""
    typed = request.form.get("pin", "")
    refusal = till_sign_in.check_typed_pin(typed) if typed else Refusal("pin_again")
    g.opened = replace(g.opened, pin_due=refusal is not None)
    return refusal


@pages.get("/receipts/<number>")
@open_to(Audience.AGENT)
def receipt(number: str) -> Response:
    """Shows a receipt of the agent's own agency; answers 404 for any other."""
    with reading(runtime().database) as connection:
        own = find_receipt(connection, number, agent_here().agency_code)
    if own is None:
        return refused_page(Refusal("nothing_here"))
    return receipt_page(own)


def receipt_page(receipt: Receipt, refusal: Refusal | None = None) -> Response:
    """Makes the page of a receipt, with the ways to reverse it on its day.

    Only the session that has just confirmed it is told of a new payment.
    """
    return till_page(
        "till/receipt.html",
        refusal.status if refusal else 200,
        receipt=receipt,
        name=masked_name(receipt.full_name),
        new=session.get(_CONFIRMED) == receipt.number,
        terms=_find_terms(receipt),
        refusal=refusal,
    )


def _find_terms(receipt: Receipt) -> ReversalTerms | None:
    """Returns how the agent may reverse the deposit; None if it may not be reversed here."""
    maalem = runtime()
    if not is_reversible(receipt, now := maalem.clock()):
        return None
    with reading(maalem.database) as connection:
        return find_reversal_terms(connection, maalem.services, agent_here(), receipt.number, now)


def _draw_key() -> str:
    return f"{runtime().random.getrandbits(128):032x}"


def _find_payable(typed: str) -> PresentedBill:
    """Returns the bill of a typed code; refuses a mistyped code before any query.

    Raises: CodeMistyped, TooManyLookUps, AgentLocked and the refusals of `get_payable`.
    """
    code, now = read_code(typed), runtime().clock()
    refuse_out_of_look_ups(agent_here(), now)
    with reading(runtime().database) as connection:
        till_sign_in.refuse_while_locked(connection, agent_here().number)
        totals = day_totals(connection, agent_here(), now)
        return get_payable(connection, code, agent_here(), totals, now)


def agent_here() -> Agent:
    """Returns the agent who is signed in."""
    agent: Agent = g.agent
    return agent


def _refuse(error: MaalemError) -> Response:
    """Shows a refusal; one of a code that is nobody's is counted before."""
    if isinstance(error, CodeUnknown):
        error = _count_unknown() or error
    metrics.redemptions_refused.labels(error.code).inc()
    _log.info("refused", request_id=g.request_id, agent=agent_here().number, reason=error.code)
    return refused_page(Refusal.of(error))


def _count_unknown() -> TooManyLookUps | None:
    """Counts a code that is nobody's. Returns the refusal of one too many, committed as well."""
    actor = f"agent:{agent_here().number}"
    with operation(runtime().database, runtime().clock(), actor) as change:
        try:
            count_unknown_code(change, agent_here())
        except TooManyLookUps as refusal:
            return refusal
    return None


def refused_page(refusal: Refusal) -> Response:
    """Makes the page with the code's field again, which holds the typed text to correct."""
    typed = session.get(_IN_HAND, "")
    return till_page("till/code.html", refusal.status, refusal=refusal, typed=typed)


def _entrance(refusal: Refusal | None = None, status: int | None = None) -> Response:
    status = status or (refusal.status if refusal else 200)
    number = plain_digits(request.form.get("number", ""))
    return till_page("till/sign_in.html", status, refusal=refusal, number=number)


def till_page(template: str, status: int = 200, **values: object) -> Response:
    """Renders a page of the till."""
    # After a switch of language the browser opens `place`: this page, if a GET can show it.
    place = request.path if request.method == "GET" else url_for("till.desk")
    if request.endpoint in {"till.look", "till.confirm"}:
        place = url_for("till.preview")
    if request.endpoint in {"till.reverse", "till.send_code"}:
        place = url_for("till.receipt", **(request.view_args or {}))
    return Response(render_template(template, place=place, **values), status)


@pages.errorhandler(CSRFError)
def _page_too_old(_error: CSRFError) -> Response:
    refusal = Refusal("page_too_old")
    return _entrance(refusal) if g.agent is None else refused_page(refusal)


@pages.errorhandler(Unavailable)
def _away(error: Unavailable) -> Response:
    """Answers while an engine is away; a confirmation sent again gets the same receipt."""
    _log.error("unavailable", request_id=g.request_id, what=error.params.get("what"))
    again = request.form if request.endpoint == "till.confirm" else None
    page = till_page("till/away.html", 503, again=again)
    if isinstance(error, Busy):
        page.headers["Retry-After"] = "1"
    return page


@pages.errorhandler(Exception)
def _answer_failure(error: Exception) -> Response | HTTPException:
    """Answers an error of ours: its trace goes to the log, its reference to the page."""
    if isinstance(error, HTTPException):
        return error
    _log.exception("failed", request_id=g.request_id, endpoint=request.endpoint)
    refusal = Refusal("internal", {"reference": g.request_id})
    return till_page("till/away.html", refusal.status, refusal=refusal)
