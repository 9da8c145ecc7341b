"""Amounts, due dates and quotes of contributions (docs/rules.md, Amount to Penalty). Pure.

The functions use the rates in force, unless a caller passes others to see their effect.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import pairwise

from app.base.errors import InvalidInput
from app.base.money import ZERO, Money, total
from app.base.months import Month, Period, months_between
from app.contributions import penalties
from app.contributions.errors import NotCollectedHere
from app.contributions.rates import RATES, Category, Rates

# Months further apart are a typing mistake, and computing them one by one would take long.
_MOST_MONTHS_APART = 50 * 12
_YEARS = range(1900, 3000)

_PAID_ELSEWHERE = {
    "tax_administration": "pays_with_cpu",
    "auto_entrepreneur_tax": "pays_with_tax",
}

# A month paid after its due date, and the day of payment.
PaidOverdue = tuple[Month, date]


@dataclass(frozen=True, slots=True)
class ContributionLine:
    """The contribution for one month: its due date, its amount, and its penalty."""

    month: Month
    due_on: date
    amount: Money
    penalty: Money

    @property
    def total(self) -> Money:
        return self.amount + self.penalty


@dataclass(frozen=True)
class Quote:
    """The cost of a set of months paid together on one day, the oldest month first.

    Its sums are computed once: many artisans owe the same.
    """

    lines: tuple[ContributionLine, ...]

    @cached_property
    def amount(self) -> Money:
        return total([line.amount for line in self.lines])

    @cached_property
    def penalty(self) -> Money:
        return total([line.penalty for line in self.lines])

    @cached_property
    def total(self) -> Money:
        return self.amount + self.penalty

    @cached_property
    def months(self) -> tuple[Month, ...]:
        return tuple(line.month for line in self.lines)

    @property
    def period(self) -> Period:
        """The period from the first month to the last. Raises: IndexError without any month."""
        return Period.spanning(self.months)


@dataclass(frozen=True, slots=True)
class _Deadline:
    """A contribution's due date, and the day on which its first overdue month starts."""

    due_on: date
    overdue_from: date


def monthly_amount(coefficient: Decimal, month: Month, rates: Rates = RATES) -> Money:
    """Returns the contribution for `month`.

    Raises: InvalidInput if no category can have such a coefficient.
    """
    if not (coefficient.is_finite() and 0 < coefficient <= rates.scale_bounds[1]):
        why = f"not a number above 0 and up to {rates.scale_bounds[1]}"
        raise InvalidInput(what="coefficient", why=why)
    return _monthly_amount(coefficient, month, rates)


@lru_cache(maxsize=4096)
def _monthly_amount(coefficient: Decimal, month: Month, rates: Rates) -> Money:
    base = rates.smig.at(month) * rates.hours_a_month.at(month) * coefficient
    return rates.rounded(base * rates.contribution_percent.at(month) / 100, month)


def due_on(month: Month, rates: Rates = RATES) -> date:
    """Returns the last day on which the contribution for `month` costs no penalty."""
    return _find_deadline(month, rates).due_on


@lru_cache(maxsize=4096)
def _find_deadline(month: Month, rates: Rates) -> _Deadline:
    rule = rates.due.at(month)
    last = (month + rule.months_after).last_day
    due = last if rule.day == "last" else last.replace(day=min(rule.day, last.day))
    return _Deadline(due_on=due, overdue_from=due + timedelta(days=1))


def quote(
    coefficient: Decimal,
    months: Sequence[Month],
    on: date,
    rates: Rates = RATES,
    *,
    earlier: Collection[PaidOverdue] = (),
) -> Quote:
    """Quotes `months` as paid on `on`, a day in Morocco.

    `earlier` are the overdue months paid before. Their penalties count against each year's cap, so
    that paying in parts never costs more than paying at once.

    Raises: InvalidInput if the months are not in order or named twice, or lie more than 50 years
    from `on`, or no category can have the coefficient.
    """
    return _quote_months(coefficient, tuple(months), on, rates, tuple(earlier))


