"""More or less than a code costs: refused, unless the network may; then nothing is silent."""

from __future__ import annotations

import pytest

from app.base.money import Money
from app.payments.collector import Collector
from app.payments.deposits import CashConfirmation
from app.payments.errors import OverPaid, UnderPaid
from app.payments.queries import get_account
from app.payments.receipts import find_receipt
from tests.payments.conftest import Books, PaymentFixture

HASSAN = "+212600000002"


def pay(payments: PaymentFixture, code: str, centimes: int, allowed: bool = True) -> str:
    collector = Collector("page", "test", "wafacash", payments.agent, "1001", other_amounts=allowed)
    return payments.confirm(collector, CashConfirmation(code, code, Money(centimes)))


@pytest.mark.parametrize(("centimes", "refusal"), [(66389, UnderPaid), (66391, OverPaid)])
def test_redeem_code_refuses_another_amount_by_default(
    payments: PaymentFixture, books: Books, centimes: int, refusal: type[Exception]
) -> None:
    code = payments.issue(HASSAN)
    with pytest.raises(refusal) as refused:
        pay(payments, code.code, centimes, allowed=False)
    assert refused.value.params == {"due": Money(66390)}  # type: ignore[attr-defined]
    assert payments.read_value("SELECT state FROM payment_code") == "issued"
    books()


@pytest.mark.parametrize(
    ("centimes", "months", "suspense"),
    [(66390, 4, 0), (70000, 4, 3610), (66389, 3, 16351), (16843, 1, 0), (16844, 1, 1)],
)
def test_redeem_code_settles_whole_months_and_holds_the_rest_in_suspense(
    payments: PaymentFixture, books: Books, centimes: int, months: int, suspense: int
) -> None:
    pay(payments, payments.issue(HASSAN).code, centimes)
    assert payments.read_value("SELECT count(*) FROM contribution_allocation") == months
    held = "SELECT coalesce(-sum(amount_centimes), 0)::bigint FROM ledger_line WHERE account = :a"
    assert payments.read_value(held, a="suspense") == suspense
    waiting = "SELECT count(*) FROM reconciliation_break WHERE kind = 'other_amount_sent'"
    assert payments.read_value(waiting) == bool(suspense)
    books()


def test_redeem_code_refuses_less_than_one_month(payments: PaymentFixture, books: Books) -> None:
    with pytest.raises(UnderPaid):
        pay(payments, payments.issue(HASSAN).code, 16842)
    assert payments.read_value("SELECT count(*) FROM deposit") == 0
    books()


def test_reverse_deposit_clears_suspense_too(payments: PaymentFixture, books: Books) -> None:
    payments.reverse(pay(payments, payments.issue(HASSAN).code, 70000))
    balance = (
        "SELECT count(*) FROM (SELECT account FROM ledger_line GROUP BY 1"
        " HAVING sum(amount_centimes) <> 0) AS open"
    )
    assert payments.read_value(balance) == 0
    books()


def test_find_receipt_names_the_months_that_were_settled(payments: PaymentFixture) -> None:
    """Less was sent: not the months that the code was for."""
    receipt = pay(payments, payments.issue(HASSAN).code, 66389)
    with payments.runtime.database.connect() as connection:
        found = find_receipt(connection, receipt, payments.agent.agency_code)
        (shown,) = get_account(
            connection, payments.artisan_id(HASSAN), payments.runtime.clock()
        ).deposits
    assert found and str(found.period) == "2026-08 - 2026-10"
    assert (found.contribution, found.penalty) == (Money(49056), Money(982))
    assert shown.period == found.period
