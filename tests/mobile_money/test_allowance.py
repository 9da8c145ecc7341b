"""Look-ups that make a bill, and look-ups of numbers that are nobody's, are bounded by the day."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from tests.mobile_money.conftest import Books, NetworkClient, PaymentFixture
from tests.mobile_money.test_api import error

FATIMA, HASSAN, AICHA, DRISS, TLAYTMAS = (f"+21260000000{n}" for n in (1, 2, 5, 7, 8))
NOBODY = "+2126111111{:02d}"
TOLD = "SELECT string_agg(kind || ' ' || phone, ',') FROM message WHERE kind ~ 'code|receipt'"
TOO_MANY = (400, "businessRule", "rateLimitError")


def allow(app: Flask, bills: int) -> None:
    command = ["clients", "change", "demo-wafacash", "--bills-a-day", str(bills)]
    result = app.test_cli_runner().invoke(args=command)
    assert result.exit_code == 0, result.output


def look_up(network: NetworkClient, phone: str) -> str:
    (bill,) = network.get(f"/accounts/msisdn/{phone}/bills").json
    return str(bill["billReference"])


def test_look_ups_make_no_more_bills_than_the_client_may(
    app: Flask, network: NetworkClient, payments: PaymentFixture, books: Books
) -> None:
    """Beyond it live codes are listed as ever, and the refusal says when to come again."""
    allow(app, 2)
    first = look_up(network, FATIMA)
    look_up(network, HASSAN)
    refused = network.get(f"/accounts/msisdn/{DRISS}/bills")
    assert error(refused) == TOO_MANY
    # It is 10:00 on the fixture's day: the next begins in Morocco after fourteen hours.
    assert refused.headers["Retry-After"] == str(14 * 3600)
    assert look_up(network, FATIMA) == first
    asked_by_phone = payments.issue(TLAYTMAS)
    assert look_up(network, TLAYTMAS) == asked_by_phone.code
    assert payments.read_value("SELECT count(*) FROM payment_code") == 3
    books()


def test_a_household_is_listed_as_far_as_the_allowance_goes(
    app: Flask, network: NetworkClient, payments: PaymentFixture
) -> None:
    with payments.runtime.database.begin() as connection:
        share = "UPDATE artisan SET phone = :phone WHERE phone = :other"
        connection.execute(text(share), {"phone": FATIMA, "other": DRISS})
    allow(app, 1)
    for _ in range(2):
        listed = network.get(f"/accounts/msisdn/{FATIMA}/bills")
        assert (len(listed.json), listed.headers["X-No-Bill-Reason"]) == (1, "tooManyBills")
    allow(app, 2)
    assert len(network.get(f"/accounts/msisdn/{FATIMA}/bills").json) == 2


def test_a_bill_that_was_paid_gives_its_place_back(
    app: Flask, network: NetworkClient, payments: PaymentFixture
) -> None:
    allow(app, 1)
    code = look_up(network, FATIMA)
    assert error(network.get(f"/accounts/msisdn/{HASSAN}/bills")) == TOO_MANY
    assert network.pay(code, "163.52").status_code == 201
    look_up(network, HASSAN)
    # One that nobody pays does not, even after it was cancelled.
    with payments.runtime.database.begin() as connection:
        cancel = (
            "UPDATE payment_code SET state = 'cancelled', ended_at = now() WHERE state = 'issued'"
        )
        connection.execute(text(cancel))
    assert error(network.get(f"/accounts/msisdn/{DRISS}/bills")) == TOO_MANY


def test_the_allowance_begins_again_at_midnight_in_morocco(
    app: Flask, network: NetworkClient, payments: PaymentFixture
) -> None:
    allow(app, 1)
    clock = payments.runtime.clock
    clock.now = datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)  # type: ignore[attr-defined]
    look_up(network, FATIMA)
    refused = network.get(f"/accounts/msisdn/{HASSAN}/bills")
    assert (error(refused), refused.headers["Retry-After"]) == (TOO_MANY, "1")
    clock.now += timedelta(seconds=1)  # type: ignore[attr-defined]
    look_up(network, HASSAN)


def test_the_allowance_holds_under_forty_look_ups_at_once(
    app: Flask, network: NetworkClient, payments: PaymentFixture, books: Books
) -> None:
    allow(app, 3)
    phones = (FATIMA, HASSAN, AICHA, DRISS, TLAYTMAS) * 8

    def ask(phone: str) -> tuple[int, str]:
        client = NetworkClient(app.test_client())
        while (answer := client.get(f"/accounts/msisdn/{phone}/bills")).status_code == 503:
            pass
        told = answer.json
        return answer.status_code, told[0]["billReference"] if answer.status_code == 200 else ""

    with ThreadPoolExecutor(40) as many:
        answers = list(many.map(ask, phones))
    assert {status for status, _ in answers} == {200, 400}
    assert len({code for _, code in answers if code}) == 3
    assert payments.read_value("SELECT count(*) FROM payment_code") == 3
    assert payments.read_value("SELECT count(*) FROM api_bill") == 3
    books()


def test_nobody_is_told_by_sms_of_a_bill_that_no_phone_asked_for(
    app: Flask, network: NetworkClient, payments: PaymentFixture
) -> None:
    """Not when it is made, not when it is replaced; the receipt of its payment comes."""
    look_up(network, HASSAN)
    assert payments.read_value(TOLD) is None
    with payments.runtime.database.begin() as connection:
        # The register now says that Hassan is covered for a month less than it said.
        covered = "UPDATE artisan SET rights_until = rights_until - 31 WHERE phone = :phone"
        connection.execute(text(covered), {"phone": HASSAN})
    (bill,) = network.get(f"/accounts/msisdn/{HASSAN}/bills").json
    assert payments.read_value("SELECT count(*) FROM payment_code WHERE state = 'cancelled'") == 1
    assert payments.read_value(TOLD) is None
    assert network.pay(bill["billReference"], bill["amountDue"]).status_code == 201
    assert payments.read_value(TOLD) == f"receipt {HASSAN}"


def test_half_of_the_allowance_is_an_alarm_once_a_day(
    app: Flask, network: NetworkClient, payments: PaymentFixture
) -> None:
    allow(app, 4)
    alarms = "SELECT count(*) FROM audit_event WHERE action = 'client_allowance_half_used'"
    look_up(network, FATIMA)
    assert payments.read_value(alarms) == 0
    for phone in (HASSAN, DRISS, TLAYTMAS):
        look_up(network, phone)
    assert payments.read_value(alarms) == 1
    told = (
        "SELECT subject || ' ' || (details ->> 'bills') FROM audit_event WHERE action LIKE '%half%'"
    )
    assert payments.read_value(told) == "client:demo-wafacash 2"
    figures = app.test_client().get("/metrics").text
    for name, value in (("unpaid_today", 4), ("allowed_a_day", 4)):
        assert f'maalem_api_bills_{name}{{client="demo-wafacash"}} {value}.0' in figures
    assert re.search(r'maalem_api_bills_half_used_total\{client="demo-wafacash"\} [1-9]', figures)


def test_look_ups_of_unknown_numbers_are_limited(
    app: Flask, network: NetworkClient, payments: PaymentFixture
) -> None:
    """Then somebody without a bill is not told from nobody; live bills are listed all the same."""
    allow(app, 3)
    for number in range(3):
        missed = network.get(f"/accounts/msisdn/{NOBODY.format(number)}/bills")
        assert missed.status_code == 404
    alarms = "SELECT count(*) FROM audit_event WHERE action = 'client_unknown_half_used'"
    assert payments.read_value(alarms) == 1
    for path in (
        f"/accounts/msisdn/{NOBODY.format(9)}/bills",
        "/accounts/consumerno/999999999/bills",
        f"/accounts/msisdn/{NOBODY.format(9)}/bills/payments",
        "/accounts/msisdn/+212600000003/bills",
        "/accounts/msisdn/+212600000003/bills/payments",
    ):
        refused = network.get(path)
        assert (error(refused), refused.headers["Retry-After"]) == (TOO_MANY, str(14 * 3600))
    look_up(network, FATIMA)


@pytest.mark.parametrize("bills", ["-1", "x", "1000001"])
def test_an_allowance_that_is_no_number_is_refused(app: Flask, bills: str) -> None:
    command = ["clients", "create", "wafa-till", "--bills-a-day", bills]
    assert app.test_cli_runner().invoke(args=command).exit_code == 2


def test_an_allowance_given_or_changed_is_audited(
    app: Flask, network: NetworkClient, payments: PaymentFixture
) -> None:
    allow(app, 7)
    row = "SELECT subject || ' ' || details FROM audit_event WHERE action = 'client_allowance_set'"
    told = str(payments.read_value(row))
    assert told.startswith("client:demo-wafacash") and "2000" in told and "7" in told
    made = ["clients", "create", "wafa-till", "--bills-a-day", "9"]
    assert app.test_cli_runner().invoke(args=made).exit_code == 0
    row = "SELECT details ->> 'bills_a_day' FROM audit_event WHERE subject = 'client:wafa-till'"
    assert payments.read_value(row) == "9"
    result = app.test_cli_runner().invoke(
        args=["clients", "change", "nobody", "--bills-a-day", "1"]
    )
    assert result.exit_code == 1 and "no client nobody" in result.output
