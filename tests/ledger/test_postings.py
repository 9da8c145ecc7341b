"""Postings: an entry made of them balances, whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.base.money import ZERO, Money
from app.ledger.models import ACCOUNTS, RECEIVABLE, SUSPENSE
from app.ledger.service import Posting, postings_to_clear, sum_by_account

POSTINGS = st.lists(
    st.builds(
        lambda accounts, centimes: Posting(*accounts, Money(centimes)),
        st.lists(st.sampled_from(ACCOUNTS), min_size=2, max_size=2, unique=True),
        st.integers(0, 10**9),
    )
)


def balances_of(postings: list[Posting]) -> dict[str, Money]:
    balances = dict.fromkeys(ACCOUNTS, ZERO)
    for account, centimes in sum_by_account(postings):
        balances[account] += Money(centimes)
    return balances


class TestPosting:
    @pytest.mark.parametrize(
        ("source", "destination", "centimes"),
        [(SUSPENSE, RECEIVABLE, -1), (SUSPENSE, SUSPENSE, 1)],
    )
    def test_posting_refuses_an_amount_that_does_not_move(
        self, source: str, destination: str, centimes: int
    ) -> None:
        with pytest.raises(ValueError, match="posting"):
            Posting(source, destination, Money(centimes))


class TestLinesOf:
    @given(POSTINGS)
    def test_lines_of_any_postings_sum_to_zero(self, postings: list[Posting]) -> None:
        lines = sum_by_account(postings)
        assert sum(centimes for _, centimes in lines) == 0
        assert all(centimes for _, centimes in lines)

    def test_lines_of_one_destination_are_one_debit_before_the_credits(self) -> None:
        postings = [
            Posting("a", "r", Money(3)),
            Posting("b", "r", ZERO),
            Posting("c", "r", Money(4)),
        ]
        assert sum_by_account(postings) == [("r", 7), ("a", -3), ("c", -4)]


class TestPostingsToClear:
    @given(POSTINGS)
    def test_postings_to_clear_leave_nothing_in_any_account(self, postings: list[Posting]) -> None:
        cleared = postings_to_clear(balances_of(postings))
        assert set(balances_of([*postings, *cleared]).values()) == {ZERO}

    def test_postings_to_clear_refuses_balances_that_are_not_zero_together(self) -> None:
        with pytest.raises(ValueError, match="zero"):
            postings_to_clear({RECEIVABLE: Money(1)})
