"""Another provider is one file and a line of the registry: nothing else knows its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import text
from werkzeug.test import Client

from app import create_app
from app.base.operation import operation
from app.base.phone import Phone
from app.jobs.sending import Sender
from app.messaging.service import OutboundMessage, queue_message
from app.runtime import Runtime
from app.settings import Settings
from app.sms.fields import read_id, read_phone, read_text
from app.sms.provider import InboundSms, LoggedSms, OutgoingSms, Report
from app.sms.registry import PROVIDERS, Registered

FATIMA = "+212600000001"


class PigeonSettings(BaseSettings):
    """What its file reads of the environment itself."""

    model_config = SettingsConfigDict(hide_input_in_errors=True)

    pigeon_key: SecretStr


class Pigeon:
    """Sends."""

    name = "pigeon"
    can_be_asked = False

    def __init__(self, settings: PigeonSettings) -> None:
        self.flown: list[tuple[str, str]] = []
        self._key = settings.pigeon_key.get_secret_value()

    def send(self, sms: OutgoingSms) -> str:
        assert self._key == "grain"
        self.flown.append((sms.to.e164, sms.text))
        return f"feather-{len(self.flown)}"

    def find(self, sms: OutgoingSms) -> str | None:
        raise LookupError(sms.reference)

    def list_sent(self, since: datetime, until: datetime) -> Iterator[LoggedSms]:
        raise LookupError(self.name)

    def check_account(self) -> str:
        return f"{len(self.flown)} flown"


class PigeonReader:
    """Reads what it posts."""

    report_path, thanks = "landed", "<coo/>"

    def read_report(self, form: Mapping[str, str], query: Mapping[str, str]) -> Report:
        return Report(read_id(form, "feather"), "landed", "delivered")

    def read_inbound(self, form: Mapping[str, str]) -> InboundSms:
        return InboundSms(read_id(form, "feather"), read_phone(form, "from"), read_text(form, "t"))


def ringed(_settings: Settings, path: str, form: Mapping[str, str], headers: object) -> bool:
    return form.get("ring") == path


@pytest.fixture
def own(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setenv("PIGEON_KEY", "grain")
    made = Registered(lambda *_: Pigeon(PigeonSettings()), PigeonReader(), signed=ringed)
    monkeypatch.setitem(PROVIDERS, "pigeon", made)  # type: ignore[arg-type]
    settings = runtime.settings.model_copy(update={"sms_providers": ("pigeon",)})
    return Runtime(settings, clock=runtime.clock)


@pytest.mark.usefixtures("sample_people")
def test_another_provider_sends_reports_and_receives(own: Runtime) -> None:
    with operation(own.database, own.clock(), "artisan") as change:
        message = OutboundMessage("reminders_on", "pigeon", Phone(FATIMA), "fr", {})
        queue_message(change, own.services, message)
    send(own)
    state, provider, feather = read_message(own)
    assert (state, provider) == ("sent", "pigeon")
    client = Client(create_app(own).wsgi_app)
    forged = {"feather": feather, "ring": "/elsewhere"}
    assert client.post("/sms/pigeon/landed", data=forged).status_code == 403
    landed = forged | {"ring": "/sms/pigeon/landed"}
    assert client.post("/sms/pigeon/landed", data=landed).status_code == 200
    assert read_message(own) == ("delivered", "pigeon", feather)
    asked = {"feather": "in-1", "from": FATIMA, "t": "STATUT", "ring": "/sms/pigeon/inbound"}
    answer = client.post("/sms/pigeon/inbound", data=asked)
    assert (answer.get_data(as_text=True), answer.mimetype) == ("<coo/>", "text/xml")
    assert send(own)[-1][0] == FATIMA
    own.database.dispose()
    own.redis.close()


def send(own: Runtime) -> list[tuple[str, str]]:
    """All that waits; what flew."""
    sender = Sender(own, own.sms_providers)
    while sender.do():
        pass
    sender.stop()
    pigeon = own.sms_providers["pigeon"]
    assert isinstance(pigeon, Pigeon)
    return pigeon.flown


def read_message(own: Runtime) -> tuple[str, str, str]:
    with own.database.connect() as connection:
        state, provider, reference = connection.execute(
            text("SELECT state, provider, provider_reference FROM message WHERE kind = :ours"),
            {"ours": "reminders_on"},
        ).one()
        return state, provider, reference
