"""The expected state of rights, and the day on which paying everything opens them."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.base.errors import InvalidInput
from app.base.months import Month, months_between
from app.contributions import rights
from app.contributions.rights import RightsState, expected_state, open_after_paying_all

from .rates_files import rates_with

TODAY = date(2026, 11, 23)
LONG_AGO = Month(2022, 3)
MONTHS = st.builds(Month, st.integers(2021, 2035), st.integers(1, 12))


def months(text: str) -> list[Month]:
    """`2026-06..2026-08 2026-11`: every month named."""
    parts = [part.partition("..") for part in text.split()]
    return [
        month
        for first, _, last in parts
        for month in months_between(Month.parse(first), Month.parse(last or first))
    ]


@pytest.mark.parametrize(
    ("unpaid", "state", "opens"),
    [
        ("", RightsState.OPEN, None),
        ("2026-11", RightsState.OPEN, None),
        ("2026-11..2027-02", RightsState.OPEN, None),
        ("2026-10..2026-11", RightsState.OPEN_OVERDUE, None),
        ("2026-09..2026-11", RightsState.OPEN_OVERDUE, None),
        ("2026-08..2026-11", RightsState.SUSPENDED, "2026-12-01"),
        ("2026-05..2026-11", RightsState.SUSPENDED, "2026-12-01"),
        ("2026-04..2026-11", RightsState.CLOSED, "2027-03-01"),
        ("2023-01..2026-11", RightsState.CLOSED, "2027-03-01"),
        # only consecutive months count, in whatever order and however often they are named
        ("2026-06..2026-07 2026-09..2026-10", RightsState.OPEN_OVERDUE, None),
        ("2026-01..2026-06 2026-08..2026-10", RightsState.SUSPENDED, "2026-12-01"),
        ("2025-01..2025-07 2026-10", RightsState.CLOSED, "2027-03-01"),
        ("2026-10 2026-08 2026-09 2026-08", RightsState.SUSPENDED, "2026-12-01"),
        ("2026-10 2026-10 2026-10", RightsState.OPEN_OVERDUE, None),
        # a run goes over the end of a year
        ("2025-11..2026-01", RightsState.SUSPENDED, "2026-12-01"),
    ],
)
def test_expected_state_follows_the_longest_run_of_overdue_months(
    unpaid: str, state: RightsState, opens: str | None
) -> None:
    assert expected_state(LONG_AGO, months(unpaid), True, TODAY) is state
    day = open_after_paying_all(LONG_AGO, months(unpaid), True, TODAY)
    assert day == (opens and date.fromisoformat(opens))


def test_expected_state_counts_a_month_from_the_day_after_its_due_date() -> None:
    unpaid = months("2026-08..2026-10")
    assert expected_state(LONG_AGO, unpaid, True, date(2026, 10, 31)) is RightsState.OPEN_OVERDUE
    assert expected_state(LONG_AGO, unpaid, True, date(2026, 11, 1)) is RightsState.SUSPENDED


@pytest.mark.parametrize(
    ("enrolled", "unpaid", "paid_on", "opens"),
    [
        # in time: the one-month stage
        ("2026-11", "2026-11", "2026-11-23", "2026-12-01"),
        ("2026-11", "2026-11", "2026-11-30", "2026-12-01"),
        # ahead of time
        ("2026-12", "2026-12", "2026-11-23", "2027-01-01"),
        ("2026-12", "", "2026-11-23", "2027-01-01"),
        # late: not before the month after payment
        ("2026-11", "2026-11", "2026-12-01", "2027-01-01"),
        ("2026-10", "2026-10..2026-11", "2026-11-23", "2026-12-01"),
        ("2025-01", "2025-01..2026-11", "2026-11-23", "2026-12-01"),
    ],
)
def test_first_contribution_opens_rights_after_the_stage(
    enrolled: str, unpaid: str, paid_on: str, opens: str
) -> None:
    first, day = Month.parse(enrolled), date.fromisoformat(paid_on)
    assert expected_state(first, months(unpaid), False, day) is RightsState.NOT_YET
    opening = open_after_paying_all(first, months(unpaid), False, day)
    assert opening == date.fromisoformat(opens)


def test_rights_paid_in_the_month_of_enrolment_open_in_the_next() -> None:
    enrolled = Month(2026, 11)
    assert expected_state(enrolled, [], True, TODAY) is RightsState.NOT_YET
    assert open_after_paying_all(enrolled, [], True, TODAY) == date(2026, 12, 1)
    assert expected_state(enrolled, [], True, date(2026, 12, 1)) is RightsState.OPEN


def test_open_after_paying_all_refuses_an_artisan_not_enrolled() -> None:
    assert expected_state(None, [], False, TODAY) is RightsState.NOT_ENROLLED
    with pytest.raises(InvalidInput):
        open_after_paying_all(None, [], False, TODAY)


@pytest.mark.parametrize(
    ("paid_on", "reopens", "opens_again"),
    [
        ("2026-11-01", "2026-12-01", "2027-03-01"),
        ("2026-11-30", "2026-12-01", "2027-03-01"),
        ("2026-12-01", "2027-01-01", "2027-04-01"),
        ("2024-02-29", "2024-03-01", "2024-06-01"),
    ],
)
def test_open_after_paying_all_depends_on_the_month_of_payment(
    paid_on: str, reopens: str, opens_again: str
) -> None:
    day = date.fromisoformat(paid_on)
    this = Month.of(day)
    for late, expected in ((3, reopens), (6, reopens), (7, opens_again)):
        unpaid = [this + -back for back in range(late + 1)]
        opening = open_after_paying_all(LONG_AGO, unpaid, True, day)
        assert opening == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("paid_through", "until"),
    [("2026-10", "2027-01-31"), ("2026-07", "2026-10-31"), ("2023-11", "2024-02-29")],
)
def test_rights_until_follows_the_last_paid_month(paid_through: str, until: str) -> None:
    assert rights.rights_until(Month.parse(paid_through)) == date.fromisoformat(until)
    assert rights.paid_through(date.fromisoformat(until)) == Month.parse(paid_through)


@given(MONTHS)
def test_rights_until_lasts_as_long_as_the_tolerance(paid: Month) -> None:
    until = rights.rights_until(paid)
    assert rights.paid_through(until) == paid
    unpaid = [paid + ahead for ahead in range(1, 12)]
    next_day = until + timedelta(days=1)
    assert expected_state(LONG_AGO + -24, unpaid, True, until) is RightsState.OPEN_OVERDUE
    assert expected_state(LONG_AGO + -24, unpaid, True, next_day) is RightsState.SUSPENDED


@given(st.sets(MONTHS), st.dates(date(2022, 5, 1), date(2036, 1, 1)))
def test_rights_open_after_the_payment_or_were_never_closed(unpaid: set[Month], on: date) -> None:
    opening = open_after_paying_all(LONG_AGO, sorted(unpaid), True, on)
    state = expected_state(LONG_AGO, sorted(unpaid), True, on)
    assert (opening is None) == (state in (RightsState.OPEN, RightsState.OPEN_OVERDUE))
    assert opening is None or (opening > on and opening.day == 1)


def test_expected_state_follows_other_rates(tmp_path: Path) -> None:
    rates = rates_with(
        tmp_path,
        tolerated_months=1,
        closed_after_months=3,
        stage_months=2,
        overdue_first_months=3,
        reopening_months=2,
        wait_months=5,
    )
    two, four, first = months("2026-09..2026-10"), months("2026-07..2026-10"), Month(2026, 11)
    assert expected_state(LONG_AGO, two, True, TODAY, rates) is RightsState.SUSPENDED
    assert open_after_paying_all(LONG_AGO, two, True, TODAY, rates) == date(2027, 1, 1)
    assert expected_state(LONG_AGO, four, True, TODAY, rates) is RightsState.CLOSED
    assert open_after_paying_all(LONG_AGO, four, True, TODAY, rates) == date(2027, 5, 1)
    assert open_after_paying_all(first, [first], False, TODAY, rates) == date(2027, 1, 1)
    late = first + -1
    assert open_after_paying_all(late, [late], False, TODAY, rates) == date(2027, 2, 1)
    assert rights.rights_until(Month(2026, 10), rates) == date(2026, 12, 31)


def test_overdue_first_contribution_still_waits_for_the_stage(tmp_path: Path) -> None:
    rates = rates_with(tmp_path, stage_months=3)
    late = Month(2026, 10)
    assert open_after_paying_all(late, [late], False, TODAY, rates) == date(2027, 1, 1)


def test_first_contribution_on_its_due_date_is_not_overdue(tmp_path: Path) -> None:
    rates = rates_with(tmp_path, due={"months_after": 1, "day": 10})
    first = Month(2026, 11)
    for day, opens in ((10, date(2026, 12, 1)), (11, date(2027, 1, 1))):
        opening = open_after_paying_all(first, [first], False, date(2026, 12, day), rates)
        assert opening == opens


def test_rights_until_may_leave_out_the_tolerated_months(tmp_path: Path) -> None:
    rates = rates_with(tmp_path, rights_until_tolerates="no")
    assert rights.rights_until(Month(2026, 10), rates) == date(2026, 11, 30)
    assert rights.paid_through(date(2026, 11, 30), rates) == Month(2026, 10)
