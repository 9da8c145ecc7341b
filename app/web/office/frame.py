"""The frame of the office's pages: who is let in, by which right, and pages of refusals."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

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
    url_for,
)
from flask_wtf.csrf import CSRFError
from pydantic import SecretStr
from sqlalchemy import Engine
from werkzeug.exceptions import Forbidden, HTTPException, NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.base.database import name_cause, reading
from app.base.errors import MaalemError, Unavailable
from app.base.money import Money
from app.base.operation import operation
from app.office.errors import OfficeSessionOver
from app.office.forms import draw_form_token
from app.office.passkeys import list_passkeys
from app.office.rights import RIGHTS, Right
from app.office.sessions import OfficeSession, SessionTimes, Stage, use_office_session
from app.runtime import runtime
from app.text.languages import DEFAULT, LANGUAGES
from app.web.access import Audience, UndeclaredRoute, audience_of, open_to
from app.web.error_pages import answer_http_error
from app.web.language import follow_language_switch, reading_language, template_words, vary
from app.web.office.refusal_words import put_in_words, refusal_of
from app.web.office.tokens import read_token
from app.web.places import office_places
from app.web.refusals import OFFICE_STATUSES, STATUSES, Refusal
from app.web.slots import OFFICE_KINDS
from app.web.till.pages import csrf

pages = Blueprint("office", __name__, url_prefix="/office")
View = TypeVar("View", bound=Callable[..., object])
_LOOKS_AGAIN_SECONDS = "3"
_RIGHT, _STAGE, _CONFLICT = "maalem_right", "maalem_stage", 409
# The page on which a session goes on that still waits for something.
_STAGE_PAGES = {Stage.PASSWORD: "office.own_password", Stage.ENROLMENT: "office.own_account"}
_log = structlog.get_logger("office")

# What stands at the top of every page, for those who may open it: right, endpoint, words.
SECTIONS: tuple[tuple[Right, str, str], ...] = (
    (Right.OPEN_OFFICE, "office.first_page", "office.section.first_page"),
    (Right.SEE_FIGURES, "office.figures", "office.section.figures"),
    (Right.SEE_PEOPLE, "office.people", "office.section.people"),
    (Right.SEE_REQUESTS, "office.requests", "office.section.requests"),
    (Right.ASSIST_AT_COUNTER, "office.counter", "office.section.counter"),
    (Right.ASSIST_AT_COUNTER, "office.calls", "office.section.calls"),
    (Right.SEE_BREAKS, "office.breaks", "office.section.breaks"),
    (Right.SEE_AGENTS, "office.agents", "office.section.agents"),
    (Right.SEE_AGENTS, "office.networks", "office.section.networks"),
    (Right.SEE_POSTINGS, "office.postings", "office.section.postings"),
    (Right.SEE_MESSAGES, "office.messages", "office.section.messages"),
    (Right.SEE_MESSAGES, "office.notices", "office.section.notices"),
    (Right.SEE_HEALTH, "office.health", "office.section.health"),
    (Right.SEE_HEALTH, "office.menus", "office.section.menus"),
    (Right.SEE_BOOKS, "office.books", "office.section.books"),
    (Right.SEE_AUDIT, "office.audit", "office.section.audit"),
    (Right.SEE_USERS, "office.users", "office.section.users"),
)


def may(right: Right) -> Callable[[View], View]:
    """Declares the right by which a view is opened."""

    def declare(view: View) -> View:
        setattr(view, _RIGHT, right)
        return open_to(Audience.OFFICE)(view)

    return declare


def while_at(stage: Stage) -> Callable[[View], View]:
    """Declares that a view is open too to a session that waits for this."""

    def declare(view: View) -> View:
        setattr(view, _STAGE, stage)
        return view

    return declare


def right_of(app: Flask, endpoint: str | None) -> Right | None:
    """Returns the right that an endpoint declares."""
    return getattr(app.view_functions.get(endpoint or ""), _RIGHT, None)


def register(app: Flask) -> None:
    """Adds the office's pages to the app. Raises: UndeclaredRoute for a view without a right."""
    app.register_blueprint(pages)
    check_rights(app)


