"""Cash for a code: once, exact, in the books, told to the artisan."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.agents.models import agent
from app.agents.queries import Agent, find_agent
from app.agents.service import NewAgency, NewAgent, add_agency, add_agent
from app.base.errors import MaalemError
from app.base.money import Money as Amount
from app.base.operation import operation
from app.base.phone import Phone
from app.payments.codes import CodeRequest, issue_code
from app.payments.errors import CodeCancelled, CodeExpired, CodePaid, CodeUnknown, KeyReused
from app.payments.receipts import find_code
from app.payments.rules import draw_code
from tests.payments.conftest import Books, Money
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


@pytest.fixture
def other_agent(money: Money) -> Agent:
    with operation(money.runtime.database, money.runtime.clock(), "operator") as change:
        add_agency(change, NewAgency("W-FES-02", "Wafacash Fes", "Fes"))
        add_agent(change, NewAgent("2002", "W-FES-02", SecretStr("1357")))
        connection = change.connection
        number = connection.execute(select(agent.c.id).where(agent.c.number == "2002")).scalar_one()
        found = find_agent(connection, number)
    assert found
    return found


def test_a_deposit_is_booked_settled_and_told(money: Money, books: Books) -> None:
    code = money.issue(HASSAN)
    receipt = money.redeem(code.code)
    with money.runtime.database.connect() as connection:
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
    body = money.one("SELECT body FROM message WHERE kind = 'receipt'")
    for part in (receipt, "663,90 DH", "08/26-11/26", "23/11/2026", "W-RABAT-01"):
        assert part in str(body)
    books()


def test_oldest_months_are_settled_first(money: Money) -> None:
    money.redeem(money.issue(HASSAN, 2).code)
    rest = money.issue(HASSAN)
    assert str(rest.period) == "2026-10 - 2026-11"


def test_the_same_confirmation_gives_the_same_receipt(money: Money, books: Books) -> None:
    code = money.issue(FATIMA).code
    assert money.redeem(code, "once") == money.redeem(code, "once")
    assert money.one("SELECT count(*) FROM deposit") == 1
    books()


def test_a_key_is_not_for_two_codes(money: Money) -> None:
    money.redeem(money.issue(FATIMA).code, "once")
    with pytest.raises(KeyReused):
        money.redeem(money.issue(HASSAN).code, "once")


def test_one_code_many_confirmations_at_once(
    money: Money, books: Books, other_agent: Agent
) -> None:
    code = money.issue(HASSAN).code

    def confirm(number: int) -> str | type[MaalemError]:
        try:
            by = money.agent if number % 2 else other_agent
            return money.redeem(code, f"key-{number % 6}", by)
        except MaalemError as refusal:
            return type(refusal)

    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(confirm, range(24)))
    receipts = {answer for answer in answers if isinstance(answer, str)}
    assert len(receipts) == 1
    assert set(answers) - receipts == {CodePaid}
    assert money.one("SELECT count(*) FROM deposit") == 1
    books()


def test_paying_and_asking_anew_at_once_never_pays_a_month_twice(
    money: Money, books: Books
) -> None:
    for phone in (HASSAN, AICHA):
        code = money.issue(phone, 1).code

        def pay(code: str = code) -> None:
            with suppress(CodeCancelled):
                money.redeem(code, code)

        with ThreadPoolExecutor(2) as two:
            paying, asking = two.submit(pay), two.submit(money.issue, phone, None, code)
            paying.result()
            new = asking.result()
        money.redeem(new.code, new.code)
        books()


def test_every_refusal_says_which(money: Money, other_agent: Agent) -> None:
    with pytest.raises(CodeUnknown):
        money.redeem(draw_code(money.runtime.random))
    cancelled = money.issue(FATIMA).code
    money.cancel(FATIMA)
    with pytest.raises(CodeCancelled) as refused:
        money.redeem(cancelled)
    assert refused.value.params == {"cancelled_at": money.runtime.clock()}
    paid = money.issue(FATIMA).code
    receipt = money.redeem(paid, "first")
    with pytest.raises(CodePaid) as own:
        money.redeem(paid, "second")
    assert own.value.params == {
        "paid_at": money.runtime.clock(),
        "agent": "1001",
        "receipt": receipt,
        "total": Amount(16352),
    }
    with pytest.raises(CodePaid) as others:
        money.redeem(paid, "third", other_agent)
    assert others.value.params == {}
    expired = money.issue(HASSAN)
    money.runtime.clock.now = expired.expires_at  # type: ignore[attr-defined]
    with pytest.raises(CodeExpired) as late:
        money.redeem(expired.code, "late")
    assert late.value.params == {"expired_at": expired.expires_at}


def test_a_code_is_good_to_its_last_second(money: Money) -> None:
    code = money.issue(FATIMA)
    money.runtime.clock.now = code.expires_at - timedelta(seconds=1)  # type: ignore[attr-defined]
    assert money.redeem(code.code)


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
    ],
)
def test_the_database_itself_refuses(money: Money, books: Books, wrong: str, sql: str) -> None:
    money.redeem(money.issue(FATIMA).code)
    with pytest.raises(IntegrityError), money.runtime.database.begin() as connection:
        for statement in sql.split(";"):
            connection.execute(text(statement))
    books()


def test_a_fee_is_the_networks_and_not_a_contribution(money: Money) -> None:
    services = replace(money.runtime.services, fee=Amount(500))
    request = CodeRequest(money.artisan_id(FATIMA), Phone(FATIMA), "fr")
    with operation(money.runtime.database, money.runtime.clock(), "artisan") as change:
        code = issue_code(change, services, request)
    assert code.total == Amount(16852)
    money.redeem(code.code)
    sql = "SELECT amount_centimes FROM ledger_line WHERE account = 'fees_payable'"
    assert money.one(sql) == -500


def test_paying_in_parts_costs_what_paying_at_once_costs(money: Money, books: Books) -> None:
    """The yearly cap of penalties is one, however many codes it is paid with (domain.md 2)."""
    with money.runtime.database.begin() as connection:
        connection.execute(
            text("UPDATE artisan SET rights_until = '2025-03-31' WHERE phone = :phone"),
            {"phone": HASSAN},
        )
    whole = money.issue(HASSAN)
    assert str(whole.period.first) == "2025-01"
    at_once, parts, replacing = whole.total, Amount(0), whole.code
    for months in (4, 4, 1, 3, None):
        code = money.issue(HASSAN, months, replacing)
        parts, replacing = parts + code.total, None
        money.redeem(code.code, code.code)
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
def test_no_cash_for_what_the_register_says_is_not_owed_any_more(
    money: Money, books: Books, change: str
) -> None:
    code = money.issue(FATIMA)
    with money.runtime.database.begin() as connection:
        connection.execute(
            text(f"UPDATE artisan SET {change} WHERE phone = :phone"), {"phone": FATIMA}
        )
    with pytest.raises(CodeCancelled):
        money.redeem(code.code)
    with money.runtime.database.connect() as connection:
        seen = find_code(connection, code.code, money.runtime.clock())
    assert seen and seen.payable is None
    assert money.one("SELECT count(*) FROM deposit") == 0
    books()


def test_a_payment_shows_at_once_in_the_same_talk(money: Money, phone: TestPhone) -> None:
    """Entries 1 and 3 tell it as received and not yet posted, on a clock that stands still."""
    code = phone.dial(FATIMA, "2*1").split("\n")[0].removeprefix("Code ").replace(" ", "")
    phone.answer("00")
    receipt = money.redeem(code)
    for entry in ("1", "3"):
        assert "163,52 DH le 23/11" in phone.answer(entry)
        phone.answer("00")
    phone.answer("3")
    phone.answer("2")
    assert receipt in phone.answer("1")
