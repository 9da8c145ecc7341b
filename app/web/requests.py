"""Around every request: its id, the headers of safety, and answers to errors."""

from secrets import token_hex

import structlog
from flask import Flask, Request, Response, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.exceptions import HTTPException

from app.base.errors import Unavailable

_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}
_log = structlog.get_logger("web")


class _Sessions(SecureCookieSessionInterface):
    """None for the gateways' callbacks: making a signer, only to find no cookie, takes long."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith("/ussd/"):
            return None
        return super().open_session(app, request)


def register(app: Flask) -> None:
    app.session_interface = _Sessions()
    app.before_request(_begin)
    app.after_request(_end)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(Exception, _failed)


def _begin() -> None:
    g.request_id = token_hex(8)


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    if response.mimetype == "text/html":
        response.headers.update(_SAFE_HEADERS)
    return response


def _unavailable(error: Unavailable) -> tuple[str, int]:
    _log.error("unavailable", request_id=g.request_id, what=error.params.get("what"))
    return "Service unavailable, nothing was done. Try again in a few minutes.\n", 503


def _failed(error: Exception) -> HTTPException | tuple[str, int]:
    """A bug: logged with its trace, told without."""
    if isinstance(error, HTTPException):
        return error
    _log.exception("failed", request_id=g.request_id, endpoint=request.endpoint)
    return f"Something went wrong. Reference: {g.request_id}\n", 500
