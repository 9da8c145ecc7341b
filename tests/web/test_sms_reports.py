"""Delivery reports over HTTP: who may tell them, what is answered, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from app import create_app
from app.embedded import start_postgres, stop_postgres, using_engines
from app.runtime import Runtime
from app.settings import Settings
from tests.conftest import TestClock
from tests.journeys.other_parties import OtherParties
from tests.production import COMPLETE, TOKEN, production_settings

FATIMA = "+212600000001"
PUBLIC = f"{COMPLETE['public_url']}/maalem"


def settings(runtime: Runtime) -> Settings:
    return production_settings(runtime, sms_providers="twilio,africastalking", public_url=PUBLIC)


@pytest.fixture
def guarded(runtime: Runtime) -> Iterator[FlaskClient]:
    """The service in production, with two providers."""
    own = Runtime(settings(runtime), clock=runtime.clock)
    yield create_app(own).test_client()
    own.database.dispose()


@pytest.fixture
def others(runtime: Runtime) -> OtherParties:
    return OtherParties(runtime)


def sent(others: OtherParties, provider: str, reference: str, event: str = "receipt:7:x") -> int:
    rows = others.run(
        "INSERT INTO message (event_key, kind, state, phone, language, body, encoding,"
        " units, segments, created_at, due_at, sent_at, provider, provider_reference)"
        " VALUES (:event, 'receipt', 'sent', :phone, 'fr', 'Maalem', 'GSM-7', 6, 1,"
        " :now, :now, :now, :provider, :reference)"
        " RETURNING id",
        event=event,
        phone=FATIMA,
        now=others.runtime.clock(),
        provider=provider,
        reference=reference,
    )
    assert isinstance(rows[0][0], int)
    return rows[0][0]


def states(others: OtherParties) -> list[object]:
    return [state for (state,) in others.run("SELECT state FROM message ORDER BY id")]


def twilio(client: FlaskClient, form: dict[str, str], query: str = "", **changed: str) -> int:
    """Signed as Twilio signs: the address with its query, then every field."""
    address = f"{PUBLIC}/sms/twilio/status{query}"
    signature = RequestValidator(COMPLETE["twilio_auth_token"]).compute_signature(address, form)
    answer = client.post(
        f"/sms/twilio/status{changed.pop('sent_to', query)}",
        data=form | changed,
        headers={"X-Twilio-Signature": signature},
    )
    return answer.status_code


def test_africastalking_report_needs_the_token(guarded: FlaskClient, others: OtherParties) -> None:
    sent(others, "africastalking", "ATX1")
    form = {"id": "ATX1", "status": "Success", "phoneNumber": FATIMA, "networkCode": "60401"}
    for address, status in (("", 404), ("/wrong", 404), (f"/{TOKEN}", 200), (f"/{TOKEN}", 200)):
        answer = guarded.post(f"/sms/africastalking/delivery{address}", data=form)
        assert answer.status_code == status, address
    assert states(others) == ["delivered"]
    assert others.run("SELECT times FROM delivery_report") == [(2,)]


def test_twilio_report_needs_a_signature_over_its_query(
    guarded: FlaskClient, others: OtherParties
) -> None:
    number = sent(others, "twilio", "SM1")
    form = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": FATIMA}
    assert twilio(guarded, form, f"?m={number}", sent_to="?m=99") == 403
    assert twilio(guarded, form, f"?m={number}", MessageStatus="failed") == 403
    assert guarded.post("/sms/twilio/status", data=form).status_code == 403
    assert states(others) == ["sent"]
    assert twilio(guarded, form, f"?m={number}") == 200
    assert states(others) == ["delivered"]


def test_twilio_may_sign_with_either_token_while_its_own_is_replaced(runtime: Runtime) -> None:
    other, form = token_hex(16), {"MessageSid": "SM1", "MessageStatus": "delivered"}
    signature = RequestValidator(other).compute_signature(f"{PUBLIC}/sms/twilio/status", form)
    told = []
    for tokens in ({"callback_tokens": f"twilio={other}"}, {"callback_tokens": f"generic={other}"}):
        settings = production_settings(runtime, public_url=PUBLIC, **tokens)
        own = Runtime(settings, clock=runtime.clock)
        headers, client = {"X-Twilio-Signature": signature}, create_app(own).test_client()
        told.append(client.post("/sms/twilio/status", data=form, headers=headers).status_code)
        own.database.dispose()
    assert told == [200, 403]


def test_report_of_a_failed_receipt_queues_it_for_the_other_provider(
    guarded: FlaskClient, others: OtherParties
) -> None:
    sent(others, "twilio", "SM1")
    failed = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"}
    for _ in range(3):
        assert twilio(guarded, failed) == 200
    rows = others.run("SELECT event_key, state, refused_by, error FROM message ORDER BY id")
    assert rows == [
        ("receipt:7:x", "failed", [], "error 30003"),
        ("receipt:7:x:again", "queued", ["twilio"], None),
    ]


def test_report_with_an_unknown_word_or_reference_is_kept_and_counted(
    client: FlaskClient, others: OtherParties
) -> None:
    before = counted(client)
    for form in (
        {"id": "ATX9", "status": "Teleported"},
        {"id": "ATX9", "status": "Success"},
        {"id": "ATX9", "status": "Teleported", "failureReason": "x" * 500},
    ):
        assert client.post("/sms/africastalking/delivery", data=form).status_code == 200
    rows = others.run("SELECT provider_reference, status, outcome, times FROM delivery_report")
    assert sorted(rows, key=str) == [
        ("ATX9", "Success", "delivered", 1),
        ("ATX9", "Teleported", None, 2),
    ]
    assert counted(client) - before == 2


def counted(client: FlaskClient) -> float:
    name = 'maalem_sms_reports_total{outcome="unknown_word",provider="africastalking"}'
    for line in client.get("/metrics").get_data(as_text=True).splitlines():
        if line.startswith(name):
            return float(line.split()[-1])
    return 0.0


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({}, "id: missing"),
        ({"id": "ATX1"}, "status: missing"),
        ({"status": "Success"}, "id: missing"),
        ({"id": "x" * 65, "status": "Success"}, "id: too long or not printable"),
        ({"id": "A", "status": "S", "more": "x" * 25_000}, "body: over 24 KiB"),
    ],
)
def test_report_that_cannot_be_read_is_refused(
    client: FlaskClient, form: dict[str, str], why: str
) -> None:
    answer = client.post("/sms/africastalking/delivery", data=form)
    assert (answer.status_code, answer.get_data(as_text=True)) == (400, why)


def test_twilio_report_over_the_limit_is_refused(guarded: FlaskClient) -> None:
    assert twilio(guarded, {"MessageSid": "SM1", "MessageStatus": "x" * 25_000}) == 400
    assert twilio(guarded, {"MessageSid": "SM1"}) == 400


@pytest.mark.usefixtures("sample_people")
def test_inbound_answered_by_twilio_is_done_and_not_answered(
    guarded: FlaskClient, others: OtherParties
) -> None:
    address = f"{PUBLIC}/sms/twilio/inbound"

    def write(sid: str, body: str, kind: str) -> None:
        form = {"From": FATIMA, "Body": body, "MessageSid": sid, "OptOutType": kind}
        signature = RequestValidator(COMPLETE["twilio_auth_token"]).compute_signature(address, form)
        headers = {"X-Twilio-Signature": signature}
        assert guarded.post("/sms/twilio/inbound", data=form, headers=headers).status_code == 200

    told = "SELECT count(*)::int FROM message WHERE kind <> 'claim_ready'"
    before = others.run(told)
    wants = "SELECT reminders FROM phone_preference"
    stops = "SELECT provider FROM provider_opt_out"
    write("SM1", "Unsubscribe", "STOP")
    assert (others.run(wants), others.run(stops)) == ([(False,)], [("twilio",)])
    write("SM2", "Yes", "START")
    assert (others.run(wants), others.run(stops)) == ([(True,)], [])
    write("SM3", "info", "HELP")
    assert others.run(told) == before
    # What Twilio does not know for a STOP is read here, and answered.
    for sid, body, kept in (
        ("SM4", "bus stop", True),
        ("SM5", "je ne veux plus payer en especes", True),
        ("SM6", "S.T.O.P", False),
        ("SM7", "START", True),
        ("SM8", "ma bghitch", False),
    ):
        write(sid, body, "")
        assert others.run(wants) == [(kept,)], body


def test_report_with_the_database_away_is_answered_503(tmp_path: Path) -> None:
    with using_engines(tmp_path, durable=False) as urls:
        own = Runtime(
            Settings(database_url=urls.database_url, redis_url=urls.redis_url, log_level="error"),
            clock=TestClock(),
        )
        app = create_app(own)
        assert app.test_cli_runner().invoke(args=["db", "upgrade"]).exit_code == 0
        client = app.test_client()
        form = {"id": "ATX1", "status": "Success"}
        stop_postgres(tmp_path)
        assert client.post("/sms/africastalking/delivery", data=form).status_code == 503
        start_postgres(tmp_path)
        assert client.post("/sms/africastalking/delivery", data=form).status_code == 200
        own.database.dispose()
        own.redis.close()
