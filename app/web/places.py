"""Tells which sessions may use the slots of till and office, and how many requests of each at once.

A cookie may be old, or of a session that is over: who holds one is a stranger. What this process
saw of a session last is enough to tell, and costs no look into the database.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from threading import Lock

from flask import Flask, current_app

_EACH = 4  # requests of a session that is good; who works has some pages open
_UNPROVEN = 1  # of all sessions that were not seen yet, together
_MOST_KNOWN = 10_000
_TILL, _OFFICE, _ANYBODY = "till places", "office places", b""


class SessionPlaces:
    """The places of sessions at one door: what was seen of each, and its requests under way."""

    def __init__(self) -> None:
        self._good: dict[bytes, bool] = {}
        self._taken: Counter[bytes] = Counter()
        self._lock = Lock()

    def note(self, token: str, *, good: bool) -> None:
        """Remembers that a session is good, or over: one that is over never becomes good again."""
        with self._lock:
            if len(self._good) >= _MOST_KNOWN:
                self._good.clear()
            self._good[_digest(token)] = good

    def take(self, token: str) -> bytes | None:
        """Takes a place, and returns its name for `leave`; None for one that gets no place."""
        name = _digest(token)
        with self._lock:
            good = self._good.get(name)
            if good is None:
                name = _ANYBODY
            if good is False or self._taken[name] >= (_EACH if good else _UNPROVEN):
                return None
            self._taken[name] += 1
            return name

    def leave(self, name: bytes) -> None:
        """Gives a place back."""
        with self._lock:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]


def register(app: Flask) -> None:
    """Makes the places of this process."""
    app.extensions[_TILL], app.extensions[_OFFICE] = SessionPlaces(), SessionPlaces()


def till_places() -> SessionPlaces:
    """Returns the places of sessions at the till in this process."""
    places: SessionPlaces = current_app.extensions[_TILL]
    return places


def office_places() -> SessionPlaces:
    """Returns the places of sessions at the office in this process."""
    places: SessionPlaces = current_app.extensions[_OFFICE]
    return places


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