def check_rights(app: Flask) -> None:
    """Raises: UndeclaredRoute, which names the office's views that declare no right."""
    wrong = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if audience_of(app, rule.endpoint) is Audience.OFFICE
        and right_of(app, rule.endpoint) is None
    ]
    if wrong:
        raise UndeclaredRoute(f"declare the right: {', '.join(wrong)}")


pages.after_request(vary)


@pages.before_request
def _admit() -> AnyResponse | Response | None:
    """Asks for the sign-in, then for the right, before all other checks."""
    g.office = g.half_open = None
    if (redirection := follow_language_switch()) is not None:
        return redirection
    if token := read_token():
        opened = use_session(token)
        # Until the second factor is proven nobody is signed in.
        half = opened is not None and opened.stage is Stage.FACTOR
        g.half_open, g.office = (opened, None) if half else (None, opened)
    if audience_of(current_app, request.endpoint) is Audience.EVERYONE:
        csrf.protect()
        return None
    if g.office is None:
        return _ask_sign_in()
    csrf.protect()
    if (onward := _find_stage_page(g.office)) is not None:
        return redirect(url_for(onward), 303)
    if right_of(current_app, request.endpoint) not in RIGHTS[g.office.role]:
        return refused_page(Refusal("not_yours"))
    return None


def _ask_sign_in() -> Response:
    """Shows the entrance; whoever had a session reads that it is over."""
    if read_token() and not g.half_open:
        return sign_in_page(Refusal("office_session_over"))
    return sign_in_page(status=401)


def session_times() -> SessionTimes:
    """Returns how long a session lasts here."""
    settings = runtime().settings
    return SessionTimes(
        timedelta(minutes=settings.office_idle_minutes),
        timedelta(hours=settings.office_session_hours),
    )


def use_session(token: str) -> OfficeSession | None:
    """Returns the session that a token names; None if it is over."""
    maalem = runtime()
    required = maalem.settings.production
    with operation(find_database(), maalem.clock(), "office") as change:
        opened = use_office_session(
            change, SecretStr(token), session_times(), factor_required=required
        )
    office_places().note(token, good=opened is not None)
    return opened


def find_database() -> Engine:
    """Returns the pool of this request's slot: strangers have none of the office's connections."""
    maalem = runtime()
    return maalem.office_database if g.get("slot") in OFFICE_KINDS else maalem.database


def _find_stage_page(opened: OfficeSession) -> str | None:
    """Returns where a session has to go on; None if it may open what it asks for."""
    view = current_app.view_functions.get(request.endpoint or "")
    if opened.stage is Stage.OPEN or getattr(view, _STAGE, None) is opened.stage:
        return None
    return _STAGE_PAGES[opened.stage]


def office_language() -> str:
    """Returns the reader's language, if the office's pages speak it; else French."""
    language = reading_language()
    return language if language in runtime().office_words.languages else DEFAULT


@pages.context_processor
def _speak() -> dict[str, Any]:
    words = runtime().office_words
    names = {code: entry.name for code, entry in LANGUAGES.items() if code in words.languages}
    return template_words(office_language(), words) | {
        "languages": names,
        "draw_once": lambda: draw_form_token(runtime().random),
        "turn_page": _turn_page,
        "dirhams": Money.rounded,
    }


def _turn_page(**changed: object) -> str:
    """Returns the address of this table with other rows; what is None is left out."""
    kept = {name: value for name, value in request.args.items() if name != "said"} | changed
    asked = urlencode({name: value for name, value in kept.items() if value is not None})
    return f"{request.path}?{asked}" if asked else request.path


def _find_said() -> str | None:
    """Returns the key of the sentence about the act that led here, if there is one."""
    key = f"office.said.{request.args.get('said', '')}"
    return key if runtime().office_words.has(office_language(), key) else None


def office_page(template: str, status: int = 200, **values: object) -> Response:
    """Renders a page of the office."""
    place = _turn_page(done=None) if request.method == "GET" else url_for("office.first_page")
    page = render_template(
        f"office/{template}",
        **{"place": place, "here": g.office, "sections": _list_sections(), "said": _find_said()}
        | values,
    )
    answer = Response(page, status)
    if values.get("working") and request.args.get("follow"):
        # The reader asked for it, and stops it: no page renews itself unasked.
        answer.headers["Refresh"] = _LOOKS_AGAIN_SECONDS
    return answer


