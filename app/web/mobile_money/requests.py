"""Reads the body, page and wished way of answer of a request to the payments API."""

from __future__ import annotations

from flask import g, request

from app.mobile_money.bills import PageQuery
from app.mobile_money.objects import read_moment, read_plainly, refuse

_USUAL_ROWS, _MOST_ROWS = 50, 500
_MOST_OFFSET = 1_000_000


def read_body() -> object:
    """Returns the JSON body, which the edge has read. Raises: Refused, RequestEntityTooLarge."""
    if request.mimetype != "application/json":
        raise refuse("Content-Type", "not application/json")
    request.get_data()
    return read_plainly(g.json_body)


def read_page() -> PageQuery:
    """Reads the limits of a list: its rows and moments. Raises: Refused."""
    moments = {
        name: read_moment(name, request.args[name]) if name in request.args else None
        for name in ("fromDateTime", "toDateTime")
    }
    limit = _read_number("limit", _USUAL_ROWS, 1, _MOST_ROWS, "formatError")
    offset = _read_number("offset", 0, 0, _MOST_OFFSET, "invalidOffset")
    return PageQuery(limit, offset, moments["fromDateTime"], moments["toDateTime"])


def _read_number(name: str, usual: int, least: int, most: int, error: str) -> int:
    text = request.args.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= least):
        raise refuse(name, f"not a number from {least} on", error)
    return min(int(text), most)


def read_method(callback: str | None) -> str:
    """Returns how the answer is to come: by `callback`, by `polling`, or in `step`."""
    if callback is not None:
        return "callback"
    if "days_later" in g:  # what is forgotten cannot be asked for later
        return "step"
    if "respond-async" in request.headers.get("Prefer", "") or g.client.polling:
        return "polling"
    return "step"
