"""Slots: how many requests of each kind a process works on at once, so that none shuts out another.

A request takes its slot once its body is in, so that nobody holds one by sending slowly.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from threading import BoundedSemaphore

from flask import Flask, current_app, request

from app.web.mobile_money.routes import BASE
from app.web.till import sign_in as till_sign_in


class Kind(StrEnum):
    """The kinds of request, by who makes them."""

    PHONES = "phones"
    TILL = "till"  # agents who are signed in
    API = "api"
    PROVIDERS = "providers"
    PUBLIC = "public"
    MONITORING = "monitoring"


@dataclass(frozen=True, slots=True)
class _Share:
    """A kind's slots, and the seconds that a request waits for one."""

    slots: int
    patience: float


# A provider often does not repeat a report that was refused, so its posts wait longer. A phone
# waits for as long as its caller sees nothing of it.
_SHARES = {
    Kind.PHONES: _Share(8, 1.0),
    Kind.TILL: _Share(2, 0.5),
    Kind.API: _Share(3, 0.2),
    Kind.PROVIDERS: _Share(2, 0.5),
    Kind.PUBLIC: _Share(2, 0.2),
    Kind.MONITORING: _Share(1, 0.2),
}
# A connection to the database for each slot, so that no kind waits for another's.
CONNECTIONS = sum(share.slots for share in _SHARES.values())
_NAME = "slots"


def register(app: Flask) -> None:
    """Makes the slots of this process."""
    app.extensions[_NAME] = {k: BoundedSemaphore(share.slots) for k, share in _SHARES.items()}


def find_kind() -> Kind | None:
    """Returns the kind of this request; None for files and /healthz, which use no database."""
    path = request.path
    if path.startswith("/ussd/"):
        return Kind.PHONES
    if path.startswith(BASE):
        return Kind.API
    if path.startswith("/sms/"):
        return Kind.PROVIDERS
    if path in ("/readyz", "/metrics"):
        return Kind.MONITORING
    if path == "/healthz" or path.startswith("/static/"):
        return None
    if path.startswith("/agent") and till_sign_in.has_session():
        return Kind.TILL
    return Kind.PUBLIC


def take_slot(kind: Kind) -> bool:
    """Waits for a slot of this kind, and returns whether there was one in time."""
    taken: bool = current_app.extensions[_NAME][kind].acquire(timeout=_SHARES[kind].patience)
    return taken


def leave_slot(kind: Kind) -> None:
    """Gives a slot back."""
    current_app.extensions[_NAME][kind].release()
