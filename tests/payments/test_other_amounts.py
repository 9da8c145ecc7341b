"""More or less than a code costs: refused, unless the network may; then nothing is silent."""

from __future__ import annotations

import pytest

from app.base.money import Money as Amount
from app.payments.collector import Collector
from app.payments.deposits import CashConfirmation
from app.payments.errors import OverPaid, UnderPaid
from app.payments.queries import get_account
from app.payments.receipts import find_receipt
from tests.payments.conftest import Books, Money

HASSAN = "+212600000002"


def pay(money: Money, code: str, centimes: int, allowed: bool = True) -> str:
    collector = Collector("page", "test", "wafacash", money.agent, "1001", other_amounts=allowed)
    return money.confirm(collector, CashConfirmation(code, code, Amount(centimes)))


@pytest.mark.parametrize(("centimes", "refusal"), [(66389, UnderPaid), (66391, OverPaid)])
def test_refused_by_default(
    money: Money, books: Books, centimes: int, refusal: type[Exception]
) -> None:
    code = money.issue(HASSAN)
    with pytest.raises(refusal) as refused:
        pay(money, code.code, centimes, allowed=False)
    assert refused.value.params == {"due": Amount(66390)}  # type: ignore[attr-defined]
    assert money.one("SELECT state FROM payment_code") == "issued"
    books()


@pytest.mark.parametrize(
    ("centimes", "months", "suspense"),
    [(66390, 4, 0), (70000, 4, 3610), (66389, 3, 16351), (16843, 1, 0), (16844, 1, 1)],
)
def test_whole_months_from_the_oldest_and_the_rest_in_suspense(
    money: Money, books: Books, centimes: int, months: int, suspense: int
) -> None:
    pay(money, money.issue(HASSAN).code, centimes)
    assert money.one("SELECT count(*) FROM contribution_allocation") == months
    held = "SELECT coalesce(-sum(amount_centimes), 0)::bigint FROM ledger_line WHERE account = :a"
    assert money.one(held, a="suspense") == suspense
    waiting = "SELECT count(*) FROM reconciliation_break WHERE kind = 'other_amount_sent'"
    assert money.one(waiting) == bool(suspense)
    books()


def test_less_than_one_month_is_not_taken(money: Money, books: Books) -> None:
    with pytest.raises(UnderPaid):
        pay(money, money.issue(HASSAN).code, 16842)
    assert money.one("SELECT count(*) FROM deposit") == 0
    books()


def test_what_is_undone_is_undone_whole(money: Money, books: Books) -> None:
    money.undo(pay(money, money.issue(HASSAN).code, 70000))
    balance = (
        "SELECT count(*) FROM (SELECT account FROM ledger_line GROUP BY 1"
        " HAVING sum(amount_centimes) <> 0) AS open"
    )
    assert money.one(balance) == 0
    books()


def test_the_receipt_names_the_months_that_were_paid(money: Money) -> None:
    """Less was sent: not the months that the code was for."""
    receipt = pay(money, money.issue(HASSAN).code, 66389)
    with money.runtime.database.connect() as connection:
        found = find_receipt(connection, receipt, money.agent.agency_code)
        (shown,) = get_account(connection, money.artisan_id(HASSAN), money.runtime.clock()).deposits
    assert found and str(found.period) == "2026-08 - 2026-10"
    assert (found.contribution, found.penalty) == (Amount(49056), Amount(982))
    assert shown.period == found.period
