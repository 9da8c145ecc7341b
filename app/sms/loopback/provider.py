"""What the server needs of one provider's side; africastalking.py and twilio.py have it."""

from collections.abc import Mapping
from typing import Protocol

from aiohttp import web

from app.sms.loopback.store import AcceptedMessage, Ledger

Form = Mapping[str, str]


class LoopbackProvider(Protocol):
    """Its name, what can go wrong, the words of its reports, and how it reads and answers."""

    NAME: str
    TAKEN_STATUS: int
    FAULTS: tuple[str, ...]
    ON_THE_WAY: tuple[str, ...]
    DELIVERED: str
    FAILED: str

    def refuse(self, request: web.Request, form: Form, key: str) -> web.Response | None: ...

    def take(self, form: Form, ledger: Ledger) -> AcceptedMessage: ...

    def accepted(self, taken: AcceptedMessage) -> dict[str, object]: ...

    def fault(self, kind: str, form: Form) -> web.Response: ...

    def report(self, taken: AcceptedMessage, word: str) -> dict[str, str]: ...

    def inbound(self, reference: str, sender: str, text: str) -> dict[str, str]: ...