# Cached, because a dialogue needs a quote several times, and many artisans owe the same.
@lru_cache(maxsize=256)
def _quote_months(
    coefficient: Decimal,
    months: tuple[Month, ...],
    on: date,
    rates: Rates,
    earlier: tuple[PaidOverdue, ...],
) -> Quote:
    _check_months(months, on)
    amounts = [monthly_amount(coefficient, month, rates) for month in months]
    deadlines = [_find_deadline(month, rates) for month in months]
    accruals = (
        _accrue_until(on, amount, deadline.overdue_from, rates)
        for amount, deadline in zip(amounts, deadlines, strict=True)
    )
    added = penalties.cap_penalties(
        accruals,
        lambda year: _penalty_cap(coefficient, year, on, rates),
        each=rates.penalty_cap_over.at(Month.of(on)) == "each",
        used=_sum_cap_used(coefficient, earlier, rates),
    )
    lines = zip(months, deadlines, amounts, added, strict=True)
    return Quote(
        tuple(
            _make_line(month, deadline.due_on, amount, penalty)
            for month, deadline, amount, penalty in lines
        )
    )


# Cached, because quotes that are kept share most of their lines: 1 MB less for 300 of them.
@lru_cache(maxsize=4096)
def _make_line(month: Month, due: date, amount: Money, penalty: Money) -> ContributionLine:
    return ContributionLine(month, due, amount, penalty)


def _accrue_until(on: date, amount: Money, overdue_from: date, rates: Rates) -> penalties.Accrual:
    months = penalties.overdue_months(overdue_from, on)
    return penalties.accrue_penalty(amount, overdue_from, months, rates)


def _sum_cap_used(
    coefficient: Decimal, earlier: Collection[PaidOverdue], rates: Rates
) -> dict[int, Money]:
    """Returns the part of each calendar year's cap used by earlier payments, in their order."""
    used: dict[int, Money] = {}
    for month, paid_on in sorted(earlier, key=lambda paid: (paid[1], paid[0])):
        amount = monthly_amount(coefficient, month, rates)
        overdue_from = _find_deadline(month, rates).overdue_from
        for year, accrues in _accrue_until(paid_on, amount, overdue_from, rates):
            before = used.get(year, ZERO)
            cap = _penalty_cap(coefficient, year, paid_on, rates)
            used[year] = before + min(accrues, max(ZERO, cap - before))
    return used


def _check_months(months: Sequence[Month], on: date) -> None:
    if any(earlier >= later for earlier, later in pairwise(months)):
        raise InvalidInput(what="periods", why="not in order, or one named twice")
    if not months:
        return
    first, last, paid = months[0], months[-1], Month.of(on)
    if first.year not in _YEARS or last.year not in _YEARS:
        raise InvalidInput(what="periods", why=f"not from {_YEARS[0]} to {_YEARS[-1]}")
    if last - first > _MOST_MONTHS_APART:
        raise InvalidInput(what="periods", why="more than 50 years from first to last")
    if paid - first > _MOST_MONTHS_APART or last - paid > _MOST_MONTHS_APART:
        raise InvalidInput(what="on", why="more than 50 years from a month to be paid")


@lru_cache(maxsize=1024)
def _penalty_cap(coefficient: Decimal, year: int, on: date, rates: Rates) -> Money:
    """Returns the cap on a calendar year's penalties when paid on `on`."""
    month = Month.of(on) if year == on.year else Month(year, 12)
    contribution = Decimal(monthly_amount(coefficient, month, rates).centimes)
    return rates.rounded(contribution * rates.penalty_cap_contributions.at(month) / 100, month)


def last_unchanged_day(
    coefficient: Decimal,
    months: Sequence[Month],
    on: date,
    days: int,
    rates: Rates = RATES,
    *,
    earlier: Collection[PaidOverdue] = (),
) -> date:
    """Returns the last day, at most `days` after `on`, on which the quote's total is unchanged.

    Raises: InvalidInput as `quote` does, or if `days` is below 0.
    """
    if days < 0:
        raise InvalidInput(what="days", why="below 0")
    return _find_last_unchanged_day(coefficient, tuple(months), on, days, rates, tuple(earlier))


