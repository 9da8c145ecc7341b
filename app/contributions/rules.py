"""What a month costs, when it is due and what a set of months comes to: domain.md section 2.

Pure: the same question always has the same answer. `rates` is for asking "what if".
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from app.base.errors import InvalidInput
from app.base.money import ZERO, Money, total
from app.base.months import Month, months_between
from app.contributions import penalties
from app.contributions.errors import NotCollectedHere
from app.contributions.rates import RATES, Category, Rates

# Further apart is a typing mistake, and would be counted month by month.
_LONGEST_REACH = 50 * 12
_YEARS = range(1900, 3000)

_PAID_ELSEWHERE = {
    "tax_administration": "pays_with_cpu",
    "auto_entrepreneur_tax": "pays_with_tax",
}

# A month and the day on which it was paid.
PaidLate = tuple[Month, date]


@dataclass(frozen=True, slots=True)
class ContributionLine:
    """One month's contribution: when it is due, what it costs, what being late adds."""

    period: Month
    due_on: date
    amount: Money
    penalty: Money

    @property
    def total(self) -> Money:
        return self.amount + self.penalty


@dataclass(frozen=True, slots=True)
class Quote:
    """What a set of months costs when paid together on one day, the oldest month first."""

    lines: tuple[ContributionLine, ...]

    @property
    def amount(self) -> Money:
        return total([line.amount for line in self.lines])

    @property
    def penalty(self) -> Money:
        return total([line.penalty for line in self.lines])

    @property
    def total(self) -> Money:
        return self.amount + self.penalty

    @property
    def periods(self) -> tuple[Month, ...]:
        return tuple(line.period for line in self.lines)


def monthly_amount(coefficient: Decimal, month: Month, rates: Rates = RATES) -> Money:
    """The contribution for `month`; InvalidInput when no category has such a coefficient."""
    if not (coefficient.is_finite() and 0 < coefficient <= rates.scale_bounds[1]):
        why = f"not a number above 0 and up to {rates.scale_bounds[1]}"
        raise InvalidInput(what="coefficient", why=why)
    return _monthly_amount(coefficient, month, rates)


@lru_cache(maxsize=4096)
def _monthly_amount(coefficient: Decimal, month: Month, rates: Rates) -> Money:
    base = rates.smig.at(month) * rates.hours_a_month.at(month) * coefficient
    return rates.rounded(base * rates.contribution_percent.at(month) / 100, month)


def due_on(month: Month, rates: Rates = RATES) -> date:
    """The last day on which the contribution for `month` costs no penalty."""
    return _due_and_late(month, rates)[0]


@lru_cache(maxsize=4096)
def _due_and_late(period: Month, rates: Rates) -> tuple[date, date]:
    """The due date, and the day on which the first late month starts."""
    rule = rates.due.at(period)
    last = (period + rule.months_after).last_day
    due = last if rule.day == "last" else last.replace(day=min(rule.day, last.day))
    return due, due + timedelta(days=1)


def quote(
    coefficient: Decimal,
    periods: Sequence[Month],
    on: date,
    rates: Rates = RATES,
    *,
    earlier: Collection[PaidLate] = (),
) -> Quote:
    """What `periods` cost when paid on `on`, a day in Morocco.

    `earlier` is what was paid late before: its penalties have used up part of each year's cap,
    so that paying in parts never costs more than paying at once.
    InvalidInput when the periods are not in order or named twice, lie more than 50 years from
    `on`, or the coefficient is none.
    """
    _check(periods, on)
    return _quote(coefficient, tuple(periods), on, rates, tuple(earlier))


# The same caller asks several times in a talk, and many callers owe the same.
@lru_cache(maxsize=256)
def _quote(
    coefficient: Decimal,
    periods: tuple[Month, ...],
    on: date,
    rates: Rates,
    earlier: tuple[PaidLate, ...],
) -> Quote:
    amounts = [monthly_amount(coefficient, period, rates) for period in periods]
    days = [_due_and_late(period, rates) for period in periods]
    accruals = (
        penalties.accrued(amount, late, penalties.late_months(late, on), rates)
        for amount, (_, late) in zip(amounts, days, strict=True)
    )
    added = penalties.capped(
        accruals,
        lambda year: _penalty_cap(coefficient, year, on, rates),
        each=rates.penalty_cap_over.at(Month.of(on)) == "each",
        used=_cap_used(coefficient, earlier, rates),
    )
    lines = zip(periods, days, amounts, added, strict=True)
    return Quote(
        tuple(
            ContributionLine(period, due, amount, more) for period, (due, _), amount, more in lines
        )
    )