def sign_in_page(refusal: Refusal | None = None, status: int | None = None) -> Response:
    """Renders the entrance, with the status of what was refused; half open, it asks the factor."""
    status = status or (refusal.status if refusal else 200)
    if g.half_open:
        return factor_page(g.half_open.name, refusal, status)
    provider = bool(runtime().settings.oidc_issuer)
    name = request.form.get("name", "")
    return office_page("sign_in.html", status, refusal=refusal, name=name, provider=provider)


def factor_page(name: str, refusal: Refusal | None = None, status: int = 200) -> Response:
    """Renders the page that asks a user's second factor: a code, or a passkey if there is one."""
    with reading(find_database()) as connection:
        passkeys = list_passkeys(connection, name)
    return office_page("second_factor.html", status, refusal=refusal, passkeys=passkeys)


def refused_page(refusal: Refusal, status: int | None = None) -> Response:
    """Renders a refusal on a page of its own, with a way back."""
    shown = put_in_words(refusal, runtime().office_words, office_language())
    return office_page(
        "refused.html", status or status_of(refusal), refusal=shown, back=_find_way_back()
    )


def _find_way_back() -> str | None:
    """Returns the nearest page above a refused form's address that the reader may open."""
    adapter, path = current_app.create_url_adapter(request), request.path
    while request.method == "POST" and adapter and path.count("/") > 1:
        path = path.rpartition("/")[0]
        with suppress(HTTPException):
            endpoint, _ = adapter.match(path, "GET")
            if g.office and right_of(current_app, endpoint) in RIGHTS[g.office.role]:
                return path
    return None


def status_of(refusal: Refusal) -> int:
    """Returns a refusal's status; one of the rooms that no page names is a conflict."""
    known = {**STATUSES, **OFFICE_STATUSES}
    return known.get(refusal.code, _CONFLICT)


def _list_sections() -> list[tuple[str, str, bool]]:
    """Returns address, words and whether it is this page, of what the reader may open."""
    opened = g.office and g.office.stage is Stage.OPEN
    rights = RIGHTS[g.office.role] if opened else frozenset()
    return [
        (url_for(endpoint), words, request.path.startswith(url_for(endpoint)))
        for right, endpoint, words in SECTIONS
        if right in rights and endpoint in current_app.view_functions
    ]


@pages.errorhandler(CSRFError)
def _form_too_old(_error: CSRFError) -> Response:
    refusal = Refusal("form_too_old")
    return refused_page(refusal) if g.office else sign_in_page(refusal)


@pages.errorhandler(NotFound)
def _nothing_here(_error: NotFound) -> Response:
    return refused_page(Refusal("page_unknown"))


@pages.errorhandler(Forbidden)
def _not_yours(_error: Forbidden) -> Response:
    return refused_page(Refusal("not_yours"))


@pages.errorhandler(OfficeSessionOver)
def _leave_out(_error: OfficeSessionOver) -> Response:
    """The session ended after the request had come in: nothing was done."""
    g.office = g.half_open = None
    return sign_in_page(Refusal("office_session_over"))


@pages.errorhandler(Unavailable)
def _away(error: Unavailable) -> Response:
    told = {"what": error.params.get("what"), "cause": name_cause(error)}
    _log.error("unavailable", request_id=g.request_id, **told)
    return refused_page(Refusal.of(error))


@pages.errorhandler(MaalemError)
def _answer_refusal(error: MaalemError) -> Response:
    """Answers a refusal that a view did not answer itself: nothing was done."""
    refusal = refusal_of(error)
    if not runtime().office_words.has(office_language(), refusal.words):
        _log.error("refusal_without_words", request_id=g.request_id, code=error.code)
        refusal = Refusal("not_done", {"code": error.code})
    return refused_page(refusal)


@pages.errorhandler(Exception)
def _answer_failure(error: Exception) -> Response | HTTPException:
    """Answers an error of ours: its trace goes to the log, its reference to the page."""
    if isinstance(error, HTTPException):
        return answer_http_error(error)
    _log.exception("failed", request_id=g.request_id, endpoint=request.endpoint)
    return refused_page(Refusal("internal", {"reference": g.request_id}))
