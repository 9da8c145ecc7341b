"""Slots: how many requests of each kind a process works on at once, so that none shuts out another.

A request takes its slot once its body is in, so that nobody holds one by sending slowly. So few
wait for one that threads are left for health.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from flask import Flask, g, request

from app.base.waits import Turn
from app.settings import Settings
from app.web.mobile_money import BASE
from app.web.office import tokens
from app.web.places import SessionPlaces, office_places, till_places
from app.web.places import register as register_places
from app.web.till.tokens import read_token

_PROVIDER = "/office/sign-in/provider"
# Of whom an address is, by its beginning; what is not here is served by every process.
_PARTS = {
    "/ussd/": "phones",
    "/sms/": "phones",
    "/agent": "tills",
    "/mm/": "api",
    "/office": "office",
    "/figures": "office",
}


class Kind(StrEnum):
    """The kinds of request, by who makes them."""

    PHONES = "phones"
    # Who is signed in at office or till, so many requests of each session (app/web/places.py).
    OFFICE = "office"
    TILL = "till"
    # Their slow comparisons keep no page waiting, and the one door's not the other's.
    SIGN_IN = "sign_in"
    OFFICE_SIGN_IN = "office_sign_in"
    # To another organisation's sign-in, and back from it: it may be slow.
    IDENTITY = "identity"
    API = "api"
    PROVIDERS = "providers"
    PUBLIC = "public"
    READINESS = "readiness"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class SlotShare:
    """A kind's slots, the seconds that a request waits for one, and how many may wait."""

    slots: int
    patience: float
    waiting: int


# A provider often does not repeat a report that was refused, so its posts wait longer. A phone
# waits so long that all waits of its hop together stay under 2 s (Runtime.deadline). An agency's
# tills all sign in at one hour.
# All who work and all who wait, but for phones, are fewer than a process has threads, and all slots
# are as many as it has connections to the database (app/base/database.py): no kind waits for
# another's. Those of `OFFICE_KINDS` are as many as the office's own pool has.
# More phones at once answer no more (`python -m benchmarks slots`).
SLOT_SHARES = {
    Kind.PHONES: SlotShare(16, 0.6, waiting=88),
    Kind.OFFICE: SlotShare(3, 2.0, waiting=4),
    Kind.TILL: SlotShare(2, 1.0, waiting=12),
    Kind.SIGN_IN: SlotShare(2, 2.0, waiting=11),
    Kind.OFFICE_SIGN_IN: SlotShare(1, 2.0, waiting=2),
    Kind.IDENTITY: SlotShare(1, 2.0, waiting=3),
    Kind.API: SlotShare(3, 0.7, waiting=22),
    Kind.PROVIDERS: SlotShare(2, 1.0, waiting=14),
    Kind.PUBLIC: SlotShare(2, 0.2, waiting=6),
    Kind.READINESS: SlotShare(1, 0.2, waiting=2),
    Kind.METRICS: SlotShare(1, 0.2, waiting=2),
}
OFFICE_KINDS = frozenset({Kind.OFFICE, Kind.OFFICE_SIGN_IN, Kind.IDENTITY})
_NAME, _ELSEWHERE = "slots", "served elsewhere"


class KindSlots:
    """The slots of a kind; a hop waits for one in the server's thread, others in theirs."""

    def __init__(self, share: SlotShare) -> None:
        self._free, self._share = share.slots, share
        self._waiting: deque[Turn] = deque()
        self._lock = Lock()

    def take_free(self) -> bool:
        """Takes a slot that nobody has; False if there is none."""
        with self._lock:
            is_free = self._free > 0
            self._free -= is_free
        return is_free

    def take(self) -> bool:
        """Waits for a slot as long as its kind does; False if there was none."""
        if self.take_free():
            return True
        with self._lock:
            if len(self._waiting) >= self._share.waiting:
                return False
            mine = Turn()
            self._waiting.append(mine)
        try:
            mine.wait(self._share.patience)
        except TimeoutError:
            with self._lock:
                if mine not in self._waiting:
                    return True  # it came in this moment
                self._waiting.remove(mine)
            return False
        return True

    def leave(self) -> None:
        """Gives a slot to who waited longest, or back."""
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            first = self._waiting.popleft()
        first.tell()


def register(app: Flask, settings: Settings) -> None:
    """Makes the slots of this process, and the places of sessions."""
    register_places(app)
    app.extensions[_ELSEWHERE] = tuple(
        begin for begin, part in _PARTS.items() if part not in settings.serves
    )
    app.extensions[_NAME] = {kind: KindSlots(share) for kind, share in SLOT_SHARES.items()}


def is_served(app: Flask, path: str) -> bool:
    """True for an address that this process serves (SERVES)."""
    elsewhere: tuple[str, ...] = app.extensions[_ELSEWHERE]
    return not path.startswith(elsewhere)


def find_kind(path: str) -> Kind | None:
    """Returns the kind of this request; None for files and /healthz, which use no database."""
    if path.startswith("/ussd/"):
        return Kind.PHONES
    if path.startswith(BASE):
        return Kind.API
    if path.startswith("/sms/"):
        return Kind.PROVIDERS
    if path == "/readyz":
        return Kind.READINESS
    if path == "/metrics":
        return Kind.METRICS
    if path == "/healthz" or path.startswith("/static/"):
        return None
    if path.startswith("/agent"):
        return _find_kind_at_till(path)
    if path.startswith("/office"):
        return _find_kind_at_office(path)
    return Kind.PUBLIC


def _find_kind_at_till(path: str) -> Kind:
    if path == "/agent/sign-in" and request.method == "POST":
        return Kind.SIGN_IN
    return Kind.TILL if _take_place(till_places(), read_token()) else Kind.PUBLIC


def _find_kind_at_office(path: str) -> Kind:
    if path == "/office/sign-in" and request.method == "POST":
        return Kind.OFFICE_SIGN_IN
    if path.startswith(_PROVIDER):
        return Kind.IDENTITY
    return Kind.OFFICE if _take_place(office_places(), tokens.read_token()) else Kind.PUBLIC


def _take_place(places: SessionPlaces, token: str) -> bool:
    """Tells whether this request is of a session that has a place."""
    if not token or (place := places.take(token)) is None:
        return False
    g.place = places, place
    return True


def take_slot(app: Flask, kind: Kind) -> bool:
    """Waits for a slot of this kind, and returns whether there was one in time."""
    slots: KindSlots = app.extensions[_NAME][kind]
    return slots.take()


def leave_place() -> None:
    """Gives back the place of a session, if this request has one."""
    if (taken := g.pop("place", None)) is not None:
        places, place = taken
        places.leave(place)


def leave_slot(app: Flask, kind: Kind) -> None:
    """Gives a slot back."""
    slots: KindSlots = app.extensions[_NAME][kind]
    slots.leave()