def _cap_used(
    coefficient: Decimal, earlier: Collection[PaidLate], rates: Rates
) -> dict[int, Money]:
    """What earlier payments took of each calendar year's cap, in the order they were made."""
    used: dict[int, Money] = {}
    for period, paid_on in sorted(earlier, key=lambda paid: (paid[1], paid[0])):
        late = _due_and_late(period, rates)[1]
        amount = monthly_amount(coefficient, period, rates)
        months = penalties.late_months(late, paid_on)
        for year, accrues in penalties.accrued(amount, late, months, rates):
            before = used.get(year, ZERO)
            cap = _penalty_cap(coefficient, year, paid_on, rates)
            used[year] = before + min(accrues, max(ZERO, cap - before))
    return used


def _check(periods: Sequence[Month], on: date) -> None:
    if any(earlier >= later for earlier, later in pairwise(periods)):
        raise InvalidInput(what="periods", why="not in order, or one named twice")
    if not periods:
        return
    first, last, paid = periods[0], periods[-1], Month.of(on)
    if first.year not in _YEARS or last.year not in _YEARS:
        raise InvalidInput(what="periods", why=f"not from {_YEARS[0]} to {_YEARS[-1]}")
    if last - first > _LONGEST_REACH:
        raise InvalidInput(what="periods", why="more than 50 years from first to last")
    if paid - first > _LONGEST_REACH or last - paid > _LONGEST_REACH:
        raise InvalidInput(what="on", why="more than 50 years from a month to be paid")


def _penalty_cap(coefficient: Decimal, year: int, on: date, rates: Rates) -> Money:
    """The most that a calendar year's penalties come to when paid on `on`."""
    month = Month.of(on) if year == on.year else Month(year, 12)
    contribution = Decimal(monthly_amount(coefficient, month, rates).centimes)
    return rates.rounded(contribution * rates.penalty_cap_contributions.at(month) / 100, month)


def last_unchanged_day(
    coefficient: Decimal,
    periods: Sequence[Month],
    on: date,
    days: int,
    rates: Rates = RATES,
    *,
    earlier: Collection[PaidLate] = (),
) -> date:
    """The last day, at most `days` after `on`, up to which the quote's total stays that of `on`."""
    if days < 0:
        raise InvalidInput(what="days", why="below 0")
    now = quote(coefficient, periods, on, rates, earlier=earlier).total
    # A total moves when a late month starts, or when a new month brings another cap.
    turning = {1, *(_due_and_late(period, rates)[1].day for period in periods)}
    for day in (on + timedelta(days=ahead) for ahead in range(1, days + 1)):
        if day.day not in turning:
            continue
        if quote(coefficient, periods, day, rates, earlier=earlier).total != now:
            return day - timedelta(days=1)
    return on + timedelta(days=days)


def unpaid_periods(first: Month, settled: Collection[Month], last: Month) -> tuple[Month, ...]:
    """The months from `first` to `last`, both included, that are not settled, in order."""
    return tuple(month for month in months_between(first, last) if month not in settled)


def is_collected_here(category: str, rates: Rates = RATES) -> bool:
    """True if payment codes pay this category.

    Raises: InvalidInput if there is no such category.
    """
    return get_category(category, rates).is_collected_here


def coefficient_of(category: str, coefficient: Decimal | None, rates: Rates = RATES) -> Decimal:
    """What multiplies the base: the category's own, or else the artisan's `coefficient`.

    NotCollectedHere for a category that pays elsewhere; InvalidInput when the artisan's own is
    needed and missing, or outside the scale.
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
    """The category of that letter. Raises: InvalidInput if there is none."""
    if letter not in rates.categories:
        raise InvalidInput(what="category", why=f"none of {', '.join(rates.categories)}")
    return rates.categories[letter]


def paid_elsewhere(category: str, rates: Rates = RATES) -> str:
    """The name of the way to pay a category that payment codes do not pay.

    Menus name their outcome so, and words end their key so: `pays_with_cpu`, `pays_with_tax`.
    Raises: InvalidInput if codes pay it, or there is no such category.
    """
    collector = get_category(category, rates).collector
    if collector not in _PAID_ELSEWHERE:
        raise InvalidInput(what="category", why=f"{category} is paid here")
    return _PAID_ELSEWHERE[collector]


def quarterly_duty(annual_tax: Money, month: Month, rates: Rates = RATES) -> Money:
    """What a category without a coefficient owes a quarter, by the band of its annual tax."""
    if annual_tax.centimes < 0:
        raise InvalidInput(what="annual_tax", why="below 0")
    tax = Decimal(annual_tax.centimes) / 100
    band = next(band for band in rates.quarterly_duty.at(month) if band.holds(tax))
    return rates.rounded(band.duty, month)


def scheme_from(month: Month, rates: Rates = RATES) -> Month:
    """The first month for which anybody owes a contribution, as known in `month`."""
    return rates.scheme_from.at(month)


def code_validity_days(month: Month, rates: Rates = RATES) -> int:
    """The longest a payment code made in `month` lives, in days."""
    return rates.code_validity_days.at(month)
