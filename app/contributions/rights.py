"""Computes the rights that CNSS should grant for payments (docs/rules.md, Rights). Pure.

CNSS decides; these are expectations, shown beside its last word. They use only the months unpaid
today, so they do not include a wait after a payment.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from functools import lru_cache

from app.base.errors import InvalidInput
from app.base.months import Month
from app.contributions.rates import RATES, Rates
from app.contributions.rules import due_on


class RightsState(StrEnum):
    OPEN = "open"
    OPEN_OVERDUE = "open_overdue"
    """Open with a warning: one or two months are overdue."""
    SUSPENDED = "suspended"
    """Suspended: three to six consecutive months are overdue."""
    CLOSED = "closed"
    """Closed: more than six consecutive months are overdue."""
    NOT_YET = "not_yet"
    """Not open yet: nothing was paid, or the stage after the first contribution is not over."""
    NOT_ENROLLED = "not_enrolled"


def expected_state(
    enrolled: Month | None,
    unpaid: Sequence[Month],
    ever_paid: bool,
    on: date,
    rates: Rates = RATES,
) -> RightsState:
    """Returns the state on `on`, from the longest run of consecutive overdue months."""
    return _expected_state(enrolled, tuple(unpaid), ever_paid, on, rates)


# Cached, because a dialogue needs it several times, and many artisans owe the same.
@lru_cache(maxsize=1024)
def _expected_state(
    enrolled: Month | None, unpaid: tuple[Month, ...], ever_paid: bool, on: date, rates: Rates
) -> RightsState:
    if enrolled is None:
        return RightsState.NOT_ENROLLED
    month = Month.of(on)
    if not ever_paid or month < enrolled + rates.stage_months.at(enrolled):
        return RightsState.NOT_YET
    overdue = _find_longest_run(month for month in unpaid if due_on(month, rates) < on)
    if overdue > rates.closed_after_months.at(month):
        return RightsState.CLOSED
    if overdue > rates.tolerated_months.at(month):
        return RightsState.SUSPENDED
    return RightsState.OPEN_OVERDUE if overdue else RightsState.OPEN


def _find_longest_run(months: Iterable[Month]) -> int:
    longest = run = 0
    previous: Month | None = None
    for month in sorted(set(months)):
        run = run + 1 if previous is not None and month - previous == 1 else 1
        longest, previous = max(longest, run), month
    return longest


def open_after_paying_all(
    enrolled: Month | None,
    unpaid: Sequence[Month],
    ever_paid: bool,
    paid_on: date,
    rates: Rates = RATES,
) -> date | None:
    """Returns the day rights open if everything due is paid on `paid_on`; None if they stay open.

    Raises: InvalidInput if the artisan is not enrolled, and so has nothing to pay.
    """
    if enrolled is None:
        raise InvalidInput(what="enrolled", why="not enrolled: no contribution opens rights yet")
    paid = Month.of(paid_on)
    match expected_state(enrolled, unpaid, ever_paid, paid_on, rates):
        case RightsState.NOT_YET:
            first = enrolled if ever_paid else min(unpaid, default=enrolled)
            return _find_first_opening(first, paid_on, ever_paid, rates).first_day
        case RightsState.SUSPENDED:
            return (paid + rates.reopening_months.at(paid)).first_day
        case RightsState.CLOSED:
            return (paid + 1 + rates.wait_months.at(paid)).first_day
    return None


def _find_first_opening(first: Month, paid_on: date, already: bool, rates: Rates) -> Month:
    """Returns the month in which the first contribution, for `first`, opens rights."""
    opening = first + rates.stage_months.at(first)
    if already or paid_on <= due_on(first, rates):
        return opening
    paid = Month.of(paid_on)
    return max(opening, paid + rates.overdue_first_months.at(paid))


def paid_through(rights_until: date, rates: Rates = RATES) -> Month:
    """Returns the last paid month that follows from rights until `rights_until` (ASM)."""
    last = Month.of(rights_until)
    return last + -_months_outlasted(last, rates)


def rights_until(paid_through: Month, rates: Rates = RATES) -> date:
    """Returns the last day of rights if every month up to `paid_through` is paid (ASM)."""
    return (paid_through + _months_outlasted(paid_through, rates)).last_day


def _months_outlasted(month: Month, rates: Rates) -> int:
    # One month is added because the month after the last paid one is overdue only once it is over.
    tolerates = rates.rights_until_tolerates.at(month)
    return 1 + (rates.tolerated_months.at(month) if tolerates else 0)
