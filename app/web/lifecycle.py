"""Wraps every request: gives it an id, a slot and safe headers, and answers its errors."""

from __future__ import annotations

from collections.abc import Iterable
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING

import structlog
from flask import Flask, Response, current_app, g, request
from flask.globals import app_ctx, request_ctx
from werkzeug.exceptions import HTTPException, NotFound

from app.base import spans
from app.base.database import OFFICE_WAIT_SECONDS, name_cause
from app.base.errors import Unavailable
from app.observe import metrics
from app.observe.references import trace_request
from app.runtime import Runtime, runtime
from app.web import edge, error_pages, slots
from app.web.hop_door import HopDoor
from app.web.mobile_money.responses import busy, strayed
from app.web.office.upload_places import leave_upload_place
from app.web.proxies import TrustedProxies
from app.web.refusals import Refusal
from app.web.safe_headers import add_safe_headers
from app.web.signed_cookies import SignedSessions
from app.web.ussd import answer_busy, find_dialect, write_response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_API = "/mm/"  # every version of it, ours or not
_log = structlog.get_logger("web")


def register(app: Flask, runtime: Runtime) -> None:
    """Wraps the requests of `app`."""
    app.session_interface = SignedSessions(runtime.settings, runtime.keys)
    slots.register(app, runtime.settings)
    edge.register(app, runtime.settings)
    proxies = runtime.settings.trusted_proxies
    door = HopDoor(app, runtime, app.wsgi_app)
    app.wsgi_app = TrustedProxies(door, proxies)  # type: ignore[assignment]
    if runtime.settings.traces_url:
        app.before_request(_begin_trace)
        app.teardown_request(_end_trace)
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_leave)
    app.register_error_handler(Unavailable, _answer_unavailable)
    app.register_error_handler(Exception, _answer_failure)


def watch_menus(app: Flask) -> None:
    """Has the process follow the menus that are live, from its first request on."""
    inner: WSGIApplication = app.wsgi_app

    def begin(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        maalem: Runtime = app.extensions["maalem"]
        maalem.watch_menus()
        app.wsgi_app = inner  # type: ignore[method-assign, assignment]
        return inner(environ, start)

    app.wsgi_app = begin  # type: ignore[assignment]


def _begin() -> HTTPException | Response | None:
    """Takes the request in, then a slot, and limits each wait for the database as for phones.

    Without a free slot the request is answered 503 after a moment, a phone with a screen.
    """
    # Both by themselves: each look through Flask's `request` and `g` costs as much as a small step.
    asked, kept = request_ctx.request, app_ctx.g
    kept.request_id = kept.get("request_id") or token_hex(8)
    if not slots.is_served(current_app, asked.path):
        return _answer_failure(NotFound())
    if refusal := edge.take_in(asked):
        return refusal
    kind = slots.find_kind(asked.path)
    if kind is None:
        return None
    kept.came_at = monotonic()
    if not slots.take_slot(current_app, kind):
        return _answer_busy(kind)
    kept.slot = kind
    if kind is not slots.Kind.PHONES:
        at_office = kind in slots.OFFICE_KINDS
        runtime().deadline.limit_each_wait(OFFICE_WAIT_SECONDS if at_office else 0)
    return None


def _begin_trace() -> None:
    g.request_id = token_hex(8)
    rule = request.url_rule
    g.trace = trace_request(request.method, rule.rule if rule else "unknown", g.request_id)
    g.trace.__enter__()


def _end_trace(_error: BaseException | None) -> None:
    if opened := g.pop("trace", None):
        opened.__exit__(None, None, None)


def _answer_busy(kind: slots.Kind) -> Response:
    if kind is slots.Kind.PHONES:
        dialect = find_dialect(request.path)
        return write_response(dialect, answer_busy(runtime(), dialect, g.request_id))
    metrics.busy.labels(kind).inc()
    if kind is slots.Kind.API:
        return busy()
    return error_pages.answer_busy()


def _leave(_error: BaseException | None) -> None:
    if kind := app_ctx.g.pop("slot", None):
        slots.leave_slot(current_app, kind)
        if kind is slots.Kind.PHONES:
            return
        runtime().deadline.lift_limit()
    slots.leave_place()
    leave_upload_place()


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    spans.note(status=response.status_code)
    if response.status_code >= 500:
        spans.note_failure()
    add_safe_headers(response)
    return response


def _answer_unavailable(error: Unavailable) -> Response:
    told = {"what": error.params.get("what"), "cause": name_cause(error)}
    _log.error("unavailable", request_id=g.request_id, **told)
    return error_pages.answer_error(Refusal.of(error), "service unavailable, nothing was done")


def _answer_failure(error: Exception) -> HTTPException | Response:
    """Logs a fault of the program with its trace, and answers without it."""
    if isinstance(error, HTTPException):
        if request.path.startswith(_API) and error.code in (404, 405):
            return strayed(error.code)
        return error_pages.answer_http_error(error)
    _log.exception("failed", request_id=g.request_id, endpoint=request.endpoint)
    return error_pages.answer_failure()
