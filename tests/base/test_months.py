"""A period is read, walked, measured and written like the months it spans."""

import pytest

from app.base.errors import InvalidInput
from app.base.months import Month, Period

AUGUST, NOVEMBER = Month(2026, 8), Month(2026, 11)
SPAN = Period(AUGUST, NOVEMBER)


def test_period_holds_its_months_both_ends_included() -> None:
    assert list(SPAN) == [AUGUST, AUGUST + 1, AUGUST + 2, NOVEMBER]
    assert len(SPAN) == 4
    assert AUGUST in SPAN and NOVEMBER in SPAN
    assert AUGUST + -1 not in SPAN and NOVEMBER + 1 not in SPAN


def test_period_across_a_year_counts_every_month() -> None:
    assert len(Period(Month(2025, 12), Month(2027, 1))) == 14


def test_period_spanning_months_runs_from_the_first_to_the_last() -> None:
    assert Period.spanning([AUGUST, NOVEMBER]) == SPAN


def test_period_is_written_as_one_month_or_as_two() -> None:
    assert str(Period(AUGUST, AUGUST)) == "2026-08"
    assert str(SPAN) == "2026-08 - 2026-11"


def test_period_refuses_a_last_month_before_its_first() -> None:
    with pytest.raises(InvalidInput):
        Period(NOVEMBER, AUGUST)
