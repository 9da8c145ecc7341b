"""The books as commands: statement, balances, and whether they hold."""

from __future__ import annotations

import json
from datetime import timedelta

from flask import Flask
from sqlalchemy import text

from app.payments.codes import expire_codes
from tests.payments.conftest import PaymentFixture

HASSAN = "+212600000002"


def run(app: Flask, *command: str, code: int = 0) -> str:
    result = app.test_cli_runner().invoke(args=["ledger", *command])
    assert result.exit_code == code, result.output
    return result.output


def test_ledger_statement_lists_an_account_s_lines_with_balances(
    app: Flask, payments: PaymentFixture
) -> None:
    receipt = payments.redeem(payments.issue(HASSAN).code)
    payments.reverse(receipt)
    command = ("statement", "--account", "penalties_payable", "--from", "2026-11-23", "--json")
    told = json.loads(run(app, *command))
    assert (told["opening"], told["closing"]) == ("0.00", "0.00")
    assert [(one["event"], one["amount"], one["balance"]) for one in told["entries"]] == [
        ("deposit", "-9.82", "-9.82"),
        ("reversal", "9.82", "0.00"),
    ]
    assert told["entries"][0]["receipt"] == receipt
    assert "9.82" in run(app, *command[:-1])
    later = json.loads(run(app, *command[:4], "2026-11-24", "--json"))
    assert later["entries"] == []


def test_ledger_trial_balance_sums_to_zero(app: Flask, payments: PaymentFixture) -> None:
    payments.redeem(payments.issue(HASSAN).code)
    told = json.loads(run(app, "trial-balance", "--json"))
    assert told["accounts"] == {
        "agent_network_receivable": "663.90",
        "contributions_payable": "-654.08",
        "fees_payable": "0.00",
        "penalties_payable": "-9.82",
        "suspense": "0.00",
    }
    assert told["sum"] == "0.00"


def test_ledger_verify_names_the_rows_that_break_a_rule(
    app: Flask, payments: PaymentFixture
) -> None:
    """The guards sleep here, so that there is something wrong to be found."""
    code = payments.issue(HASSAN).code
    receipt = payments.redeem(code)
    assert "rules hold" in run(app, "verify")
    for wrong, named in (
        ("UPDATE ledger_line SET amount_centimes = 1 WHERE position = 1", receipt),
        ("UPDATE payment_code SET state = 'reversed'", code),
        ("DELETE FROM contribution_allocation", receipt),
        ("DELETE FROM idempotency_key", receipt),
    ):
        with payments.runtime.owners_database.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(wrong))
        assert named in run(app, "verify", code=1)
        assert json.loads(run(app, "verify", "--json", code=1))["broken"]


def test_ledger_code_lists_a_code_s_states_with_actor_and_moment(
    app: Flask, payments: PaymentFixture
) -> None:
    cancelled, clock = payments.issue(HASSAN, 1), payments.runtime.clock
    clock.now += timedelta(minutes=1)  # type: ignore[attr-defined]
    code = payments.issue(HASSAN, replacing=cancelled.code)
    receipt = payments.redeem(code.code)
    clock.now += timedelta(minutes=1)  # type: ignore[attr-defined]
    payments.reverse(receipt)
    told = json.loads(run(app, "code", code.code, "--json"))
    assert [(one["state"], one["by"], one["at"], one["receipt"]) for one in told] == [
        ("issued", "artisan", "2026-11-23T10:01:00+00:00", None),
        ("paid", "agent:1001", "2026-11-23T10:01:00+00:00", receipt),
        ("reversed", "agent:1001", "2026-11-23T10:02:00+00:00", receipt),
    ]
    assert run(app, "code", receipt).splitlines()[2].endswith(f"reversed   agent:1001  {receipt}")
    other = json.loads(run(app, "code", cancelled.code, "--json"))
    assert [(one["state"], one["by"]) for one in other] == [
        ("issued", "artisan"),
        ("cancelled", "artisan"),
    ]
    expired = payments.issue(HASSAN)
    with payments.runtime.database.begin() as connection:
        clock.now = expired.expires_at  # type: ignore[attr-defined]
        expire_codes(connection, clock.now)  # type: ignore[attr-defined]
    told = json.loads(run(app, "code", expired.code, "--json"))
    assert (told[1]["state"], told[1]["by"]) == ("expired", None)
    assert "no such code" in run(app, "code", "999999999999", code=1)
