"""Runs the product's own loopback server on a free port, and calls its control addresses."""

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

    def control(self, method: str, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(self.url + path, data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def set(self, **options: Any) -> Any:
        return self.control("POST", "/control", **options)

    def next(self, *faults: str) -> None:
        self.set(next=list(faults))

    def counts(self) -> Any:
        return self.control("GET", "/control/messages")

    def messages(self) -> Any:
        return self.control("GET", "/control/messages?list=true")["messages"]

    def requests(self) -> Any:
        return self.control("GET", "/control/requests")

    def settings(self, **other: Any) -> Settings:
        """Returns the settings of a service whose providers are this server."""
        values = {
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
        return Settings.model_validate(values | other)


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    # A slow answer takes twice as long as the tests' timeout of 1.5 s.
    with running(Options(slow_ms=3000, api_key=API_KEY, auth_token=AUTH_TOKEN)) as url:
        yield Loopback(url)


@pytest.fixture
def loopback(server: Loopback) -> Loopback:
    """The module's server without messages; options that a test set with `set` stay."""
    server.control("DELETE", "/control")
    return server
