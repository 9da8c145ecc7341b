"""Laws that hold for any months and any day, and a slow calculation of every quote."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

from hypothesis import given, settings
from hypothesis import strategies as st

from app.base.money import Money, total
from app.base.months import Month, months_between
from app.contributions import rules

COEFFICIENTS = st.sampled_from([Decimal("0.75"), Decimal("3.2"), *map(Decimal, range(1, 7))])
MONTHS = st.builds(Month, st.integers(2020, 2028), st.integers(1, 12))
PERIODS = st.sets(MONTHS, min_size=1, max_size=30).map(sorted)
RANGES = st.builds(
    lambda first, length: list(months_between(first, first + length)), MONTHS, st.integers(0, 40)
)
SOME = PERIODS | RANGES
DAYS = st.dates(date(2019, 6, 1), date(2033, 12, 31))

unhurried = settings(deadline=None)


def dates_in(first: date, last: date) -> list[date]:
    return [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]


# The second opinion: days are walked one by one and nothing but fractions is used.


def wage(year: int, month: int) -> Fraction:
    steps = [(2022, 9), (2023, 9), (2025, 1), (2026, 1)]
    wages = ["14.81", "15.55", "16.29", "17.10", "17.92"]
    return Fraction(wages[sum((year, month) >= step for step in steps)])


def to_centime(amount: Fraction) -> Fraction:
    return Fraction(floor(amount * 100 + Fraction(1, 2)), 100)


def contribution(coefficient: Decimal, year: int, month: int) -> Fraction:
    return to_centime(Fraction("0.0637") * Fraction(coefficient) * wage(year, month) * 191)


def calculate_slowly(coefficient: Decimal, periods: list[Month], on: date) -> list[Fraction]:
    """The penalty of each period."""
    owed = dict.fromkeys(periods, Fraction(0))
    for year in range(2019, on.year + 1):
        payment = (on.year, on.month) if year == on.year else (year, 12)
        room = contribution(coefficient, *payment)
        # With the due date on a month's last day, late months begin on the 1sts that follow.
        firsts = [d for d in dates_in(date(year, 1, 1), min(on, date(year, 12, 31))) if d.day == 1]
        for period in periods:
            late = sum((d.year, d.month) > (period.year, period.month) for d in firsts)
            one = contribution(coefficient, period.year, period.month)
            taken = min(to_centime(one * late / 100), room)
            owed[period] += taken
            room -= taken
    return list(owed.values())


@unhurried
@given(COEFFICIENTS, SOME, DAYS)
def test_quote_equals_a_slow_calculation(
    coefficient: Decimal, periods: list[Month], on: date
) -> None:
    quote = rules.quote(coefficient, periods, on)
    expected = calculate_slowly(coefficient, periods, on)
    assert [Fraction(str(line.penalty)) for line in quote.lines] == expected
    for line in quote.lines:
        month = contribution(coefficient, line.month.year, line.month.month)
        assert Fraction(str(line.amount)) == month


@unhurried
@given(COEFFICIENTS, SOME, DAYS, DAYS)
def test_quote_never_falls_when_paid_later(
    coefficient: Decimal, periods: list[Month], one: date, other: date
) -> None:
    sooner = rules.quote(coefficient, periods, min(one, other))
    later = rules.quote(coefficient, periods, max(one, other))
    assert sooner.total <= later.total
    assert sooner.amount == later.amount


@unhurried
@given(COEFFICIENTS, SOME, DAYS)
def test_penalties_of_a_calendar_year_stay_under_its_cap(
    coefficient: Decimal, periods: list[Month], on: date
) -> None:
    # What a year adds is what is owed at its end, or today, beyond what the year before left.
    before = Money(0)
    for year in range(periods[0].year, on.year + 1):
        day = min(on, date(year, 12, 31))
        owed = rules.quote(coefficient, periods, day).penalty
        assert owed - before <= rules.monthly_amount(coefficient, Month.of(day))
        before = owed


@unhurried
@given(COEFFICIENTS, SOME, DAYS)
def test_quote_is_the_sum_of_its_months(
    coefficient: Decimal, periods: list[Month], on: date
) -> None:
    together = rules.quote(coefficient, periods, on)
    alone = [rules.quote(coefficient, [period], on) for period in periods]
    assert together.amount == total([quote.amount for quote in alone])
    assert together.total == total([line.total for line in together.lines])
    assert together.months == tuple(periods)


@unhurried
@given(COEFFICIENTS, SOME, DAYS)
def test_penalty_of_a_month_alone_is_between_its_share_and_the_whole(
    coefficient: Decimal, periods: list[Month], on: date
) -> None:
    together = rules.quote(coefficient, periods, on)
    for line in together.lines:
        alone = rules.quote(coefficient, [line.month], on).penalty
        assert line.penalty <= alone <= together.penalty


@unhurried
@given(COEFFICIENTS, SOME, DAYS)
def test_penalty_begins_the_day_after_the_due_date(
    coefficient: Decimal, periods: list[Month], on: date
) -> None:
    for period in periods:
        assert not rules.quote(coefficient, [period], min(on, rules.due_on(period))).penalty
        late = rules.due_on(period) + timedelta(days=1)
        assert rules.quote(coefficient, [period], max(on, late)).penalty


@unhurried
@given(COEFFICIENTS, SOME, DAYS, st.integers(0, 70))
def test_total_is_unchanged_until_the_last_unchanged_day(
    coefficient: Decimal, periods: list[Month], on: date, days: int
) -> None:
    now = rules.quote(coefficient, periods, on).total
    last = on
    for day in dates_in(on, on + timedelta(days=days)):
        if rules.quote(coefficient, periods, day).total != now:
            break
        last = day
    assert rules.last_unchanged_day(coefficient, periods, on, days) == last
