"""Cash given back: the months are due again, the books hold, the artisan hears of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.agents.queries import Agent
from app.base.errors import MaalemError
from app.base.money import Money
from app.base.operation import operation
from app.ledger.service import LedgerEntry, Posting, book_entry
from app.payments.errors import (
    AlreadyReversed,
    CodeReversed,
    OverReversalLimit,
    ReceiptUnknown,
    ReversalTooLate,
)
from tests.payments.conftest import Books, PaymentFixture
from tests.phone import TestPhone

FATIMA, HASSAN = "+212600000001", "+212600000002"


def test_reverse_deposit_makes_the_months_due_again(
    payments: PaymentFixture, books: Books, phone: TestPhone
) -> None:
    code = payments.issue(HASSAN)
    receipt = payments.redeem(code.code)
    payments.reverse(receipt)
    books()
    assert (
        payments.read_value("SELECT state FROM payment_code WHERE code = :c", c=code.code)
        == "reversed"
    )
    assert payments.read_value("SELECT count(*) FROM contribution_allocation") == 0
    told = str(payments.read_value("SELECT body FROM message WHERE kind = 'reversal'"))
    assert receipt in told and "663,90 DH" in told
    again = payments.issue(HASSAN)
    assert (again.total, again.period) == (code.total, code.period)
    assert again.code != code.code
    assert receipt not in phone.dial(HASSAN, "3")
    payments.redeem(again.code, "again")
    books()


def test_redeem_code_refuses_a_reversed_code(payments: PaymentFixture) -> None:
    code = payments.issue(FATIMA)
    payments.reverse(payments.redeem(code.code))
    with pytest.raises(CodeReversed):
        payments.redeem(code.code, "again")
    # The confirmation that was answered is still answered with its receipt.
    assert payments.redeem(code.code) == payments.read_value("SELECT receipt_number FROM deposit")


def test_reverse_deposit_reverses_once_for_many_requests_at_once(
    payments: PaymentFixture, books: Books
) -> None:
    receipt = payments.redeem(payments.issue(HASSAN).code)

    def reverse_once(_number: int) -> object:
        try:
            return payments.reverse(receipt)
        except MaalemError as refusal:
            return type(refusal)

    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(reverse_once, range(16)))
    assert answers.count(AlreadyReversed) == 15
    assert payments.read_value("SELECT count(*) FROM reversal") == 1
    assert payments.read_value("SELECT count(*) FROM message WHERE kind = 'reversal'") == 1
    books()


def test_reversals_at_once_never_pass_the_limit_of_a_day_together(
    payments: PaymentFixture, books: Books
) -> None:
    phones = [f"+21260000000{n}" for n in (1, 2, 5, 7, 8)]
    for phone in phones[:3]:
        payments.reverse(payments.redeem(payments.issue(phone).code, f"first {phone}"))
    receipts = [payments.redeem(payments.issue(phone).code, phone) for phone in phones]

    def reverse(receipt: str) -> object:
        try:
            return payments.reverse(receipt)
        except OverReversalLimit as refusal:
            return type(refusal)

    with ThreadPoolExecutor(5) as many:
        answers = list(many.map(reverse, receipts))
    assert answers.count(OverReversalLimit) == 3
    assert payments.read_value("SELECT count(*) FROM reversal") == 5
    books()


def test_the_database_refuses_an_allowance_that_nothing_proves(payments: PaymentFixture) -> None:
    receipt = payments.redeem(payments.issue(FATIMA).code)
    columns = "receipt_number, reversed_at, channel, reason, made_by, allowance, approved_by"
    at = payments.runtime.clock()
    for made_by, allowance, approved_by, minutes in (
        ("agent:1001", "alone", None, 61),
        ("agent:9999", "alone", None, 0),
        ("agent:1001", "second_agent", "agent:9999", 30),
        ("agent:1001", "second_agent", "agent:1001", 30),
        ("agent:1001", "second_agent", None, 30),
        ("agent:1001", "artisan_code", None, 30),
        ("agent:1001", "breaks", "somebody", 0),
        ("agent:1001", "network", None, 0),
    ):
        values = {
            "receipt": receipt,
            "at": at + timedelta(minutes=minutes),
            "by": made_by,
            "how": allowance,
            "second": approved_by,
        }
        given = "VALUES (:receipt, :at, 'page', 'x', :by, :how, :second)"
        with (
            pytest.raises(IntegrityError, match=r"prove|ck_reversal"),
            payments.runtime.database.begin() as connection,
        ):
            connection.execute(text(f"INSERT INTO reversal ({columns}) {given}"), values)


def test_reverse_deposit_refuses_another_agency_and_a_later_day(
    payments: PaymentFixture, other_agent: Agent
) -> None:
    receipt = payments.redeem(payments.issue(FATIMA).code)
    with pytest.raises(ReceiptUnknown):
        payments.reverse(receipt, other_agent)
    payments.runtime.clock.now += timedelta(days=1)  # type: ignore[attr-defined]
    with pytest.raises(ReversalTooLate):
        payments.reverse(receipt)
    assert payments.read_value("SELECT count(*) FROM reversal") == 0


def test_day_totals_leave_out_a_reversed_deposit(payments: PaymentFixture) -> None:
    from app.payments.limits import day_totals

    payments.redeem(payments.issue(FATIMA).code, "1")
    receipt = payments.redeem(payments.issue(HASSAN).code, "2")
    payments.reverse(receipt)
    limited = payments.agent.__class__(
        payments.agent.id,
        "1001",
        payments.agent.agency_code,
        "",
        day_limit=payments.issue(HASSAN).total,
    )
    with payments.runtime.database.connect() as connection:
        assert str(day_totals(connection, limited, payments.runtime.clock()).by_agent) == "163.52"


@pytest.mark.parametrize(
    ("wrong", "sql"),
    [
        ("settled month deleted", "DELETE FROM contribution_allocation"),
        ("settled month changed", "UPDATE contribution_allocation SET contribution_centimes = 1"),
        ("settled emptied", "TRUNCATE contribution_allocation"),
        ("code reversed alone", "UPDATE payment_code SET state = 'reversed', ended_at = now()"),
        (
            "reversal alone",
            "INSERT INTO reversal (receipt_number, reversed_at, channel, reason, made_by,"
            " allowance)"
            " SELECT receipt_number, received_at, 'page', 'x', 'agent:1001', 'alone' FROM deposit",
        ),
        (
            "reversal by one of the office",
            "INSERT INTO reversal (receipt_number, reversed_at, channel, reason, made_by,"
            " approved_by, allowance)"
            " SELECT receipt_number, now(), 'office', 'x', 'a', 'a', 'breaks' FROM deposit",
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
def test_database_refuses_what_breaks_a_reversal(
    payments: PaymentFixture, books: Books, wrong: str, sql: str
) -> None:
    payments.redeem(payments.issue(FATIMA).code)
    with pytest.raises(IntegrityError), payments.runtime.owners_database.begin() as connection:
        connection.execute(text(sql))
    books()


def test_database_refuses_every_change_of_a_reversal(
    payments: PaymentFixture, books: Books
) -> None:
    payments.reverse(payments.redeem(payments.issue(FATIMA).code))
    for sql in (
        "UPDATE reversal SET reason = 'other'",
        "DELETE FROM reversal",
        "TRUNCATE reversal CASCADE",
        "UPDATE payment_code SET state = 'paid'",
    ):
        with pytest.raises(IntegrityError), payments.runtime.owners_database.begin() as connection:
            connection.execute(text(sql))
    books()


def test_database_refuses_a_booking_for_a_reversed_deposit(
    payments: PaymentFixture, books: Books
) -> None:
    receipt = payments.redeem(payments.issue(FATIMA).code)
    payments.reverse(receipt)
    entry = LedgerEntry(
        "resolution",
        (Posting("suspense", "agent_network_receivable", Money(100)),),
        reference=receipt,
        metadata={"network": "wafacash"},
        approved_by="b",
    )
    with (
        pytest.raises(IntegrityError),
        operation(payments.runtime.database, payments.runtime.clock(), "a") as change,
    ):
        book_entry(change, entry)
    books()
