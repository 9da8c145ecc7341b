"""Cash given back: the months are due again, the books hold, the artisan hears of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.base.errors import MaalemError
from app.base.money import Money as Amount
from app.base.operation import operation
from app.ledger.service import LedgerEntry, Posting, book
from app.payments.errors import (
    AlreadyReversed,
    CodeReversed,
    ReceiptUnknown,
    ReversalTooLate,
)
from tests.payments.conftest import Books, Money
from tests.payments.test_deposits import other_agent  # noqa: F401 - a fixture of these tests too
from tests.phone import TestPhone

FATIMA, HASSAN = "+212600000001", "+212600000002"


def test_the_months_are_due_again(money: Money, books: Books, phone: TestPhone) -> None:
    code = money.issue(HASSAN)
    receipt = money.redeem(code.code)
    money.undo(receipt)
    books()
    assert money.one("SELECT state FROM payment_code WHERE code = :c", c=code.code) == "reversed"
    assert money.one("SELECT count(*) FROM contribution_allocation") == 0
    told = str(money.one("SELECT body FROM message WHERE kind = 'reversal'"))
    assert receipt in told and "663,90 DH" in told
    again = money.issue(HASSAN)
    assert (again.total, again.period) == (code.total, code.period)
    assert again.code != code.code
    assert receipt not in phone.dial(HASSAN, "3")
    money.redeem(again.code, "again")
    books()


def test_a_reversed_code_is_not_paid_again(money: Money) -> None:
    code = money.issue(FATIMA)
    money.undo(money.redeem(code.code))
    with pytest.raises(CodeReversed):
        money.redeem(code.code, "again")
    # The confirmation that was answered is still answered with its receipt.
    assert money.redeem(code.code) == money.one("SELECT receipt_number FROM deposit")


def test_once_however_many_ask(money: Money, books: Books) -> None:
    receipt = money.redeem(money.issue(HASSAN).code)

    def undo(_number: int) -> object:
        try:
            return money.undo(receipt)
        except MaalemError as refusal:
            return type(refusal)

    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(undo, range(16)))
    assert answers.count(AlreadyReversed) == 15
    assert money.one("SELECT count(*) FROM reversal") == 1
    assert money.one("SELECT count(*) FROM message WHERE kind = 'reversal'") == 1
    books()


def test_only_on_its_day_and_by_its_agency(money: Money, other_agent) -> None:  # type: ignore[no-untyped-def] # noqa: F811
    receipt = money.redeem(money.issue(FATIMA).code)
    with pytest.raises(ReceiptUnknown):
        money.undo(receipt, other_agent)
    money.runtime.clock.now += timedelta(days=1)  # type: ignore[attr-defined]
    with pytest.raises(ReversalTooLate):
        money.undo(receipt)
    assert money.one("SELECT count(*) FROM reversal") == 0


def test_the_day_s_sum_is_what_stands(money: Money) -> None:
    from app.payments.limits import day_totals

    money.redeem(money.issue(FATIMA).code, "1")
    receipt = money.redeem(money.issue(HASSAN).code, "2")
    money.undo(receipt)
    limited = money.agent.__class__(
        money.agent.id, "1001", money.agent.agency_code, "", day_limit=money.issue(HASSAN).total
    )
    with money.runtime.database.connect() as connection:
        assert str(day_totals(connection, limited, money.runtime.clock()).by_agent) == "163.52"


@pytest.mark.parametrize(
    ("wrong", "sql"),
    [
        ("settled month deleted", "DELETE FROM contribution_allocation"),
        ("settled month changed", "UPDATE contribution_allocation SET contribution_centimes = 1"),
        ("settled emptied", "TRUNCATE contribution_allocation"),
        ("code reversed alone", "UPDATE payment_code SET state = 'reversed', ended_at = now()"),
        (
            "reversal alone",
            "INSERT INTO reversal (receipt_number, reversed_at, channel, reason, made_by)"
            " SELECT receipt_number, now(), 'page', 'x', 'agent:1001' FROM deposit",
        ),
        (
            "reversal by one of the office",
            "INSERT INTO reversal (receipt_number, reversed_at, channel, reason, made_by,"
            " approved_by) SELECT receipt_number, now(), 'office', 'x', 'a', 'a' FROM deposit",
        ),
        (
            "a resolution with one name",
            "INSERT INTO ledger_transaction (event, metadata, made_by, occurred_at)"
            " VALUES ('resolution', '{\"network\": \"wafacash\"}', 'a', now())",
        ),
        (
            "an acknowledgement with one name",
            "INSERT INTO audit_event (happened_at, actor, action, subject)"
            " VALUES (now(), 'a', 'resolution', 'break:1')",
        ),
        (
            "an acknowledgement by one person twice",
            "INSERT INTO audit_event (happened_at, actor, action, subject, approved_by)"
            " VALUES (now(), 'a', 'resolution', 'break:1', 'A')",
        ),
        (
            "a break resolved by nothing",
            "INSERT INTO reconciliation_break (kind, state, network, opened_at, ended_at, method,"
            " reason, proposed_by, proposed_at, approved_by) VALUES ('other_agent', 'resolved',"
            " 'wafacash', now(), now(), 'acknowledge', 'x', 'a', now(), 'b')",
        ),
        (
            "posted and not sent",
            "UPDATE contribution_allocation SET posted_on = '2026-11-23'",
        ),
        (
            "a month of another code",
            "INSERT INTO contribution_allocation SELECT artisan_id, period + interval '1 year',"
            " receipt_number, contribution_centimes, penalty_centimes FROM contribution_allocation",
        ),
    ],
)
def test_the_database_itself_refuses(money: Money, books: Books, wrong: str, sql: str) -> None:
    money.redeem(money.issue(FATIMA).code)
    with pytest.raises(IntegrityError), money.runtime.database.begin() as connection:
        connection.execute(text(sql))
    books()


def test_a_reversal_is_never_changed(money: Money, books: Books) -> None:
    money.undo(money.redeem(money.issue(FATIMA).code))
    for sql in (
        "UPDATE reversal SET reason = 'other'",
        "DELETE FROM reversal",
        "TRUNCATE reversal CASCADE",
        "UPDATE payment_code SET state = 'paid'",
    ):
        with pytest.raises(IntegrityError), money.runtime.database.begin() as connection:
            connection.execute(text(sql))
    books()


def test_nothing_is_booked_for_what_was_undone(money: Money, books: Books) -> None:
    receipt = money.redeem(money.issue(FATIMA).code)
    money.undo(receipt)
    entry = LedgerEntry(
        "resolution",
        (Posting("suspense", "agent_network_receivable", Amount(100)),),
        reference=receipt,
        metadata={"network": "wafacash"},
        approved_by="b",
    )
    with (
        pytest.raises(IntegrityError),
        operation(money.runtime.database, money.runtime.clock(), "a") as change,
    ):
        book(change, entry)
    books()