# Cached as the quotes are: each code asks, and so the quotes of other days need no place.
@lru_cache(maxsize=2048)
def _find_last_unchanged_day(
    coefficient: Decimal,
    months: tuple[Month, ...],
    on: date,
    days: int,
    rates: Rates,
    earlier: tuple[PaidOverdue, ...],
) -> date:
    now = quote(coefficient, months, on, rates, earlier=earlier).total
    # The total changes when an overdue month starts, or when a new month has another cap.
    change_days = {1, *(_find_deadline(month, rates).overdue_from.day for month in months)}
    for day in (on + timedelta(days=ahead) for ahead in range(1, days + 1)):
        if day.day not in change_days:
            continue
        if quote(coefficient, months, day, rates, earlier=earlier).total != now:
            return day - timedelta(days=1)
    return on + timedelta(days=days)


def months_without(settled: Collection[Month], first: Month, last: Month) -> tuple[Month, ...]:
    """Returns the months from `first` to `last`, both included, that are not settled, in order."""
    months = months_between(first, last)
    return tuple([month for month in months if month not in settled]) if settled else months


def is_collected_here(category: str, rates: Rates = RATES) -> bool:
    """True if payment codes pay this category.

    Raises: InvalidInput if there is no such category.
    """
    return get_category(category, rates).is_collected_here


def coefficient_of(category: str, coefficient: Decimal | None, rates: Rates = RATES) -> Decimal:
    """Returns the category's own coefficient, or else the artisan's `coefficient`.

    Raises: NotCollectedHere if the category is paid elsewhere; InvalidInput if the artisan's own
    is needed and missing, or outside the scale.
    """
    rule = get_category(category, rates)
    if not rule.is_collected_here:
        raise NotCollectedHere(category=category, collector=rule.collector)
    if rule.coefficient is not None:
        return rule.coefficient
    low, high = rates.scale_bounds
    if coefficient is None or not (coefficient.is_finite() and low <= coefficient <= high):
        why = f"category {category} needs one from {low} to {high}"
        raise InvalidInput(what="coefficient", why=why)
    return coefficient


def get_category(letter: str, rates: Rates = RATES) -> Category:
    """Returns the category of that letter. Raises: InvalidInput if there is none."""
    if letter not in rates.categories:
        raise InvalidInput(what="category", why=f"none of {', '.join(rates.categories)}")
    return rates.categories[letter]


def paid_elsewhere(category: str, rates: Rates = RATES) -> str:
    """Returns `pays_with_cpu` or `pays_with_tax` for a category that payment codes do not pay.

    These are outcomes in the menus and endings of keys in the words.

    Raises: InvalidInput if codes pay it, or there is no such category.
    """
    collector = get_category(category, rates).collector
    if collector not in _PAID_ELSEWHERE:
        raise InvalidInput(what="category", why=f"{category} is paid here")
    return _PAID_ELSEWHERE[collector]


def quarterly_duty(annual_tax: Money, month: Month, rates: Rates = RATES) -> Money:
    """Returns the duty of a quarter, by the band of the annual tax.

    Raises: InvalidInput if the tax is below 0.
    """
    if annual_tax.centimes < 0:
        raise InvalidInput(what="annual_tax", why="below 0")
    tax = Decimal(annual_tax.centimes) / 100
    band = next(band for band in rates.quarterly_duty.at(month) if band.holds(tax))
    return rates.rounded(band.duty, month)


def scheme_from(month: Month, rates: Rates = RATES) -> Month:
    """Returns the first month for which anybody owes contributions, by the rates of `month`."""
    return rates.scheme_from.at(month)


def code_validity_days(month: Month, rates: Rates = RATES) -> int:
    """Returns how many days a payment code issued in `month` is valid at most."""
    return rates.code_validity_days.at(month)
