"""Networks' systems: keys shown once, limits, and a refusal that tells the caller nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from app.agents.clients import DEMO_KEY, authenticate_client
from app.agents.errors import ClientRefused
from tests.mobile_money.conftest import HEADERS, NetworkClient, PaymentFixture, payment

FATIMA, HASSAN = "+212600000001", "+212600000002"


def run(app: Flask, *command: str) -> str:
    result = app.test_cli_runner().invoke(args=["clients", *command])
    assert result.exit_code == 0, result.output
    return result.output


def key_in(output: str) -> str:
    found = re.search(r"X-API-Key: ([0-9a-f]{64})\n", output)
    assert found
    return found[1]


def test_a_client_is_created_rotated_and_revoked_by_command(
    app: Flask, network: NetworkClient, payments: PaymentFixture
) -> None:
    first = key_in(run(app, "create", "wafa-till"))
    stored = payments.read_value(
        "SELECT encode(key_digest, 'hex') FROM api_client WHERE id = 'wafa-till'"
    )
    assert first != stored and len(str(stored)) == 64
    network.headers = {"X-Client-Id": "wafa-till", "X-API-Key": first}
    assert network.get("/heartbeat").status_code == 200
    second = key_in(run(app, "rotate", "wafa-till", "--keep-old", "2"))
    assert network.get("/heartbeat").status_code == 200
    network.headers["X-API-Key"] = second
    assert network.get("/heartbeat").status_code == 200
    payments.runtime.clock.now += timedelta(hours=2)  # type: ignore[attr-defined]
    network.headers["X-API-Key"] = first
    assert network.get("/heartbeat").status_code == 401
    run(app, "revoke", "wafa-till")
    network.headers["X-API-Key"] = second
    assert network.get("/heartbeat").status_code == 401
    assert first not in run(app, "list") and second not in run(app, "list")


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "no key"),
        ({"X-Client-Id": "demo-wafacash"}, "no key"),
        ({**HEADERS, "X-API-Key": "wrong"}, "wrong key"),
        ({**HEADERS, "X-Client-Id": "nobody"}, "unknown client"),
        ({**HEADERS, "X-Client-Id": "x" * 500}, "unknown client"),
    ],
)
def test_every_refused_client_gets_the_same_answer(
    network: NetworkClient, headers: dict[str, str], why: str
) -> None:
    network.headers = headers
    response = network.get("/heartbeat")
    assert response.status_code == 401
    assert response.json["errordescription"] == "client id or key is wrong"
    assert why not in response.text


def test_authenticate_client_gives_the_reason_to_the_log(payments: PaymentFixture) -> None:
    changes = {
        "revoked key": "revoked_at = now()",
        "other address": "addresses = ARRAY['10.0.0.0/8']",
    }
    for why, change in changes.items():
        with payments.runtime.database.begin() as connection:
            connection.execute(text(f"UPDATE api_client SET {change}"))
            with pytest.raises(ClientRefused) as refused:
                authenticate_client(
                    connection, "demo-wafacash", DEMO_KEY, "192.0.2.1", payments.runtime.clock()
                )
            assert refused.value.params == {"why": why}
            connection.rollback()


def test_a_client_over_its_requests_a_minute_is_refused(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    with payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE api_client SET requests_a_minute = 3"))
    answers = [network.get("/heartbeat") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400]
    assert answers[3].json["errorCode"] == "rateLimitError"


def test_a_client_over_its_day_limit_is_refused(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    with payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE api_client SET day_limit_centimes = 70000"))
    assert network.pay(payments.issue(HASSAN).code, "663.9").status_code == 201
    refused = network.pay(payments.issue(FATIMA).code, "163.52")
    assert refused.json["errorCode"] == "dailyValueLimitExceeded"
    assert {"key": "rest", "value": "36.10"} in refused.json["errorParameters"]


def test_a_client_pays_only_for_the_agencies_it_speaks_for(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    with payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE api_client SET agencies = ARRAY['W-FES-01']"))
    code = payments.issue(FATIMA)
    refused = network.pay(code.code, "163.52")
    assert (refused.status_code, refused.json["errorCategory"]) == (401, "authorisation")
    with payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE api_client SET agencies = ARRAY['W-RABAT-01']"))
    assert network.pay(code.code, "163.52").status_code == 201


def test_a_network_that_may_send_other_amounts_leaves_the_rest_in_suspense(
    app: Flask, network: NetworkClient, payments: PaymentFixture
) -> None:
    run(app, "other-amounts", "wafacash", "yes")
    code = payments.issue(FATIMA)
    assert network.post(f"/bills/{code.code}/payments", payment("200")).status_code == 201
    assert payments.read_value("SELECT kind FROM reconciliation_break") == "other_amount_sent"


@pytest.mark.parametrize(
    "command",
    [
        ("create", "X"),
        ("create", "wafa", "--network", "nobody"),
        ("create", "wafa", "--agency", "W-NOWHERE-1"),
        ("create", "wafa", "--address", "here"),
        ("create", "demo-wafacash"),
        ("create", "wafa", "--callback-host", "https://pay.example.com"),
        ("create", "wafa", "--callback-host", "pay"),
        ("create", "wafa", "--callback-host", "127.1"),
        ("create", "wafa", "--callback-host", "*.example.com"),
        ("create", "wafa", "--callback-host", "pay.example.com:443"),
        ("change", "demo-wafacash"),
        ("change", "demo-wafacash", "--callback-host", "a.b", "--no-callbacks"),
        ("change", "nobody", "--callback-host", "pay.example.com"),
        ("rotate", "nobody"),
        ("revoke", "nobody"),
        ("other-amounts", "nobody", "yes"),
    ],
)
def test_create_refuses_a_wrong_option_with_a_reason(
    app: Flask, network: NetworkClient, command: tuple[str, ...]
) -> None:
    result = app.test_cli_runner().invoke(args=["clients", *command])
    assert result.exit_code in (1, 2) and "Traceback" not in result.output
    assert "Error" in result.output


def test_hosts_of_callbacks_are_agreed_by_command(
    app: Flask, network: NetworkClient, payments: PaymentFixture
) -> None:
    run(app, "create", "wafa-till", "--callback-host", "Pay.Example.com.")
    told = "SELECT callback_hosts FROM api_client WHERE id = 'wafa-till'"
    assert payments.read_value(told) == ["pay.example.com"]
    both = ("--callback-host", "exämple.com", "--callback-host", "2606:4700:0::1")
    assert "xn--exmple-cua.com 2606:4700::1" in run(app, "change", "wafa-till", *both)
    assert payments.read_value(told) == ["xn--exmple-cua.com", "2606:4700::1"]
    run(app, "change", "wafa-till", "--no-callbacks", "--bills-a-day", "7")
    assert payments.read_value(told) == []
    row = "SELECT details->>'before' FROM audit_event WHERE action = 'client_callback_hosts_set'"
    assert payments.read_value(f"{row} ORDER BY id DESC LIMIT 1") == (
        '["xn--exmple-cua.com", "2606:4700::1"]'
    )


@pytest.mark.parametrize("limit", ["-5", "0", "abc", "1e3"])
def test_create_refuses_a_limit_that_is_not_dirhams(app: Flask, limit: str) -> None:
    command = ("clients", "create", "wafa-till", "--day-limit", limit)
    result = app.test_cli_runner().invoke(args=command)
    assert result.exit_code == 2 and "Invalid value for '--day-limit'" in result.output
