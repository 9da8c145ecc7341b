"""The frame of the agent's pages: who is let in, the entrance, the desk, and pages of refusals.

Every refusal is a page in plain words with the status of app/web/refusals.
"""

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

from app.agents.queries import Agent
from app.base.errors import Busy, Unavailable
from app.runtime import runtime
from app.web.access import Audience, audience_of, open_to
from app.web.error_pages import answer_http_error
from app.web.language import follow_language_switch, vary
from app.web.refusals import Refusal
from app.web.till import sign_in as till_sign_in
from app.web.till.devices import remember_device, sign_device_anew
from app.web.till.sign_in import plain_digits, session_at_the_till

pages = Blueprint("till", __name__, url_prefix="/agent")
csrf = CSRFProtect()
_log = structlog.get_logger("till")

IN_HAND = "code"  # the session's key of the code typed last
CONFIRMED = "confirmed"  # the session's key of the receipt confirmed last
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
    csrf.init_app(app)
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
        return entrance(Refusal("signed_out"))
    csrf.protect()
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
        return entrance(Refusal("signed_out") if g.get("session_ended") else None, status=200)
    session.pop(IN_HAND, None)
    session.pop(CONFIRMED, None)
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
        return entrance(entered)
    answer = redirect(url_for("till.pin" if entered.must_choose else "till.desk"), 303)
    remember_device(answer, number)
    return answer


@pages.post("/sign-out")
@open_to(Audience.EVERYONE)
def leave() -> AnyResponse:
    till_sign_in.leave()
    return redirect(url_for("till.desk"), 303)


def agent_here() -> Agent:
    """Returns the agent who is signed in."""
    agent: Agent = g.agent
    return agent


def draw_key() -> str:
    """Draws the key of a form, by which the same form again is known."""
    return f"{runtime().random.getrandbits(128):032x}"


def refused_page(refusal: Refusal, typed: str | None = None) -> Response:
    """Makes the page with the code's field again, which holds the typed text to correct."""
    shown = session.get(IN_HAND, "") if typed is None else typed
    return till_page("till/code.html", refusal.status, refusal=refusal, typed=shown)


def entrance(refusal: Refusal | None = None, status: int | None = None) -> Response:
    status = status or (refusal.status if refusal else 200)
    number = plain_digits(request.form.get("number", ""))
    return till_page("till/sign_in.html", status, refusal=refusal, number=number)


def till_page(template: str, status: int = 200, **values: object) -> Response:
    """Renders a page of the till."""
    # After a switch of language the browser opens `place`: this page, if a GET can show it.
    place = request.path if request.method == "GET" else url_for("till.desk")
    if request.endpoint in {"till.look", "till.choose", "till.confirm"}:
        place = url_for("till.preview")
    if request.endpoint == "till.take_over":
        place = url_for("till.hand_over")
    if request.endpoint in {"till.reverse", "till.send_code"}:
        place = url_for("till.receipt", **(request.view_args or {}))
    return Response(render_template(template, place=place, **values), status)


@pages.errorhandler(CSRFError)
def _page_too_old(_error: CSRFError) -> Response:
    """Says that nothing was recorded, and leads back to the page from which the form came."""
    refusal = Refusal("form_too_old")
    if g.agent is None:
        return entrance(refusal)
    if request.endpoint == "till.choose_pin":
        return till_page("till/pin.html", refusal.status, refusal=refusal)
    if receipt := (request.view_args or {}).get("number"):
        return refused_page(Refusal("form_too_old", {"receipt": receipt, "agent": True}))
    in_hand = request.endpoint in {"till.look", "till.confirm"}
    return refused_page(Refusal("page_too_old") if in_hand else refusal)


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
        return answer_http_error(error)
    _log.exception("failed", request_id=g.request_id, endpoint=request.endpoint)
    refusal = Refusal("internal", {"reference": g.request_id})
    return till_page("till/away.html", refusal.status, refusal=refusal)
