"""The sandbox's clock: answered as some days later, recorded nowhere, and never in production."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from app import create_app
from app.runtime import Runtime
from app.web.mobile_money.routes import BASE
from tests.mobile_money.conftest import HEADERS, NetworkClient
from tests.payments.conftest import PaymentFixture
from tests.production import production_settings

FATIMA = "+212600000001"


def counted(runtime: Runtime) -> list[int]:
    """How many codes, deposits, requests and look-ups there are."""
    tables = ("payment_code", "deposit", "api_request", "audit_event")
    with runtime.database.connect() as connection:
        return [connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in tables]


def test_a_bill_is_over_a_reversal_is_late_and_more_is_owed_on_later_days(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    code = payments.issue(FATIMA)
    before = counted(payments.runtime)
    (bill,) = network.get(f"/accounts/msisdn/{FATIMA}/bills").json
    later = network.pay(code.code, bill["amountDue"], X_Sandbox_Days="30")
    assert (later.status_code, later.json["errorCode"]) == (400, "incorrectState")
    assert "expired" in later.json["errordescription"]
    assert later.headers["X-Sandbox-Days"] == "30"
    assert later.headers["X-Date"].startswith("2026-12-23T10:00:00")
    (more,) = network.get(f"/accounts/msisdn/{FATIMA}/bills", headers={"X-Sandbox-Days": "60"}).json
    owed = [{each["key"]: each["value"] for each in one["customData"]} for one in (bill, more)]
    assert float(owed[1]["totalOwed"]) > float(owed[0]["totalOwed"])
    assert counted(payments.runtime) == before
    receipt = network.pay(code.code, bill["amountDue"]).json["serviceProviderPaymentReference"]
    paid = counted(payments.runtime)
    path, body = f"/transactions/{receipt}/reversals", {"type": "reversal"}
    assert network.post(path, body, X_Sandbox_Days="0").status_code == 201
    assert paid != counted(payments.runtime)


def test_a_reversal_of_tomorrow_is_refused_and_one_of_today_is_not(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    code = payments.issue(FATIMA)
    receipt = payments.redeem(code.code)
    path, body = f"/transactions/{receipt}/reversals", {"type": "reversal"}
    refused = network.post(path, body, X_Sandbox_Days="1")
    assert refused.json["errordescription"] == "only on the day of the payment"
    assert network.post(path, body).status_code == 201


def test_a_payment_of_another_day_is_answered_and_forgotten(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    before = counted(payments.runtime)
    (bill,) = network.get(f"/accounts/msisdn/{FATIMA}/bills", headers={"X-Sandbox-Days": "1"}).json
    assert counted(payments.runtime) == before
    assert network.pay(bill["billReference"], bill["amountDue"]).status_code == 404
    code = payments.issue(FATIMA)
    before = counted(payments.runtime)
    assert network.pay(code.code, "163.52", X_Sandbox_Days="1").status_code == 201
    assert counted(payments.runtime) == before
    assert network.pay(code.code, "163.52").status_code == 201


@pytest.mark.parametrize(
    "more",
    [
        {"X-Sandbox-Days": "-1"},
        {"X-Sandbox-Days": "401"},
        {"X-Sandbox-Days": "1.5"},
        {"X-Sandbox-Days": "\u0661"},
        {"X-Sandbox-Days": ""},
        {"X-Sandbox-Days": "1", "Prefer": "respond-async"},
        {"X-Sandbox-Days": "1", "X-Callback-URL": "https://network.example/answers"},
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(
    network: NetworkClient, payments: PaymentFixture, more: dict[str, str]
) -> None:
    raw = {name: value.encode().decode("latin-1") for name, value in more.items()}
    refused = network.get("/heartbeat", headers=raw)
    assert refused.status_code == 400
    assert refused.json["errordescription"].startswith("X-Sandbox-Days: ")


def test_no_other_client_has_a_sandbox(network: NetworkClient, payments: PaymentFixture) -> None:
    with payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE api_client SET id = 'another'"))
    network.headers["X-Client-Id"] = "another"
    refused = network.get("/heartbeat", headers={"X-Sandbox-Days": "1"})
    assert (refused.status_code, refused.json["errorCode"]) == (400, "formatError")


@pytest.fixture
def production(payments: PaymentFixture) -> Iterator[Flask]:
    runtime = payments.runtime
    settings = production_settings(runtime, public_url="https://maalem.example")
    own = Runtime(settings, clock=runtime.clock)
    yield create_app(own)
    own.database.dispose()


def test_production_has_no_sandbox(production: Flask, payments: PaymentFixture) -> None:
    """Even for a client of that name whose key is a good one."""
    key = "k" * 43
    with payments.runtime.database.begin() as connection:
        connection.execute(
            text("UPDATE api_client SET key_digest = sha256(:key)"),
            {"key": key.encode()},
        )
    client = production.test_client()
    headers = HEADERS | {"X-API-Key": key, "Host": "maalem.example"}
    address = f"{BASE}/heartbeat"
    assert client.get(address, headers=headers).status_code == 200
    for days in ("0", "1", "x"):
        refused = client.get(address, headers=headers | {"X-Sandbox-Days": days})
        assert refused.status_code == 400, days
        assert refused.json and "only for the demo client" in refused.json["errordescription"]
