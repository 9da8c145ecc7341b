"""What a request of the payments API says beside its address: its body, the page, the way back."""

from __future__ import annotations

import json
from typing import Any

from flask import g, request

from app.mobile_money.bills import Page
from app.mobile_money.objects import read_moment, refuse

_USUAL_ROWS, _MOST_ROWS = 50, 500
_MOST_OFFSET = 1_000_000


def read_body() -> Any:
    if request.mimetype != "application/json":
        raise refuse("Content-Type", "not application/json")
    try:
        body = json.loads(request.get_data().decode(), parse_constant=_no_constant)
        # What the database cannot keep: half a character, a NUL, a number without end.
        written = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise refuse("body", "not JSON in UTF-8") from None
    if b"\\u0000" in written:
        raise refuse("body", "a NUL in a text")
    return body


def _no_constant(name: str) -> None:
    raise ValueError(name)


def read_page() -> Page:
    moments = {
        name: read_moment(name, request.args[name]) if name in request.args else None
        for name in ("fromDateTime", "toDateTime")
    }
    limit = _whole("limit", _USUAL_ROWS, 1, _MOST_ROWS, "formatError")
    offset = _whole("offset", 0, 0, _MOST_OFFSET, "invalidOffset")
    return Page(limit, offset, moments["fromDateTime"], moments["toDateTime"])


def _whole(name: str, usual: int, least: int, most: int, error: str) -> int:
    text = request.args.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= least):
        raise refuse(name, f"not a number from {least} on", error)
    return min(int(text), most)


def read_method(callback: str | None) -> str:
    if callback is not None:
        return "callback"
    if "respond-async" in request.headers.get("Prefer", "") or g.client.polling:
        return "polling"
    return "step"
