"""Messages from phones, as the providers tell them: understood, done once, never from strangers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from app import create_app
from app.runtime import Runtime
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone
from tests.production import COMPLETE, TOKEN, production_settings

FATIMA, UNKNOWN = "+212600000001", "+212600000099"
PUBLIC = COMPLETE["public_url"]
pytestmark = pytest.mark.usefixtures("sample_people")


def send(client: FlaskClient, body: str, identity: str = "1", phone: str = FATIMA) -> int:
    form = {"from": phone, "to": "12345", "text": body, "id": identity, "linkId": "x"}
    return client.post("/sms/africastalking/inbound", data=form).status_code


def sent_messages(runtime: Runtime) -> list[tuple[object, ...]]:
    sent_messages = "SELECT kind, language FROM message WHERE kind <> 'claim_ready' ORDER BY id"
    return OtherParties(runtime).run(sent_messages)


@pytest.mark.parametrize(
    ("written", "language", "first"),
    [
        ("DARIJA", "ary-Latn", "1 AMO dyali"),
        ("  arabe. ", "ar", "1 تغطيتي الصحية"),
        ("عَرَبِيَّة", "ar", "1 تغطيتي الصحية"),
        ("Langue: Tamazight", "zgh", "1 AMO ⵉⵏⵓ"),
        ("ⵜⴰⵎⴰⵣⵉⵖⵜ", "zgh", "1 AMO ⵉⵏⵓ"),
        ("Français", "fr", "1 Mon AMO"),
    ],
)
def test_inbound_language_keyword_changes_the_language(
    client: FlaskClient,
    phone: TestPhone,
    runtime: Runtime,
    written: str,
    language: str,
    first: str,
) -> None:
    assert send(client, written) == 200
    assert sent_messages(runtime) == [("language", language)]
    assert phone.dial(FATIMA).startswith(first)


def test_inbound_delivered_again_is_done_once(client: FlaskClient, runtime: Runtime) -> None:
    for body, identity in (("ARABE", "1"), ("FR", "2"), ("ARABE", "1"), ("ARABE", "1")):
        assert send(client, body, identity) == 200
    assert sent_messages(runtime) == [("language", "ar"), ("language", "fr")]
    assert OtherParties(runtime).run("SELECT language FROM phone_profile") == [("fr",)]


def test_inbound_stop_and_start_change_reminders(client: FlaskClient, runtime: Runtime) -> None:
    wants = "SELECT reminders FROM phone_preference"
    for number, body in enumerate(("Arrêt", "stop!", "قف", "WAQEF")):
        assert send(client, body, f"s{number}") == 200
        assert OtherParties(runtime).run(wants) == [(False,)]
        assert send(client, "oui" if number % 2 else "Start", f"o{number}") == 200
        assert OtherParties(runtime).run(wants) == [(True,)]
    # Eight changes, and three answers within the hour: it may be a machine that writes.
    assert [kind for kind, _ in sent_messages(runtime)] == ["stopped", "started", "stopped"]


def test_inbound_without_a_keyword_is_answered_once_a_day(
    client: FlaskClient, runtime: Runtime
) -> None:
    for number, body in enumerate(("Salam", "", "?", "1" * 3000, "\0😀\u202e", "arabe darija")):
        assert send(client, body, str(number)) == 200
    assert sent_messages(runtime) == [("help", "fr")]
    assert send(client, "aide", "asked") == 200
    OtherParties(runtime).wait(25 * 3600)
    assert send(client, "Salam", "tomorrow") == 200
    assert len(sent_messages(runtime)) == 3


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"from": ""}, "from: missing"),
        ({"id": ""}, "id: missing"),
        ({"id": "x" * 65}, "id: too long or not printable"),
        ({"text": "x" * 25_000}, "body: over 24 KiB"),
    ],
)
def test_inbound_that_cannot_be_read_is_refused(
    client: FlaskClient, changed: dict[str, str], why: str
) -> None:
    form = {"from": FATIMA, "text": "FR", "id": "1"} | changed
    answer = client.post("/sms/africastalking/inbound", data=form)
    assert (answer.status_code, answer.get_data(as_text=True)) == (400, why)


@pytest.mark.parametrize("sender", ["BANQUE", "Maroc-Info", "12345", "700", "IAM 2026", "بنك"])
def test_inbound_from_a_name_or_a_short_code_does_nothing(
    client: FlaskClient, runtime: Runtime, sender: str
) -> None:
    for number, body in enumerate(("STOP", "CODE", "FR")):
        assert send(client, body, str(number), sender) == 200
    optout = {"senderId": "MAALEM", "phoneNumber": sender}
    assert client.post("/sms/africastalking/optout", data=optout).status_code == 200
    others = OtherParties(runtime)
    for table in ("inbound_message", "provider_opt_out", "phone_preference"):
        assert others.run(f"SELECT count(*) FROM {table}") == [(0,)]
    assert sent_messages(runtime) == []


@pytest.mark.parametrize("letters", ["ق", "ⵣ", "é"])
def test_inbound_of_ten_segments_is_read(
    client: FlaskClient, runtime: Runtime, letters: str
) -> None:
    assert send(client, letters * 1_594 + " stop") == 200
    assert OtherParties(runtime).run("SELECT reminders FROM phone_preference") == [(False,)]


@pytest.mark.parametrize(
    ("written", "stopped"),
    [
        ("svp stop merci", True),
        ("الغاء", True),
        ("Je ne veux plus recevoir ces messages", True),
        ("annuler mon code", False),
        ("la fin du mois", False),
        ("the end of my month", False),
    ],
)
def test_inbound_stops_who_says_so_and_nobody_else(
    client: FlaskClient, runtime: Runtime, written: str, stopped: bool
) -> None:
    assert send(client, written) == 200
    wants = OtherParties(runtime).run("SELECT reminders FROM phone_preference")
    assert wants == ([(False,)] if stopped else [])


def test_inbound_service_says_that_it_works(client: FlaskClient, runtime: Runtime) -> None:
    for number, body in enumerate(("SERVICE", "panne?")):
        assert send(client, body, str(number)) == 200
    assert sent_messages(runtime) == [("service", "fr"), ("service", "fr")]


@pytest.fixture
def guarded(runtime: Runtime) -> Iterator[FlaskClient]:
    """The same service in production, with its secrets."""
    settings = production_settings(runtime, sms_providers="twilio")
    own = Runtime(settings, clock=runtime.clock)
    yield create_app(own).test_client()
    own.database.dispose()


def test_africastalking_inbound_needs_the_token_in_production(guarded: FlaskClient) -> None:
    form = {"from": FATIMA, "text": "FR", "id": "1"}
    for address, status in (("", 404), ("/wrong", 404), (f"/{TOKEN}", 200)):
        answer = guarded.post(f"/sms/africastalking/inbound{address}", data=form)
        assert answer.status_code == status, address


def test_twilio_inbound_needs_a_signature(guarded: FlaskClient, runtime: Runtime) -> None:
    form = {"From": UNKNOWN, "To": "+212500000000", "Body": "darija", "MessageSid": "SM1"}
    address = f"{PUBLIC}/sms/twilio/inbound"
    signature = RequestValidator(COMPLETE["twilio_auth_token"]).compute_signature(address, form)

    def post(signed: str, sent: dict[str, str]) -> int:
        headers = {"X-Twilio-Signature": signed}
        answer = guarded.post("/sms/twilio/inbound", data=sent, headers=headers)
        assert answer.status_code == 403 or "<Response" in answer.get_data(as_text=True)
        return answer.status_code

    assert post("", form) == post("x" + signature, form) == 403
    assert post(signature, form | {"Body": "fr"}) == 403
    assert sent_messages(runtime) == []
    assert post(signature, form) == post(signature, form) == 200
    assert sent_messages(runtime) == [("language", "ary-Latn")]
