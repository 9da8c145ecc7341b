"""The reference by which one call is followed: from an outage screen to every line about it."""

from __future__ import annotations

_FIRST, _MANY = 100_000, 900_000


def find_reference(request_id: str) -> str:
    """Returns the six digits that a screen has room for, of a request's id in hex."""
    return str(_FIRST + int(request_id, 16) % _MANY)
