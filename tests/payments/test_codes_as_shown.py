"""A code made by one statement for the account that was shown, or for none that changed since."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.base.driver import by_driver
from app.base.operation import operation
from app.base.phone import Phone
from app.enrolment.queries import Artisan, get_artisan
from app.payments.codes import CodeRequest, issue_code, issue_code_as_shown
from app.payments.queries import IssuedCode, PaymentAccount, get_account
from benchmarks.statements import counted_statements
from tests.payments.conftest import Books, PaymentFixture

HASSAN = "+212600000002"
_WRITTEN = """
    SELECT code, state,
        (SELECT count(*) FROM payment_code_line line WHERE line.code = made.code) AS months,
        (SELECT count(*) FROM message WHERE event_key = 'code:' || code || ':' || :phone) AS told,
        (SELECT string_agg(action, ',' ORDER BY id) FROM audit_event
            WHERE details ->> 'code' = code) AS audited
    FROM payment_code made ORDER BY issued_at, state
"""
Shown = tuple[Artisan, PaymentAccount]


def read_shown(payments: PaymentFixture) -> Shown:
    """The account as a screen of Hassan's shows it now."""
    number = payments.artisan_id(HASSAN)
    with by_driver(payments.runtime.database) as connection:
        artisan = get_artisan(connection, number)
        return artisan, get_account(connection, number, payments.runtime.clock())


def issue_as_shown(payments: PaymentFixture, shown: Shown) -> IssuedCode | None:
    runtime, (artisan, _) = payments.runtime, shown
    request = CodeRequest(artisan.id, Phone(HASSAN), "fr")
    with by_driver(runtime.database) as connection:
        return issue_code_as_shown(connection, runtime.clock(), runtime.services, request, shown)


def read_written(payments: PaymentFixture) -> list[Any]:
    with payments.runtime.database.connect() as connection:
        return [tuple(row) for row in connection.execute(text(_WRITTEN), {"phone": HASSAN})]


def test_issue_code_as_shown_writes_what_issue_code_writes(
    payments: PaymentFixture, books: Books
) -> None:
    usual = payments.issue(HASSAN)
    payments.cancel(HASSAN)
    shown = read_shown(payments)
    with counted_statements(payments.runtime.database) as statements:
        code = issue_as_shown(payments, shown)
        assert statements.count() == 1
    assert code and (code.terms, code.expires_at) == (usual.terms, usual.expires_at)
    months = len(code.period)
    assert read_written(payments) == [
        (usual.code, "cancelled", months, 1, "code_issued,code_cancelled"),
        (code.code, "issued", months, 1, "code_issued"),
    ]
    assert payments.issue(HASSAN) == code
    books()


def _collect_cash(payments: PaymentFixture) -> None:
    payments.redeem(payments.issue(HASSAN, 1).code)


def _reverse_and_pay_again(payments: PaymentFixture) -> None:
    """The same months as before, by another receipt: the day of a penalty may be another."""
    payments.reverse(payments.read_value("SELECT receipt_number FROM deposit"))  # type: ignore[arg-type]
    payments.redeem(payments.issue(HASSAN, 1).code, "again")


def _cancel_after_issuing(payments: PaymentFixture) -> None:
    payments.issue(HASSAN, 1)


def _import_register(column: str, value: str) -> Callable[[PaymentFixture], None]:
    def change(payments: PaymentFixture) -> None:
        with payments.runtime.owners_database.begin() as connection:
            sql = f"UPDATE artisan SET {column} = {value} WHERE phone = :phone"
            assert connection.execute(text(sql), {"phone": HASSAN}).rowcount == 1

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_collect_cash, id="a month was paid"),
        pytest.param(_cancel_after_issuing, id="another phone has a code"),
        pytest.param(_import_register("rights_as_of", "rights_as_of + 1"), id="its day"),
        pytest.param(_import_register("rights_until", "rights_until + 31"), id="CNSS's word"),
        pytest.param(_import_register("enrolled_on", "enrolled_on + 31"), id="enrolment"),
    ],
)
def test_issue_code_as_shown_changes_nothing_if_the_account_changed(
    payments: PaymentFixture, change: Callable[[PaymentFixture], None]
) -> None:
    shown = read_shown(payments)
    change(payments)
    before = read_written(payments)
    assert issue_as_shown(payments, shown) is None
    assert read_written(payments) == before


