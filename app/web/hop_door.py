"""Takes in the hops of gateways before Flask, whose part costs more than the rest of a hop.

It does what Flask's routes do (ussd, lifecycle, edge), by the same functions. Whatever is out of
the ordinary goes on to Flask, which answers or refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import BytesIO
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING

import structlog
from flask import Flask

from app.base import spans
from app.observe.references import trace_request
from app.runtime import Runtime
from app.web.callbacks import is_admitted
from app.web.edge import LONGEST_HOP, has_control, is_our_host
from app.web.error_pages import describe_failure
from app.web.safe_headers import FOR_MACHINES
from app.web.slots import Kind, is_served, leave_slot, take_slot
from app.web.ussd import (
    FORM,
    Answer,
    CallbackAddress,
    answer_busy,
    answer_callback,
    list_addresses,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_STATUSES = {200: "200 OK", 400: "400 BAD REQUEST", 500: "500 INTERNAL SERVER ERROR"}
_PART = "/ussd/"
_LENGTH = re.compile("[0-9]{1,4}")
_log = structlog.get_logger("web")


class HopDoor:
    """An application in front of Flask's, which is `application`."""

    def __init__(self, app: Flask, maalem: Runtime, application: WSGIApplication) -> None:
        self._app, self._maalem, self._application = app, maalem, application
        served = list_addresses() if is_served(app, _PART) else []
        self._addresses = {each.path: each for each in served}

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(_PART):
            address = self._find_address(environ)
            if address and (body := self._take_in(environ, address)):
                return self._answer(address, body, start)
        return self._application(environ, start)

    def _find_address(self, environ: WSGIEnvironment) -> CallbackAddress | None:
        """Returns the address that is called, if its caller is admitted."""
        path, settings = environ["PATH_INFO"], self._maalem.settings
        if found := self._addresses.get(path):
            return None if settings.production else found
        before, _, given = path.rpartition("/")
        found, calling = self._addresses.get(before), environ.get("REMOTE_ADDR")
        admitted = found and is_admitted(settings, found.dialect.name, given, calling)
        return found if admitted else None

    def _take_in(self, environ: WSGIEnvironment, address: CallbackAddress) -> bytes | None:
        """Returns the body of an ordinary post; None leaves it to Flask."""
        length, kind = environ.get("CONTENT_LENGTH") or "", environ.get("CONTENT_TYPE") or ""
        ordinary = (
            environ["REQUEST_METHOD"] == "POST"
            and not environ.get("QUERY_STRING")
            and "HTTP_TRANSFER_ENCODING" not in environ
            and _LENGTH.fullmatch(length) is not None
            and int(length) <= LONGEST_HOP
            and (address.dialect.speaks_json or kind.partition(";")[0].strip().lower() == FORM)
            and is_our_host(self._app, environ)
            and not has_control(environ)
        )
        return _read_body(environ, int(length)) if ordinary else None

    def _answer(
        self, address: CallbackAddress, body: bytes, start: StartResponse
    ) -> Iterable[bytes]:
        request_id = token_hex(8)
        with trace_request("POST", address.path, request_id):
            answer = self._work(address, body, request_id)
            spans.note(status=answer.status)
        text = answer.text.encode()
        headers = [
            ("Content-Type", address.dialect.content_type),
            ("Content-Length", str(len(text))),
            ("X-Request-Id", request_id),
            *FOR_MACHINES,
        ]
        start(_STATUSES[answer.status], headers)
        return [text]

    def _work(self, address: CallbackAddress, body: bytes, request_id: str) -> Answer:
        came_at = monotonic()
        if not take_slot(self._app, Kind.PHONES):
            return answer_busy(self._maalem, address.dialect, request_id)
        try:
            return answer_callback(self._maalem, address, body, request_id, came_at)
        except Exception:
            _log.exception("failed", request_id=request_id, endpoint=f"ussd.{address.name}")
            spans.note_failure()
            return Answer(f"{describe_failure(request_id)}\n", 500)
        finally:
            leave_slot(self._app, Kind.PHONES)


def _read_body(environ: WSGIEnvironment, length: int) -> bytes | None:
    """Returns the body; None for one that ended too soon, which Flask finds as it came."""
    body, stream = b"", environ["wsgi.input"]
    while len(body) < length and (part := stream.read(length - len(body))):
        body += part
    if len(body) == length:
        return body
    environ["wsgi.input"] = BytesIO(body)
    return None
