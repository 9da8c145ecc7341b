"""Slots: how many requests of each kind a process works on at once, so that none shuts out another.

A request takes its slot once its body is in, so that nobody holds one by sending slowly. So few
wait for one that threads are left for phones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from threading import BoundedSemaphore

from flask import Flask, current_app, g, request

from app.base.database import OFFICE_CONNECTIONS
from app.web.mobile_money.routes import BASE
from app.web.office.tokens import has_token
from app.web.till.places import till_places
from app.web.till.sign_in import read_token

_PROVIDER = "/office/sign-in/provider"
_SIGN_INS = ("/agent/sign-in", "/office/sign-in")


class Kind(StrEnum):
    """The kinds of request, by who makes them."""

    PHONES = "phones"
    OFFICE = "office"
    TILL = "till"  # agents who are signed in, so many requests of each (app/web/till/places.py)
    SIGN_IN = "sign_in"  # its slow comparison keeps no page waiting
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
# waits for as long as its caller sees nothing of it. An agency's tills all sign in at one hour.
# All who work and all who wait are fewer than a process has threads, and their slots are as many as
# it has connections to the database (app/base/database.py): no kind waits for another's. The
# office's are as many as its own pool has.
SLOT_SHARES = {
    Kind.PHONES: SlotShare(8, 1.0, waiting=92),
    Kind.OFFICE: SlotShare(OFFICE_CONNECTIONS, 2.0, waiting=4),
    Kind.TILL: SlotShare(2, 1.0, waiting=12),
    Kind.SIGN_IN: SlotShare(2, 2.0, waiting=12),
    Kind.API: SlotShare(3, 0.7, waiting=24),
    Kind.PROVIDERS: SlotShare(2, 1.0, waiting=14),
    Kind.PUBLIC: SlotShare(2, 0.2, waiting=6),
    Kind.READINESS: SlotShare(1, 0.2, waiting=2),
    Kind.METRICS: SlotShare(1, 0.2, waiting=2),
}
_NAME, _ROOMS = "slots", "waiting rooms"


def register(app: Flask) -> None:
    """Makes the slots of this process."""
    app.extensions[_NAME] = {k: BoundedSemaphore(share.slots) for k, share in SLOT_SHARES.items()}
    app.extensions[_ROOMS] = {
        k: BoundedSemaphore(share.waiting) for k, share in SLOT_SHARES.items()
    }


def find_kind() -> Kind | None:
    """Returns the kind of this request; None for files and /healthz, which use no database."""
    path = request.path
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
    if path in _SIGN_INS and request.method == "POST":
        return Kind.SIGN_IN
    # Who comes back from a slow provider of identities keeps nobody else waiting.
    if path.startswith("/office") and (has_token() or path.startswith(_PROVIDER)):
        return Kind.OFFICE
    if path.startswith("/agent") and _take_place():
        return Kind.TILL
    return Kind.PUBLIC


def _take_place() -> bool:
    """Tells whether this request is of a session at the till that has a place."""
    token = read_token()
    g.till_place = till_places().take(token) if token else None
    return g.till_place is not None


def take_slot(kind: Kind) -> bool:
    """Waits for a slot of this kind, and returns whether there was one in time."""
    slots: BoundedSemaphore = current_app.extensions[_NAME][kind]
    if slots.acquire(blocking=False):
        return True
    room: BoundedSemaphore = current_app.extensions[_ROOMS][kind]
    if not room.acquire(blocking=False):
        return False
    try:
        return slots.acquire(timeout=SLOT_SHARES[kind].patience)
    finally:
        room.release()


def leave_place() -> None:
    """Gives back the place of a session at the till, if this request has one."""
    if (place := g.pop("till_place", None)) is not None:
        till_places().leave(place)


def leave_slot(kind: Kind) -> None:
    """Gives a slot back."""
    current_app.extensions[_NAME][kind].release()
