"""Every rule of `flask ledger verify` is broken once, past the guards, and names the row."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import text

from app.base.database import snapshot
from app.base.money import Money
from app.base.operation import operation
from app.payments.collector import Collector
from app.payments.deposits import CashConfirmation
from app.reconciliation.cnss_export import export_payments
from app.reconciliation.cnss_rules import CNSS_RULES
from app.reconciliation.money_rules import RULES, find_broken_rules
from app.runtime import Runtime
from tests.payments.conftest import PaymentFixture

ALL = {**RULES, **CNSS_RULES}
FATIMA, HASSAN, DRISS = (f"+21260000000{n}" for n in (1, 2, 7))
_NO_CHECKS = "ALTER TABLE deposit DROP CONSTRAINT ck_deposit_total"
_NO_KEY = "ALTER TABLE contribution_allocation DROP CONSTRAINT pk_contribution_allocation"
_NO_LIVE = "DROP INDEX uq_payment_code_live"
# What breaks each rule, and what names the row: a fact of `Facts`, or a query asked before.
BROKEN: dict[str, tuple[str, tuple[str, ...]]] = {
    "every transaction has two lines or more and sums to zero": (
        "transaction",
        ("UPDATE ledger_line SET amount_centimes = 1 WHERE account = 'penalties_payable'",),
    ),
    "a paid code has one deposit that stands, a reversed one none, any other no deposit": (
        "code",
        ("DELETE FROM deposit WHERE receipt_number = :receipt",),
    ),
    "a deposit that stands is what was settled, its fee, and what went to suspense": (
        "receipt",
        ("DELETE FROM contribution_allocation WHERE receipt_number = :receipt",),
    ),
    "a deposit is booked once, with what was received": (
        "receipt",
        (
            "DELETE FROM ledger_line WHERE transaction_id = :transaction",
            "DELETE FROM ledger_transaction WHERE id = :transaction",
        ),
    ),
    "a reversed deposit settles nothing and leaves nothing in any account": (
        "undone",
        (
            "UPDATE ledger_transaction SET event = 'posting' WHERE event = 'reversal'",
            "UPDATE ledger_line SET account = 'suspense' WHERE transaction_id IN"
            " (SELECT id FROM ledger_transaction WHERE event = 'posting') AND position = 1",
        ),
    ),
    "a reversal has what allowed it, with the names that the books have": (
        "undone",
        ("UPDATE reversal SET allowance = 'second_agent', approved_by = 'agent:9999'",),
    ),
    "no contribution is settled twice": (
        "month",
        (_NO_KEY, "INSERT INTO contribution_allocation SELECT * FROM contribution_allocation"),
    ),
    "a settled month is one of its deposit's code, as the code had it": (
        "receipt",
        ("UPDATE contribution_allocation SET penalty_centimes = penalty_centimes + 1",),
    ),
    "every amount is positive": (
        "receipt",
        (_NO_CHECKS, "UPDATE deposit SET total_centimes = 0 WHERE receipt_number = :receipt"),
    ),
    "a code costs what its lines say": (
        "code",
        ("DELETE FROM payment_code_line WHERE code = :code AND period = '2026-11-01'",),
    ),
    "an artisan has one live code": (
        "artisan",
        (_NO_LIVE, "UPDATE payment_code SET state = 'issued', ended_at = NULL"),
    ),
    "a deposit has the answer its request will get again": (
        "receipt",
        ("DELETE FROM idempotency_key WHERE receipt_number = :receipt",),
    ),
    "the totals of a day are the sums of its deposits that stand": (
        "agency",
        ("UPDATE day_total SET total_centimes = total_centimes + 1 WHERE kind = 'agency'",),
    ),
    "what a deposit left in suspense is a break for somebody to look at": (
        "other",
        ("DELETE FROM reconciliation_break",),
    ),
    "a break that is resolved was booked with two names": (
        "break",
        (
            "UPDATE reconciliation_break SET state = 'resolved', proposed_by = 'a',"
            " approved_by = 'b', method = 'acknowledge', reason = 'x', proposed_at = now(),"
            " ended_at = now(), transaction_id = :transaction",
        ),
    ),
    "no resolution charges a network for cash that nobody disputes": (
        "break",
        (
            "UPDATE ledger_transaction SET event = 'resolution', reference = NULL,"
            " approved_by = 'b' WHERE id = :transaction",
            "UPDATE reconciliation_break SET state = 'resolved', proposed_by = 'a',"
            " approved_by = 'b', method = 'suspense', reason = 'x', proposed_at = now(),"
            " ended_at = now(), transaction_id = :transaction, reference = 'W1'",
        ),
    ),
    "a month that was sent to CNSS is in one batch, unless it was refused": (
        "receipt",
        (
            "INSERT INTO cnss_line (batch_id, line, receipt_number, period, status, attempt,"
            " contribution_centimes, penalty_centimes) SELECT batch_id, line + 100,"
            " receipt_number, period, status, 2, 1, 0 FROM cnss_line",
        ),
    ),
    "a month that was settled and sent is in a batch": ("receipt", ("DELETE FROM cnss_line",)),
    "what is payable to CNSS is what was settled and is neither posted nor refused": (
        "receipt",
        ("UPDATE contribution_allocation SET posted_on = '2026-11-24'",),
    ),
    "a batch has the lines and the total its file says": (
        "batch",
        ("UPDATE cnss_batch SET total_centimes = total_centimes + 1",),
    ),
}


@dataclass
class Facts:
    """A deposit sent to CNSS, one undone, one of another amount: what names each of them."""

    payments: PaymentFixture

    def __post_init__(self) -> None:
        runtime, payments = self.payments.runtime, self.payments
        undone = payments.redeem(payments.issue(FATIMA).code, "1")
        payments.reverse(undone)
        payments.redeem(payments.issue(FATIMA).code, "2")
        code = payments.issue(HASSAN).code
        receipt = payments.redeem(code, "3")
        other = _more_than_due(payments)
        with operation(payments.runtime.database, payments.runtime.clock(), "operator") as change:
            batch = export_payments(change, runtime.clock().date())
        own = "SELECT id::text FROM ledger_transaction WHERE event = 'deposit' AND reference = :r"
        self.named = {
            "code": code,
            "receipt": receipt,
            "undone": undone,
            "other": other,
            "batch": str(batch.name),
            "agency": payments.agent.agency_code,
            "artisan": str(payments.artisan_id(FATIMA)),
            "month": f"{payments.artisan_id(HASSAN)} 2026-11-01",
            "transaction": str(payments.read_value(own, r=receipt)),
            "break": str(payments.read_value("SELECT id::text FROM reconciliation_break")),
        }


def _more_than_due(payments: PaymentFixture) -> str:
    collector = Collector("page", "test", "wafacash", payments.agent, "1001", other_amounts=True)
    code = payments.issue(DRISS).code
    return payments.confirm(collector, CashConfirmation(code, "4", Money(20000)))


def test_every_rule_has_an_example_that_breaks_it() -> None:
    assert set(BROKEN) == set(ALL)


@pytest.mark.parametrize("rule", BROKEN)
def test_find_broken_names_the_row_that_breaks_a_rule(payments: PaymentFixture, rule: str) -> None:
    facts = Facts(payments)
    name, statements = BROKEN[rule]
    with payments.runtime.owners_database.connect() as connection:
        assert find_broken_rules(connection, ALL) == {}
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            values = {"transaction": int(facts.named["transaction"])} | {
                key: facts.named[key] for key in ("receipt", "code")
            }
            connection.execute(text(statement), values)
        broken = find_broken_rules(connection, ALL)
        connection.rollback()
    assert any(
        facts.named[name] in row.split(" ") or facts.named[name] == row for row in broken[rule]
    )


@pytest.mark.parametrize("machine", [False, True])
def test_ledger_verify_ends_with_1_and_names_the_rule_that_is_broken(
    app: Flask, payments: PaymentFixture, machine: bool
) -> None:
    facts = Facts(payments)
    run = app.test_cli_runner().invoke
    command = ["ledger", "verify", *(["--json"] if machine else [])]
    assert run(args=command).exit_code == 0
    with payments.runtime.owners_database.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM idempotency_key WHERE key = '3'"))
    told = run(args=command)
    assert told.exit_code == 1 and facts.named["receipt"] in told.output
    if machine:
        (rule,) = json.loads(told.output)["broken"]
        assert rule == "a deposit has the answer its request will get again"


def test_rules_of_many_rows_take_as_long_as_they_take(runtime: Runtime) -> None:
    with snapshot(runtime.database) as connection:
        slow = {"longer than a phone waits": "SELECT 1 FROM pg_sleep(1.7) WHERE false"}
        assert find_broken_rules(connection, slow) == {}
