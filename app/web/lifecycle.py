"""Wraps every request: gives it an id, a slot and safe headers, and answers its errors."""

from secrets import token_hex
from threading import BoundedSemaphore

import structlog
from flask import Flask, Request, Response, current_app, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.exceptions import HTTPException

from app.base.errors import Unavailable
from app.runtime import Runtime, runtime
from app.web.mobile_money.responses import busy, strayed
from app.web.mobile_money.routes import BASE

_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}
# Requests without a slot: phones have their own deadline, files and /healthz use no database.
_WITHOUT_SLOT = ("/ussd/", "/static/", "/healthz")
# How long a request waits for a slot: no longer than phones can spare its thread. A provider often
# does not repeat a report that was refused, so its posts wait longer.
_PATIENCE_SECONDS, _PROVIDERS, _PROVIDERS_PATIENCE_SECONDS = 0.2, "/sms/", 0.5
_log = structlog.get_logger("web")


class _Sessions(SecureCookieSessionInterface):
    """Opens no cookie session for gateways and the payments API: making a signer takes long."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith(("/ussd/", BASE)):
            return None
        return super().open_session(app, request)


def register(app: Flask, runtime: Runtime) -> None:
    """Wraps the requests of `app`."""
    app.session_interface = _Sessions()
    app.extensions["page_slots"] = BoundedSemaphore(runtime.settings.page_slots)
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_leave)
    app.register_error_handler(Unavailable, _answer_unavailable)
    app.register_error_handler(Exception, _answer_failure)


def _begin() -> Response | None:
    """Gives a page one of the slots, and limits each wait for the database as for phones.

    Without a free slot the page is answered 503 after a moment.
    """
    g.request_id = token_hex(8)
    if request.path.startswith(_WITHOUT_SLOT):
        return None
    from_provider = request.path.startswith(_PROVIDERS)
    patience = _PROVIDERS_PATIENCE_SECONDS if from_provider else _PATIENCE_SECONDS
    if not current_app.extensions["page_slots"].acquire(timeout=patience):
        if request.path.startswith(BASE):
            return busy()
        return Response("Busy, try again.\n", 503, {"Retry-After": "1"}, mimetype="text/plain")
    g.slot = True
    runtime().deadline.limit_each_wait()
    return None


def _leave(_error: BaseException | None) -> None:
    if g.pop("slot", False):
        runtime().deadline.lift_limit()
        current_app.extensions["page_slots"].release()


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    if response.mimetype == "text/html":
        response.headers.update(_SAFE_HEADERS)
    return response


def _answer_unavailable(error: Unavailable) -> tuple[str, int]:
    _log.error("unavailable", request_id=g.request_id, what=error.params.get("what"))
    return "Service unavailable, nothing was done. Try again in a few minutes.\n", 503


def _answer_failure(error: Exception) -> HTTPException | Response | tuple[str, int]:
    """Logs a fault of the program with its trace, and answers without it."""
    if isinstance(error, HTTPException):
        if request.path.startswith(f"{BASE}/") and error.code in (404, 405):
            return strayed(error.code)
        return error
    _log.exception("failed", request_id=g.request_id, endpoint=request.endpoint)
    return f"Something went wrong. Reference: {g.request_id}\n", 500
