"""Penalties on overdue contributions (docs/rules.md, Penalty). Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import count, islice

from app.base.money import ZERO, Money
from app.base.months import Month
from app.contributions.rates import Rates

# The penalty of one contribution by calendar year, the earliest first.
Accrual = tuple[tuple[int, Money], ...]


def overdue_months(first: date, on: date) -> int:
    """Returns how many overdue months have started by `on`, if the first one starts on `first`."""
    if on < first:
        return 0
    return Month.of(on) - Month.of(first) + (on.day >= first.day)


@lru_cache(maxsize=4096)
def accrue_penalty(amount: Money, first: date, months: int, rates: Rates) -> Accrual:
    """Returns the penalty on `amount` for `months` overdue months, rounded once a calendar year."""
    return tuple(
        (year, rates.rounded(Decimal(amount.centimes) * percent / 10_000, Month.of(first)))
        for year, percent in _sum_percents(first, months, rates)
    )


# Cached for itself: contributions of every amount are overdue for the same months.
@lru_cache(maxsize=4096)
def _sum_percents(first: date, months: int, rates: Rates) -> tuple[tuple[int, Decimal], ...]:
    """Returns the percents of overdue months that began on `first`, by calendar year."""
    # An overdue month is complete when the next one starts.
    uncounted = 1 if rates.penalty_counts.at(Month.of(first)) == "complete" else 0
    percents: dict[int, Decimal] = {}
    for start in islice(_months_from(first), uncounted, max(uncounted, months)):
        percent = rates.penalty_percent.at(Month.of(start))
        percents[start.year] = percents.get(start.year, Decimal(0)) + percent
    return tuple(percents.items())


def cap_penalties(
    accruals: Iterable[Accrual],
    cap_of: Callable[[int], Money],
    each: bool,
    used: Mapping[int, Money],
) -> list[Money]:
    """Returns each contribution's penalty under a cap per calendar year.

    The first contributions use the cap up. `used` is the part of each year's cap that earlier
    payments used. With `each`, every contribution has a whole cap of its own.
    """
    left: dict[int, int] = {}
    penalties = []
    for accrual in accruals:
        # In centimes: a quote of years takes hundreds of steps.
        penalty = 0
        for year, accrues in accrual:
            if each:
                left[year] = cap_of(year).centimes
            elif year not in left:
                left[year] = max(0, (cap_of(year) - used.get(year, ZERO)).centimes)
            part = min(accrues.centimes, left[year])
            left[year] -= part
            penalty += part
        penalties.append(Money(penalty))
    return penalties


def _months_from(first: date) -> Iterator[date]:
    """Yields the days on which overdue months start: `first`, and the same day of later months.

    A month without that day begins on the 1st of the next: 31 January, 1 March, 31 March.
    """
    for step in count():
        month = Month.of(first) + step
        if first.day <= month.last_day.day:
            yield month.first_day.replace(day=first.day)
        else:
            yield (month + 1).first_day
