"""The edge: takes a request in whole and refuses what no honest caller sends, before anything else.

Here alone are refused control characters and what is no UTF-8 (in path, query, headers, form and
JSON), bodies that are too long, JSON that can be read in two ways, and hosts that are not ours.
Marks of direction are let through: telephones put them around numbers that people copy.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from flask import Flask, Request, Response, current_app, g, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from app.base.errors import InvalidInput
from app.base.json_text import find_texts, read_json
from app.mobile_money.objects import refuse
from app.settings import Settings
from app.web.error_pages import answer_error
from app.web.mobile_money import BASE
from app.web.mobile_money.responses import refused_response
from app.web.office.upload_places import take_upload_place
from app.web.refusals import Refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_KIB = 1024
LONGEST_BODY = 64 * _KIB
# A message of 1,600 letters of Tifinagh, percent-encoded in a form, is 14 KiB.
LONGEST_HOP = 8 * _KIB
_LONGEST_CALLBACK = {"/ussd/": LONGEST_HOP, "/sms/": 24 * _KIB}
_PHONES = tuple(_LONGEST_CALLBACK)
# A file that somebody of the office gives.
_LONGEST_FILE = 16 * _KIB * _KIB + LONGEST_BODY
_NOT_WHOLE = "it did not come in whole"
_LOCAL_HOSTS, _THIS_MACHINE = ("localhost", "127.0.0.1", "::1"), ("127.0.0.1", "::1")
_MONITORING = ("/healthz", "/readyz", "/metrics")
_HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?")
# A text may hold a tab and ends of lines; an address may not, Unicode's own ends of lines neither.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Of a header each byte is a character here: those above 127 may be a part of a letter.
_CONTROL_IN_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HEADERS = ("HTTP_", "CONTENT_")


def register(app: Flask, settings: Settings) -> None:
    """Sets the limits of a body and the hosts that are ours."""
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BODY
    app.extensions["hosts"] = {urlsplit(settings.public_url).hostname} - {None}


def take_in(asked: Request) -> Response | None:
    """Reads the request's body whole; returns a refusal for what no honest caller sends."""
    try:
        if asked.path not in _MONITORING and not is_our_host(current_app, asked.environ):
            raise InvalidInput(what="Host", why="not an address of this service")
        if has_control(asked.environ):
            raise InvalidInput(what="header", why="a control character")
        _refuse_control("path", asked.environ.get("PATH_INFO", "").encode("latin-1"), _CONTROL)
        if asked.query_string:
            _refuse_control("query", _decode_form(asked.query_string), _CONTROL)
        _take_body(asked)
    except InvalidInput as error:
        return _answer(str(error.params["what"]), str(error.params["why"]))
    return None


def is_our_host(app: Flask, environ: WSGIEnvironment) -> bool:
    """Tells whether the Host is ours.

    The machine's own names are good in development, and for who calls from the machine itself.
    """
    named = _read_host(environ.get("HTTP_HOST", ""))
    if named in app.extensions["hosts"]:
        return True
    production = app.extensions["maalem"].settings.production
    at_home = not production or environ.get("REMOTE_ADDR") in _THIS_MACHINE
    return at_home and named in _LOCAL_HOSTS


@lru_cache(maxsize=64)
def _read_host(text: str) -> str | None:
    """Returns the name or address in a Host, without its port; None if there is none."""
    host = _HOST.fullmatch(text)
    return host[1].strip("[]").lower() if host else None


def has_control(environ: WSGIEnvironment) -> bool:
    """Tells whether there is a control character in any header."""
    headers = [value for name, value in environ.items() if name.startswith(_HEADERS)]
    return _CONTROL_IN_HEADER.search("".join(headers)) is not None


def _take_body(asked: Request) -> None:
    """Reads the body into memory; too long a one is left for the view to answer in its own way.

    What people type on phones is answered with a screen, whatever it is: there the gateways' and
    providers' own readers judge the fields.
    """
    path = asked.path
    from_phones = path.startswith(_PHONES)
    if from_phones:
        asked.max_content_length = _LONGEST_CALLBACK[path[: path.index("/", 1) + 1]]
    gives_file = not from_phones and take_upload_place()
    if gives_file:
        asked.max_content_length = _LONGEST_FILE
    with suppress(RequestEntityTooLarge):
        # Its fields are read by the page itself, its letters by the reader of files.
        data = _read_body(asked)
        if from_phones or (not data and asked.method in ("GET", "HEAD")):
            return
        if asked.is_json:
            _read_json(data)
        elif asked.mimetype == "application/x-www-form-urlencoded":
            _refuse_control("form", _decode_form(data), _CONTROL_IN_TEXT)
        elif asked.mimetype == "multipart/form-data" and not gives_file:
            _refuse_control("form", data, _CONTROL_IN_TEXT)


def _read_body(asked: Request) -> bytes:
    """Returns the body, which the server waits for a few seconds; for a file a minute.

    Raises: InvalidInput for one that ended before its length, RequestEntityTooLarge.
    """
    length, environ = asked.content_length, asked.environ
    if not length and "HTTP_TRANSFER_ENCODING" not in environ:
        return b""
    data = _read_data(asked)
    if len(data) < (length or 0) or getattr(environ["wsgi.input"], "is_cut", False):
        raise InvalidInput(what="body", why=_NOT_WHOLE)
    return data


def _read_data(asked: Request) -> bytes:
    """Returns what came of the body; nothing if its sender broke off."""
    try:
        return asked.get_data()
    except ClientDisconnected:
        return b""


def _decode_form(data: bytes) -> bytes:
    """Returns the bytes for which a query or a form's body stands."""
    return unquote_to_bytes(data.replace(b"+", b" "))


def _read_json(data: bytes) -> None:
    """Keeps the value in `g.json_body` for the view."""
    try:
        g.json_body = read_json(data)
    except ValueError as error:
        raise InvalidInput(what="body", why=str(error)) from None
    for each in find_texts(g.json_body):
        _refuse_control("body", each, _CONTROL_IN_TEXT)


def _refuse_control(what: str, text: str | bytes, control: re.Pattern[str]) -> None:
    """Raises: InvalidInput for a character that `control` finds, or bytes that are no UTF-8."""
    try:
        text = text if isinstance(text, str) else text.decode()
    except UnicodeDecodeError:
        raise InvalidInput(what=what, why="not UTF-8") from None
    if control.search(text):
        raise InvalidInput(what=what, why="a control character")


def _answer(what: str, why: str) -> Response:
    """Writes the refusal as the caller reads it: the API's error object, or an error page."""
    if request.path.startswith(f"{BASE}/"):
        return refused_response(refuse(what, why))
    late = "too_slow" if why == _NOT_WHOLE else "not_understood"
    code = "other_host" if what == "Host" else late
    return answer_error(Refusal(code), f"{what}: {why}")
