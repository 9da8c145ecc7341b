"""A network's system that asks for more than it may, against the running server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import requests
from sqlalchemy import text

from app.agents.clients import NewClient, add_client, draw_key
from app.base.operation import operation
from app.runtime import Runtime
from tests.mobile_money.conftest import BASE, HEADERS, Books, PaymentFixture, payment

FATIMA, HASSAN, KHADIJA, AICHA, DRISS, TLAYTMAS = (f"+21260000000{n}" for n in (1, 2, 3, 5, 7, 8))
WHO_OWE = (FATIMA, HASSAN, AICHA, DRISS, TLAYTMAS)
REFERENCE = "requestingOrganisationTransactionReference"
FOR_NOW = (400, "businessRule", "rateLimitError")
NO_ID = (404, "identification", "identifierError")


@dataclass
class Attacker:
    """A client with a right key, whose calls go to the running server."""

    base: str
    headers: dict[str, str] = field(default_factory=lambda: dict(HEADERS))

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.base}{BASE}{path}", headers=self.headers, timeout=30)

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        sent = {
            **self.headers,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return requests.post(f"{self.base}{BASE}{path}", json=body, headers=sent, timeout=30)

    def look_up(self, phone: str) -> requests.Response:
        while (answer := self.get(f"/accounts/msisdn/{phone}/bills")).status_code == 503:
            pass
        return answer


def error(answer: requests.Response) -> tuple[int, str, str]:
    told = answer.json()
    return answer.status_code, told["errorCategory"], told["errorCode"]


@pytest.fixture
def attacker(live_server: str, runtime: Runtime, payments: PaymentFixture) -> Attacker:
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE api_client SET requests_a_minute = 1000000"))
        connection.execute(text("UPDATE api_client SET bills_a_day = 3"))
    return Attacker(live_server)


def add_attacker(runtime: Runtime, base: str, name: str, **limits: Any) -> Attacker:
    key = draw_key(runtime.random)
    with operation(runtime.database, runtime.clock(), "office") as change:
        add_client(change, NewClient(name, "wafacash", key, **limits))
    return Attacker(base, {"X-Client-Id": name, "X-API-Key": key.get_secret_value()})


def test_forty_look_ups_at_once_make_no_more_bills_than_the_client_may(
    attacker: Attacker, payments: PaymentFixture, books: Books
) -> None:
    asked = payments.issue(KHADIJA, months=1)
    with ThreadPoolExecutor(40) as many:
        answers = list(many.map(attacker.look_up, WHO_OWE * 8))
    bills = {told.json()[0]["billReference"] for told in answers if told.status_code == 200}
    assert len(bills) == 3
    refused = [told for told in answers if told.status_code != 200]
    assert refused and {error(told) for told in refused} == {FOR_NOW}
    assert all(int(told.headers["Retry-After"]) >= 1 for told in refused)
    assert attacker.look_up(KHADIJA).json()[0]["billReference"] == asked.code
    told = "SELECT count(*) FROM message WHERE kind = 'code' AND phone <> :phone"
    assert payments.read_value(told, phone=KHADIJA) == 0
    books()


def test_nobody_is_found_out_by_asking_for_many_numbers(attacker: Attacker) -> None:
    """Somebody without a bill and nobody are told alike, once the day's share of misses is used."""
    for number in range(3):
        assert error(attacker.look_up(f"+21261111111{number}")) == NO_ID
    told = {
        (answer.status_code, answer.json()["errordescription"], answer.headers["Retry-After"] > "0")
        for answer in (attacker.look_up(phone) for phone in ("+212611111119", KHADIJA))
    }
    assert len(told) == 1 and next(iter(told))[0] == 400
    assert attacker.look_up(FATIMA).status_code == 200


def test_a_client_of_another_agency_sees_and_undoes_nothing(
    attacker: Attacker, runtime: Runtime, payments: PaymentFixture, books: Books
) -> None:
    code, identity = payments.issue(FATIMA).code, str(uuid4())
    paid = attacker.post(
        f"/bills/{code}/payments", payment("163.52", **{REFERENCE: "W-1"}), X_CorrelationID=identity
    )
    receipt = paid.json()["serviceProviderPaymentReference"]
    other = add_attacker(runtime, attacker.base, "fes-only", agencies=("W-FES-01",))
    for path in (f"/bills/{code}/payments", f"/accounts/msisdn/{FATIMA}/bills/payments"):
        assert other.get(path).json() == []
    assert error(other.get(f"/responses/{identity}")) == NO_ID
    for name in (receipt, "W-1"):
        assert error(other.post(f"/transactions/{name}/reversals", {})) == NO_ID
    unpaid = payments.issue(DRISS).code
    refused = other.post(f"/bills/{unpaid}/payments", payment("163.52"))
    assert error(refused) == (401, "authorisation", "requestingPartyAuthorisationError")
    books()


def test_the_same_payment_again_without_an_id_is_one_deposit(
    attacker: Attacker, payments: PaymentFixture, books: Books
) -> None:
    code = payments.issue(FATIMA).code
    path, body = f"/bills/{code}/payments", payment("163.52")
    with ThreadPoolExecutor(10) as many:
        answers = list(many.map(lambda _: attacker.post(path, body), range(10)))
    settled = [answer for answer in answers if answer.status_code != 503]
    assert [answer.status_code for answer in settled].count(201) == 1
    refused = [answer.json() for answer in settled if answer.status_code != 201]
    assert all(
        {"key": "paidBy", "value": "this client"} in told["errorParameters"] for told in refused
    )
    assert payments.read_value("SELECT count(*) FROM deposit") == 1
    books()


def test_a_reference_that_cannot_be_seen_is_refused(
    attacker: Attacker, payments: PaymentFixture
) -> None:
    path = f"/bills/{payments.issue(FATIMA).code}/payments"
    for reference in ("", " W", "W ", "W\u200b1", "W\u00a0", "a\nb", "x" * 129):
        refused = attacker.post(path, payment("163.52", **{REFERENCE: reference}))
        assert error(refused) == (400, "validation", "formatError")
        if reference:
            undone = attacker.post(f"/transactions/{quote(reference, safe='')}/reversals", {})
            assert error(undone) == (400, "validation", "formatError")
    paid = attacker.post(path, payment("163.52", **{REFERENCE: "W/1 é"}))
    undone = attacker.post(f"/transactions/{quote('W/1 é', safe='')}/reversals", {})
    assert (paid.status_code, undone.status_code) == (201, 201)


def test_requests_beyond_the_minutes_are_told_when_to_come_again(
    attacker: Attacker, runtime: Runtime
) -> None:
    hasty = add_attacker(runtime, attacker.base, "hasty", requests_a_minute=5)
    answers = [hasty.get("/heartbeat") for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) >= 2 and {error(answer) for answer in refused} == {FOR_NOW}
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
