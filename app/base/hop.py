"""One callback of a USSD gateway, as every dialect is understood, and our answer to it."""

from dataclasses import dataclass

from app.base.phone import Phone


@dataclass(frozen=True, slots=True)
class Hop:
    """What the network brought: `chain` is every input since dialling, joined by `*`."""

    gateway: str
    session_id: str
    phone: Phone
    chain: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the phone shows; `more` keeps the session open for an answer."""

    text: str
    more: bool
