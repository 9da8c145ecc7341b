"""The reference by which one call is followed: from an outage screen to every line about it."""

from __future__ import annotations

from contextlib import AbstractContextManager

from app.base import spans

_FIRST, _MANY = 100_000, 900_000


def find_reference(request_id: str) -> str:
    """Returns the six digits that a screen has room for, of a request's id in hex."""
    return str(_FIRST + int(request_id, 16) % _MANY)


def trace_request(method: str, route: str, request_id: str) -> AbstractContextManager[object]:
    """Returns the trace of a request, which its reference leads to.

    `route` is the rule and not the address, in which a token or a number may stand.
    """
    return spans.trace(
        "request",
        request_id,
        method=method,
        route=route,
        request_id=request_id,
        reference=find_reference(request_id),
    )
