"""The product's own loopback server, on a free port, and a hand on its controls."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from app.base.phone import Phone
from app.settings import Settings
from app.sms.loopback.options import Options
from app.sms.loopback.server import running
from app.sms.provider import OutgoingSms

API_KEY, AUTH_TOKEN, SENDER = "at-key", "tw-token", "+15005550006"
TO, TEXT = Phone("+212600000001"), "Maalem: recu 10000017. Payé"
SMS = OutgoingSms("maalem-7", TO, TEXT)


class Loopback:
    """The server's address, and its control addresses as methods."""

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, method: str, path: str, **told: Any) -> Any:
        data = json.dumps(told).encode() if told else None
        request = urllib.request.Request(self.url + path, data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def set(self, **told: Any) -> Any:
        return self.control("POST", "/control", **told)

    def next(self, *faults: str) -> None:
        self.set(next=list(faults))

    def counts(self) -> Any:
        return self.control("GET", "/control/messages")

    def messages(self) -> Any:
        return self.control("GET", "/control/messages?list=true")["messages"]

    def requests(self) -> Any:
        return self.control("GET", "/control/requests")

    def settings(self, **other: Any) -> Settings:
        """Settings of a service whose providers are here."""
        given = {
            "africastalking_username": "maalem",
            "africastalking_api_key": API_KEY,
            "africastalking_sender_id": "MAALEM",
            "africastalking_url": self.url,
            "twilio_account_sid": "AC1",
            "twilio_auth_token": AUTH_TOKEN,
            "twilio_from": SENDER,
            "twilio_url": self.url,
            "sms_timeout": 1.5,
        }
        return Settings.model_validate(given | other)


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    # A slow answer is slower than the tests' patience, and not by much.
    with running(Options(slow_ms=3000, api_key=API_KEY, auth_token=AUTH_TOKEN)) as url:
        yield Loopback(url)


@pytest.fixture
def loopback(server: Loopback) -> Loopback:
    """The module's server as it was new, but for what a test set with `set`."""
    server.control("DELETE", "/control")
    return server