def test_issue_code_as_shown_refuses_the_same_months_paid_by_another_receipt(
    payments: PaymentFixture,
) -> None:
    _collect_cash(payments)
    shown = read_shown(payments)
    _reverse_and_pay_again(payments)
    assert read_shown(payments)[1].settled == shown[1].settled
    assert issue_as_shown(payments, shown) is None


def test_issue_code_as_shown_gives_one_code_to_many_phones_at_once(
    payments: PaymentFixture, books: Books
) -> None:
    shown = read_shown(payments)
    with ThreadPoolExecutor(8) as many:
        codes = [
            code for code in many.map(lambda _: issue_as_shown(payments, shown), range(24)) if code
        ]
    assert len(codes) == 1
    assert [row[0] for row in read_written(payments)] == [codes[0].code]
    books()


def test_issue_code_as_shown_ends_a_code_that_has_expired(payments: PaymentFixture) -> None:
    old = payments.issue(HASSAN)
    payments.runtime.clock.now = old.expires_at + timedelta(seconds=1)  # type: ignore[attr-defined]
    code = issue_as_shown(payments, read_shown(payments))
    assert code
    assert [row[:2] for row in read_written(payments)] == [
        (old.code, "expired"),
        (code.code, "issued"),
    ]


def test_issue_code_as_shown_finds_the_live_code_of_the_same_months(
    payments: PaymentFixture,
) -> None:
    live = payments.issue(HASSAN)
    shown, before = read_shown(payments), read_written(payments)
    with counted_statements(payments.runtime.database) as statements:
        assert issue_as_shown(payments, shown) == live
        assert statements.count() == 1
    assert read_written(payments) == before


def _issue_for_one_month(payments: PaymentFixture) -> None:
    payments.issue(HASSAN, 1)


def _issue_on_another_phone(payments: PaymentFixture) -> None:
    """That phone had the SMS: this one has to be sent the code too."""
    artisan = read_shown(payments)[0]
    request = CodeRequest(artisan.id, Phone("+212600000099"), "fr")
    with operation(payments.runtime.database, payments.runtime.clock(), "artisan") as change:
        issue_code(change, payments.runtime.services, request)


@pytest.mark.parametrize("issue", [_issue_for_one_month, _issue_on_another_phone])
def test_issue_code_as_shown_leaves_another_live_code_to_issue_code(
    payments: PaymentFixture, issue: Callable[[PaymentFixture], None]
) -> None:
    issue(payments)
    before = read_written(payments)
    assert issue_as_shown(payments, read_shown(payments)) is None
    assert read_written(payments) == before


@pytest.mark.parametrize("ends", ["redeem", "cancel"])
def test_issue_code_as_shown_finds_no_code_that_ended_since(
    payments: PaymentFixture, ends: str
) -> None:
    live = payments.issue(HASSAN)
    shown = read_shown(payments)
    getattr(payments, ends)(live.code if ends == "redeem" else HASSAN)
    assert issue_as_shown(payments, shown) is None


# So many that an index is sooner than the whole, and so few that a join would read them all.
MANY_CODES = (
    "SET LOCAL session_replication_role = replica",
    """INSERT INTO payment_code (code, artisan_id, state, contribution_centimes, penalty_centimes,
        fee_centimes, total_centimes, first_period, last_period, issued_at, expires_at, ended_at)
    SELECT 500000000000 + n, a.id, 'paid', 16352, 0, 0, 16352, '2026-01-01', '2026-01-01',
        now() - interval '1 hour', now() + interval '1 day', now()
    FROM generate_series(1, 400) n, (SELECT min(id) AS id FROM artisan) a""",
    "ANALYZE payment_code",
)


def test_issue_code_reads_no_table_of_codes_whole(payments: PaymentFixture) -> None:
    with payments.runtime.owners_database.begin() as connection:
        for statement in MANY_CODES:
            connection.execute(text(statement))
    # It counts what this connection read before, too, as long as that was not passed on.
    read_whole = text(
        "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'payment_code'"
    )
    request = CodeRequest(payments.artisan_id(HASSAN), Phone(HASSAN), "fr")
    with operation(payments.runtime.database, payments.runtime.clock(), "artisan") as change:
        before = change.connection.execute(read_whole).scalar_one()
        issue_code(change, payments.runtime.services, request)
        assert change.connection.execute(read_whole).scalar_one() == before
