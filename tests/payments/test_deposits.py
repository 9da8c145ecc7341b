"""Cash for a code: once, exact, in the books, told to the artisan."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.agents.queries import Agent
from app.base.errors import MaalemError, Unavailable
from app.base.money import Money
from app.base.operation import operation
from app.base.phone import Phone
from app.payments.codes import CodeRequest, issue_code
from app.payments.errors import CodeCancelled, CodeExpired, CodePaid, CodeUnknown, KeyReused
from app.payments.receipts import find_code
from app.payments.rules import draw_code
from tests.payments.conftest import Books, PaymentFixture
from tests.phone import TestPhone

FATIMA, HASSAN, AICHA = "+212600000001", "+212600000002", "+212600000005"


# A transaction whose lines balance, so that nothing but its own columns is wrong.
_BALANCED = (
    "WITH t AS (INSERT INTO ledger_transaction (event, reference, metadata, made_by, approved_by,"
    " occurred_at) SELECT 'resolution', {reference}, '{metadata}', 'a', 'b', now() FROM deposit"
    " RETURNING id) INSERT INTO ledger_line (transaction_id, position, account, amount_centimes)"
    " SELECT id, position, account, amount FROM t, (VALUES"
    " (1, 'agent_network_receivable', 1), (2, 'suspense', -1)) AS line (position, account, amount)"
)


def test_redeem_code_books_the_cash_settles_the_months_and_queues_the_receipt(
    payments: PaymentFixture, books: Books
) -> None:
    code = payments.issue(HASSAN)
    receipt = payments.redeem(code.code)
    with payments.runtime.database.connect() as connection:
        lines = connection.execute(
            text("SELECT account, amount_centimes FROM ledger_line ORDER BY 1")
        ).all()
        months = connection.execute(
            text(
                "SELECT to_char(period, 'YYYY-MM'), posted_on"
                " FROM contribution_allocation ORDER BY 1"
            )
        ).all()
    assert [tuple(line) for line in lines] == [
        ("agent_network_receivable", 66390),
        ("contributions_payable", -65408),
        ("penalties_payable", -982),
    ]
    assert [tuple(month) for month in months] == [(f"2026-{m:02d}", None) for m in range(8, 12)]
    body = payments.read_value("SELECT body FROM message WHERE kind = 'receipt'")
    for part in (
        receipt,
        "663,90 DH",
        "08/26-11/26",
        "23/11/2026",
        "Wafacash Agdal",
        "HASSAN",
        "*384*5*2*4#",
    ):
        assert part in str(body)
    books()


def test_redeem_code_settles_the_oldest_months_first(payments: PaymentFixture) -> None:
    payments.redeem(payments.issue(HASSAN, 2).code)
    rest = payments.issue(HASSAN)
    assert str(rest.period) == "2026-10 - 2026-11"


def test_redeem_code_gives_the_same_receipt_for_the_same_key(
    payments: PaymentFixture, books: Books
) -> None:
    code = payments.issue(FATIMA).code
    assert payments.redeem(code, "once") == payments.redeem(code, "once")
    assert payments.read_value("SELECT count(*) FROM deposit") == 1
    books()


def test_redeem_code_refuses_a_key_used_for_another_code(payments: PaymentFixture) -> None:
    payments.redeem(payments.issue(FATIMA).code, "once")
    with pytest.raises(KeyReused):
        payments.redeem(payments.issue(HASSAN).code, "once")


def test_redeem_code_books_one_deposit_for_many_confirmations_at_once(
    payments: PaymentFixture, books: Books, other_agent: Agent
) -> None:
    code = payments.issue(HASSAN).code

    def confirm(number: int) -> str | type[MaalemError]:
        by = payments.agent if number % 2 else other_agent
        while True:
            try:
                return payments.redeem(code, f"key-{number % 6}", by)
            except Unavailable:  # on a busy machine: told to come again, and does
                continue
            except MaalemError as refusal:
                return type(refusal)

    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(confirm, range(24)))
    receipts = {answer for answer in answers if isinstance(answer, str)}
    assert len(receipts) == 1
    assert set(answers) - receipts == {CodePaid}
    assert payments.read_value("SELECT count(*) FROM deposit") == 1
    books()


def test_redeem_code_never_settles_a_month_twice_while_another_code_is_issued(
    payments: PaymentFixture, books: Books
) -> None:
    for phone in (HASSAN, AICHA):
        code = payments.issue(phone, 1).code

        def pay(code: str = code) -> None:
            with suppress(CodeCancelled):
                payments.redeem(code, code)

        with ThreadPoolExecutor(2) as two:
            paying, asking = two.submit(pay), two.submit(payments.issue, phone, None, code)
            paying.result()
            new = asking.result()
        payments.redeem(new.code, new.code)
        books()


def test_redeem_code_refuses_a_code_that_is_not_live_and_says_why(
    payments: PaymentFixture, other_agent: Agent
) -> None:
    with pytest.raises(CodeUnknown):
        payments.redeem(draw_code(payments.runtime.random))
    cancelled = payments.issue(FATIMA).code
    payments.cancel(FATIMA)
    with pytest.raises(CodeCancelled) as refused:
        payments.redeem(cancelled)
    assert refused.value.params == {"cancelled_at": payments.runtime.clock()}
    paid = payments.issue(FATIMA).code
    receipt = payments.redeem(paid, "first")
    with pytest.raises(CodePaid) as own:
        payments.redeem(paid, "second")
    assert own.value.params == {
        "paid_at": payments.runtime.clock(),
        "agent": "1001",
        "receipt": receipt,
        "total": Money(16352),
    }
    with pytest.raises(CodePaid) as others:
        payments.redeem(paid, "third", other_agent)
    # Whoever holds the code learns when it was paid, and not by whom nor how much.
    assert others.value.params == {"paid_at": payments.runtime.clock(), "receipt": receipt}
    expired = payments.issue(HASSAN)
    payments.runtime.clock.now = expired.expires_at  # type: ignore[attr-defined]
    with pytest.raises(CodeExpired) as late:
        payments.redeem(expired.code, "late")
    assert late.value.params == {"expired_at": expired.expires_at}


def test_redeem_code_accepts_a_code_in_its_last_second(payments: PaymentFixture) -> None:
    code = payments.issue(FATIMA)
    payments.runtime.clock.now = code.expires_at - timedelta(seconds=1)  # type: ignore[attr-defined]
    assert payments.redeem(code.code)


@pytest.mark.parametrize(
    ("wrong", "sql"),
    [
        ("ledger changed", "UPDATE ledger_line SET amount_centimes = 1"),
        ("ledger deleted", "DELETE FROM ledger_line"),
        ("ledger emptied", "TRUNCATE ledger_line"),
        ("audit changed", "UPDATE audit_event SET actor = 'nobody'"),
        ("deposit changed", "UPDATE deposit SET total_centimes = 1"),
        ("paid code reopened", "UPDATE payment_code SET state = 'issued', ended_at = NULL"),
        ("amount changed", "UPDATE payment_code SET total_centimes = 1, contribution_centimes = 1"),
        ("code deleted", "DELETE FROM payment_code"),
        (
            "half a booking",
            "WITH t AS (INSERT INTO ledger_transaction (event, reference, metadata, made_by,"
            " occurred_at) SELECT 'posting', receipt_number, '{\"network\": \"wafacash\"}', 'a',"
            " now() FROM deposit RETURNING id)"
            " INSERT INTO ledger_line (transaction_id, position, account, amount_centimes)"
            " SELECT id, 1, 'fees_payable', -1 FROM t",
        ),
        (
            "a booking without lines",
            "INSERT INTO ledger_transaction (event, reference, metadata, made_by, occurred_at)"
            " SELECT 'posting', receipt_number, '{\"network\": \"wafacash\"}', 'a', now()"
            " FROM deposit",
        ),
        (
            "a booking for no receipt",
            _BALANCED.format(reference="'99999999'", metadata='{"network": "wafacash"}'),
        ),
        (
            "a booking of no network",
            _BALANCED.format(reference="receipt_number", metadata='{"network": "nobody"}'),
        ),
        (
            "a booking that names no network",
            _BALANCED.format(reference="receipt_number", metadata="{}"),
        ),
        (
            "a deposit booked twice",
            _BALANCED.replace("'resolution'", "'deposit'").format(
                reference="receipt_number", metadata='{"network": "wafacash"}'
            ),
        ),
        (
            "a network renamed that has bookings",
            "UPDATE agent_network SET code = 'other' WHERE code = 'wafacash'",
        ),
        (
            "a month settled twice",
            "INSERT INTO contribution_allocation SELECT * FROM contribution_allocation",
        ),
        (
            "paid without a deposit",
            "INSERT INTO payment_code (code, artisan_id, state, contribution_centimes,"
            " penalty_centimes, fee_centimes, total_centimes, first_period, last_period,"
            " issued_at, expires_at) SELECT '123456789012', artisan_id, 'issued', 1, 0, 0, 1,"
            " '2027-01-01', '2027-01-01', now(), now() + interval '1 day' FROM payment_code;"
            " INSERT INTO payment_code_line VALUES ('123456789012', '2027-01-01', 1, 0);"
            " UPDATE payment_code SET state = 'paid', ended_at = now()"
            " WHERE code = '123456789012'",
        ),
        (
            "a second live code",
            "INSERT INTO payment_code (code, artisan_id, contribution_centimes, penalty_centimes,"
            " fee_centimes, total_centimes, first_period, last_period, issued_at, expires_at)"
            " SELECT code::bigint + n, artisan_id, 1, 0, 0, 1, '2027-01-01', '2027-01-01',"
            " now(), now() + interval '1 day' FROM payment_code, generate_series(1, 2) n",
        ),
        (
            "a code whose lines do not add up",
            "INSERT INTO payment_code (code, artisan_id, contribution_centimes, penalty_centimes,"
            " fee_centimes, total_centimes, first_period, last_period, issued_at, expires_at)"
            " SELECT '123456789012', artisan_id, 2, 0, 0, 2, '2027-01-01', '2027-01-01', now(),"
            " now() + interval '1 day' FROM payment_code;"
            " INSERT INTO payment_code_line VALUES ('123456789012', '2027-01-01', 1, 0)",
        ),
        (
            "a code without lines",
            "INSERT INTO payment_code (code, artisan_id, state, contribution_centimes,"
            " penalty_centimes, fee_centimes, total_centimes, first_period, last_period,"
            " issued_at, expires_at) SELECT '123456789012', artisan_id, 'issued', 1, 0, 0, 1,"
            " '2027-01-01', '2027-01-01', now(), now() + interval '1 day' FROM payment_code",
        ),
        ("a line of no code", "INSERT INTO payment_code_line VALUES ('1', '2027-01-01', 1, 0)"),
        (
            "a line more than a code has",
            "INSERT INTO payment_code_line SELECT code, '2027-01-01', 1, 0 FROM payment_code",
        ),
    ],
)
def test_database_refuses_what_breaks_a_deposit(
    payments: PaymentFixture, books: Books, wrong: str, sql: str
) -> None:
    payments.redeem(payments.issue(FATIMA).code)
    with pytest.raises(IntegrityError), payments.runtime.owners_database.begin() as connection:
        for statement in sql.split(";"):
            connection.execute(text(statement))
    books()


def test_redeem_code_books_a_fee_to_its_own_account(payments: PaymentFixture) -> None:
    services = replace(payments.runtime.services, fee=Money(500))
    request = CodeRequest(payments.artisan_id(FATIMA), Phone(FATIMA), "fr")
    with operation(payments.runtime.database, payments.runtime.clock(), "artisan") as change:
        code = issue_code(change, services, request)
    assert code.total == Money(16852)
    payments.redeem(code.code)
    sql = "SELECT amount_centimes FROM ledger_line WHERE account = 'fees_payable'"
    assert payments.read_value(sql) == -500


def test_redeem_code_costs_the_same_in_parts_as_at_once(
    payments: PaymentFixture, books: Books
) -> None:
    """Penalties have one cap a year, however many codes pay them (docs/rules.md, Penalty)."""
    with payments.runtime.database.begin() as connection:
        connection.execute(
            text("UPDATE artisan SET rights_until = '2025-03-31' WHERE phone = :phone"),
            {"phone": HASSAN},
        )
    whole = payments.issue(HASSAN)
    assert str(whole.period.first) == "2025-01"
    at_once, parts, replacing = whole.total, Money(0), whole.code
    for months in (4, 4, 1, 3, None):
        code = payments.issue(HASSAN, months, replacing)
        parts, replacing = parts + code.total, None
        payments.redeem(code.code, code.code)
    assert parts == at_once
    books()


@pytest.mark.parametrize(
    "change",
    [
        "rights_until = '2027-02-28'",
        "category = 'B'",
        "category = 'C', coefficient = 2",
        "enrolled_on = NULL",
        "enrolled_on = '2026-12-01'",
    ],
)
def test_redeem_code_refuses_months_that_the_register_no_longer_says_are_owed(
    payments: PaymentFixture, books: Books, change: str
) -> None:
    code = payments.issue(FATIMA)
    with payments.runtime.database.begin() as connection:
        connection.execute(
            text(f"UPDATE artisan SET {change} WHERE phone = :phone"), {"phone": FATIMA}
        )
    with pytest.raises(CodeCancelled):
        payments.redeem(code.code)
    with payments.runtime.database.connect() as connection:
        seen = find_code(connection, code.code, payments.runtime.clock())
    assert seen and seen.payable is None
    assert payments.read_value("SELECT count(*) FROM deposit") == 0
    books()


def test_redeem_code_shows_at_once_in_the_same_dialogue(
    payments: PaymentFixture, phone: TestPhone
) -> None:
    """Entries 1 and 3 tell it as received and not yet posted, on a clock that stands still."""
    code = phone.dial(FATIMA, "2*1").split("\n")[0].removeprefix("Code ").replace(" ", "")
    phone.answer("00")
    receipt = payments.redeem(code)
    for entry in ("1", "3"):
        assert "163,52 DH le 23/11" in phone.answer(entry)
        phone.answer("00")
    phone.answer("3")
    phone.answer("1")
    assert receipt in phone.answer("1")
