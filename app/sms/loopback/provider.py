"""The protocol of one provider on the loopback; africastalking.py and twilio.py follow it."""

from collections.abc import Mapping
from typing import Protocol

from aiohttp import web

from app.sms.loopback.store import AcceptedMessage, MessageStore

Form = Mapping[str, str]


class LoopbackProvider(Protocol):
    """A provider's name, faults and words of reports; it reads requests and answers them."""

    NAME: str
    ACCEPTED_STATUS: int
    FAULTS: tuple[str, ...]
    ON_THE_WAY: tuple[str, ...]
    DELIVERED: str
    FAILED: str

    def refuse(self, request: web.Request, form: Form, key: str) -> web.Response | None: ...

    def accept(self, form: Form, store: MessageStore) -> AcceptedMessage: ...

    def describe(self, message: AcceptedMessage) -> dict[str, object]: ...

    def fault(self, kind: str, form: Form) -> web.Response: ...

    def report(self, message: AcceptedMessage, word: str) -> dict[str, str]: ...

    def inbound(self, reference: str, sender: str, text: str) -> dict[str, str]: ...
