"""A second agent network, the bank's own branches, added by commands alone.

This is the checklist of CONTRIBUTING.md carried out: a row, and no code, since its files have a
format that is known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.base.money import Money
from app.ledger.models import ledger_transaction
from app.payments.models import deposit
from app.reconciliation.network_file import HEADER
from app.runtime import Runtime
from app.web.mobile_money import BASE
from tests.mobile_money.conftest import payment
from tests.phone import TestPhone
from tests.web.test_till import AgentTerminal, code_of, grouped, plain

HASSAN, AICHA = "+212600000002", "+212600000005"
BANK = "Attijariwafa bank"
BRANCH, AGENT, PIN = "B-RABAT-01", "2001", "135790"

Command = Callable[..., str]


@pytest.fixture
def run(app: Flask, sample_people: None) -> Command:
    """Runs a command that succeeds; returns its output."""

    def run_command(*args: object, typed: str | None = None) -> str:
        result = app.test_cli_runner().invoke(args=[str(part) for part in args], input=typed)
        assert result.exit_code == 0, result.output
        return result.output

    return run_command


@pytest.fixture
def bank(app: Flask, run: Command) -> dict[str, str]:
    """Adds the bank, a branch, an agent and a client; returns the client's headers."""
    run("networks", "add", "attijariwafa", "--shown", BANK, "--format", "wafacash")
    agency = ("--name", f"{BANK} Rabat Hassan", "--town", "Rabat", "--network", "attijariwafa")
    run("agents", "agency", BRANCH, *agency)
    one_time = re.search(r"one-time PIN: (\d+)", run("agents", "add", AGENT, "--agency", BRANCH))
    assert one_time
    till = AgentTerminal(app.test_client())
    till.enter(AGENT, one_time[1])
    assert till.choose_pin(PIN).status_code == 200
    keys = run("clients", "create", "bank-system", "--network", "attijariwafa")
    key = re.search(r"X-API-Key: (\S+)", keys)
    assert key
    return {"X-Client-Id": "bank-system", "X-API-Key": key[1]}


def inbox(client: FlaskClient, phone: str) -> str:
    messages = client.get("/simulator/messages.json", query_string={"phone": phone}).get_json()
    return "\n".join(message["text"] for message in messages)


def pay_at_branch(client: FlaskClient, code: str) -> str:
    """Signs in at the branch's till and confirms the cash of a code; returns the receipt page."""
    till = AgentTerminal(client)
    till.get("/agent?language=fr")
    assert till.enter(AGENT, PIN).status_code == 200
    till.look(grouped(code))
    till.follow(till.confirm())
    return plain(till.page)


def pay_by_api(client: FlaskClient, headers: dict[str, str], phone: TestPhone, number: str) -> str:
    """Pays the code of a phone as the bank's system does; returns the code."""
    code = code_of(phone, number)
    bill = client.get(f"{BASE}/accounts/linkref/{code}/bills", headers=headers).get_json()[0]
    paid = client.post(
        f"{BASE}/bills/{code}/payments",
        json=payment(bill["amountDue"], metadata=[]),
        headers=headers | {"X-CorrelationID": "0b0f4f2c-7c7e-4a51-9d3f-8d1c5a2f3e01"},
    )
    assert paid.status_code == 201, paid.get_json()
    return code


def test_phones_name_every_network(bank: dict[str, str], phone: TestPhone) -> None:
    phone.dial(HASSAN, "2*1")
    assert f"A payer chez {BANK} / Wafacash jusqu'au" in phone.screen
    assert "1 Agences\n" in phone.dial(HASSAN, "5")
    assert f"Hassan {BANK}" in phone.dial(HASSAN, "5*1*3*rabat")


def test_a_branch_takes_cash_at_its_till(
    bank: dict[str, str], client: FlaskClient, phone: TestPhone, run: Command
) -> None:
    receipt = pay_at_branch(client, code_of(phone, HASSAN))
    assert f"{BANK} Hassa" in receipt
    assert f"{BANK} Hassa" in inbox(client, HASSAN)
    assert f"{BANK} Hassa" in phone.dial(HASSAN, "3*1*1")
    run("ledger", "verify")


def test_its_system_pays_by_the_api_and_the_receipt_names_the_bank(
    bank: dict[str, str], client: FlaskClient, phone: TestPhone, run: Command
) -> None:
    pay_by_api(client, bank, phone, AICHA)
    assert BANK in inbox(client, AICHA)
    phone.dial(AICHA, "3*1*1")
    assert BANK in phone.answer("9")
    run("ledger", "verify")


def test_each_network_is_matched_by_its_own_file(
    bank: dict[str, str],
    client: FlaskClient,
    phone: TestPhone,
    run: Command,
    runtime: Runtime,
    tmp_path: Path,
) -> None:
    pay_by_api(client, bank, phone, AICHA)
    pay_at_branch(client, code_of(phone, HASSAN))
    with runtime.database.connect() as connection:
        deposits = connection.execute(select(deposit.c.code, deposit.c.total_centimes)).all()
        networks = set(
            connection.execute(select(ledger_transaction.c.metadata["network"].astext)).scalars()
        )
    assert networks == {"attijariwafa"}
    lines = [
        f"B{number},{row.code},{Money(row.total_centimes)},MAD,2026-11-23T10:00:00+00:00,,,paid"
        for number, row in enumerate(deposits, 1)
    ]
    file = tmp_path / "day.csv"
    file.write_text("\n".join((",".join(HEADER), *lines)) + "\n", encoding="utf-8")
    report = json.loads(run("networks", "match", "attijariwafa", file, "--json"))
    assert report["matched"] == 2 and sum(report.values()) == 2
    file.write_text(file.read_text(encoding="utf-8").replace("B1,", "W1,"), encoding="utf-8")
    report = json.loads(run("wafacash", "match", file, "--json"))
    assert report["matched"] == 0 and report["missing_here"] == 2
    run("ledger", "verify")


def test_networks_are_listed_and_added_once(bank: dict[str, str], app: Flask, run: Command) -> None:
    listed = run("networks", "list")
    assert BANK in listed and "Wafacash" in listed
    runner = app.test_cli_runner()
    again = ("networks", "add", "attijariwafa", "--shown", BANK, "--format", "wafacash")
    assert "is there already" in runner.invoke(args=again).output
    for name, shown in (("Bank", BANK), ("bank-2", "A name of more than twenty letters")):
        refused = runner.invoke(
            args=("networks", "add", name, "--shown", shown, "--format", "wafacash")
        )
        assert refused.exit_code == 1 and "not " in refused.output


def test_an_agency_stays_of_its_network(bank: dict[str, str], app: Flask) -> None:
    options = ("--name", "Rabat", "--town", "Rabat", "--network", "wafacash")
    moved = app.test_cli_runner().invoke(args=("agents", "agency", BRANCH, *options))
    assert moved.exit_code == 2 and f"not of wafacash: {BRANCH}" in moved.output
