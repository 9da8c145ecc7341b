"""What a careless or hostile system sends: nothing is paid twice, kept wrongly or told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from app.runtime import Runtime
from app.settings import ROOT
from tests.mobile_money.conftest import BASE, HEADERS, Books, NetworkClient, PaymentFixture, payment
from tests.mobile_money.test_api import error

FATIMA, HASSAN = "+212600000001", "+212600000002"


def test_pay_refuses_a_correlation_id_at_another_address(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    """Not even where neither names a bill, and the bodies are the same."""
    identity = str(uuid4())
    first = network.post(f"/accounts/msisdn/{FATIMA}/bills/payments", payment("163.52"), identity)
    assert first.status_code == 201
    other = network.post(f"/accounts/msisdn/{HASSAN}/bills/payments", payment("163.52"), identity)
    assert error(other) == (400, "businessRule", "duplicateRequest")
    receipt = first.json["serviceProviderPaymentReference"]
    undo = network.post(f"/transactions/{receipt}/reversals", {"type": "reversal"}, identity)
    assert error(undo) == (400, "businessRule", "duplicateRequest")
    assert payments.read_value("SELECT count(*) FROM reversal") == 0


def test_pay_answers_the_same_request_at_once_with_one_payment(
    app: Flask, network: NetworkClient, payments: PaymentFixture, books: Books
) -> None:
    """Whoever comes second finds no live bill any more, and has the first one's answer."""
    path, identity = f"/accounts/msisdn/{HASSAN}/bills/payments", str(uuid4())
    payments.issue(HASSAN)

    def pay(_number: int) -> tuple[int, bytes]:
        answer = NetworkClient(app.test_client()).post(path, payment("663.9"), identity)
        return answer.status_code, answer.data

    with ThreadPoolExecutor(8) as many:
        answers = {answer for answer in many.map(pay, range(16)) if answer[0] != 503}
    assert [status for status, _ in answers] == [201]
    assert payments.read_value("SELECT count(*) FROM deposit") == 1
    books()


@pytest.mark.parametrize(
    "more",
    [
        b'"x": "\\u0000"',
        b'"descriptionText": "\\u0000"',
        b'"x": "\\ud800"',
        b'"x": 1e999',
        b'"x": ' + b"9" * 5000,
        b'"x": ' + b"[" * 3000 + b"]" * 3000,
        b'"metadata": [{"key": "agentId", "value": "\\r\\nX-A: 1"}]',
        b'"amountPaid": "999999999999999999999"',
        b'"amountPaid": "163.5200000"',
        b'"amountPaid": "\\u0661\\u0666\\u0663"',
    ],
)
def test_pay_refuses_a_body_that_the_database_cannot_store(
    network: NetworkClient, payments: PaymentFixture, more: bytes
) -> None:
    code = payments.issue(FATIMA)
    body = b'{"amountPaid": "163.52", "currency": "MAD", %b}' % more
    headers = {"Content-Type": "application/json"}
    response = network._call("POST", f"/bills/{code.code}/payments", data=body, headers=headers)
    assert response.status_code == 400, response.text
    assert response.json["errorCategory"] == "validation"
    assert payments.read_value("SELECT count(*) FROM deposit") == 0


def test_pay_refuses_the_largest_amount_that_can_be_written(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    refused = network.pay(payments.issue(FATIMA).code, "999999999999.99")
    assert error(refused) == (400, "businessRule", "overPaymentNotAllowed")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/accounts", 404),
        ("DELETE", "/heartbeat", 405),
        ("PATCH", "/bills/123456789012/payments", 405),
    ],
)
def test_an_unknown_address_is_answered_with_an_error_of_the_definition(
    network: NetworkClient, method: str, path: str, status: int
) -> None:
    response = network.client.open(f"{BASE}{path}", method=method, headers=HEADERS)
    assert (response.status_code, response.json["errorCategory"]) == (status, "validation")
    assert response.headers["X-Date"]


def test_reverse_refuses_a_payment_of_an_agency_the_client_does_not_speak_for(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    receipt = payments.redeem(payments.issue(FATIMA).code)
    for agencies, status in (("W-FES-01", 404), ("W-RABAT-01", 201)):
        with payments.runtime.database.begin() as connection:
            connection.execute(text("UPDATE api_client SET agencies = ARRAY[:a]"), {"a": agencies})
        answer = network.post(f"/transactions/{receipt}/reversals", {"type": "reversal"})
        assert answer.status_code == status, answer.text


CALLS = """
import sys
from app import create_app
client, code, receipt = create_app().test_client(), *sys.argv[1:]
body = {"amountPaid": "163.52", "currency": "MAD"}
good = {"X-Client-Id": "demo-wafacash", "X-API-Key": "demo-key"}
told = set()
for headers in ({}, good | {"X-API-Key": "x"}, good | {"X-Client-Id": "nobody"},
        good | {"X-Client-Id": "shut-out"}):
    answer = client.get("/mm/v1.2/heartbeat", headers=headers).json
    told.add((answer["errorCode"], answer["errordescription"]))
print(len(told))
told = set()
for reference in ("99999999", receipt):
    path = f"/mm/v1.2/transactions/{reference}/reversals"
    answer = client.post(path, json={"type": "reversal"}, headers=good).json
    told.add((answer["errorCode"], answer["errordescription"]))
print(len(told))
client.post(f"/mm/v1.2/bills/{code}/payments", json=body, headers=good)
"""


def test_refusals_differ_in_the_log_and_not_in_the_answer(
    runtime: Runtime, payments: PaymentFixture
) -> None:
    code = payments.issue(FATIMA).code
    receipt = payments.redeem(code)
    with runtime.database.begin() as connection:
        for statement in (
            "INSERT INTO api_client (id, network, key_digest, created_at, revoked_at)"
            " SELECT 'shut-out', network, key_digest, now(), now() FROM api_client",
            "INSERT INTO agent_network VALUES ('cashplus', 'Cash Plus', 'wafacash')"
            " ON CONFLICT DO NOTHING",
            "UPDATE api_client SET network = 'cashplus' WHERE id = 'demo-wafacash'",
        ):
            connection.execute(text(statement))
    own = {"DATABASE_URL": runtime.settings.database_url, "REDIS_URL": runtime.settings.redis_url}
    called = subprocess.run(
        [sys.executable, "-c", CALLS, code, receipt],
        env=os.environ | own | {"LOG_LEVEL": "info"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert called.stdout.split() == ["1", "1"]
    lines = [json.loads(line) for line in called.stderr.splitlines() if line.startswith("{")]
    reasons = [
        line["reason"] for line in lines if line["event"] in {"refused", "reversal", "payment"}
    ]
    assert reasons == [
        "no key", "wrong key", "unknown client", "revoked key",
        "receipt_unknown", "another network's", "paid by another network",
    ]  # fmt: skip
    assert code not in called.stderr and "demo-key" not in called.stderr
