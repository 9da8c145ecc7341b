"""Computes the months an artisan has to pay, from CNSS's last word and the deposits. Pure."""

from collections.abc import Collection, Iterable
from datetime import date
from functools import lru_cache

from app.base.money import Money
from app.base.months import Month
from app.contributions.rights import paid_through
from app.contributions.rules import (
    Quote,
    coefficient_of,
    is_collected_here,
    monthly_amount,
    months_without,
    quote,
    scheme_from,
)
from app.enrolment.queries import Artisan
from app.payments.queries import PaymentAccount

# Months after the current one that may be paid ahead.
MOST_AHEAD = 12


def first_owed_month(artisan: Artisan) -> Month | None:
    """Returns the first month that CNSS's last word does not cover; None if not enrolled.

    No contribution is owed before the month of enrolment (docs/rules.md, Due date).
    """
    return _find_first_owed(artisan.enrolled_on, artisan.rights_until)


# Cached, because a hop asks for it several times, and there are few such days.
@lru_cache(maxsize=4096)
def _find_first_owed(enrolled_on: date | None, rights_until: date | None) -> Month | None:
    if enrolled_on is None:
        return None
    enrolled = Month.of(enrolled_on)
    enrolled = max(enrolled, scheme_from(enrolled))
    if rights_until is None:
        return enrolled
    return max(enrolled, paid_through(rights_until) + 1)


def unpaid_months(artisan: Artisan, settled: Collection[Month], on: date) -> tuple[Month, ...]:
    """Returns the months owed up to that of `on`, oldest first."""
    first = first_owed_month(artisan)
    return months_without(settled, first, Month.of(on)) if first else ()


def months_ahead(artisan: Artisan, settled: Collection[Month], on: date) -> tuple[Month, ...]:
    """Returns the months after that of `on` that may be paid already, in order."""
    if (first := first_owed_month(artisan)) is None:
        return ()
    current = Month.of(on)
    return months_without(settled, max(first, current + 1), current + MOST_AHEAD)


def next_unpaid_month(artisan: Artisan, settled: Collection[Month], on: date) -> Month | None:
    """Returns the first month after that of `on` still to be paid; None if a year ahead is paid."""
    return next(iter(months_ahead(artisan, settled, on)), None)


def quote_dues(artisan: Artisan, account: PaymentAccount, on: date) -> Quote:
    """Quotes the months owed, as paid on `on`.

    A longer quote begins with the lines of a shorter one, because the oldest months use up the
    penalty cap first. Penalties paid before count against the cap.
    """
    coefficient = coefficient_of(artisan.category, artisan.coefficient)
    periods = unpaid_months(artisan, account.settled, on)
    return quote(coefficient, periods, on, earlier=account.paid_late)


def quote_payable(artisan: Artisan, account: PaymentAccount, on: date) -> Quote:
    """Quotes every month that may be paid on `on`: the months owed, then up to a year ahead."""
    coefficient = coefficient_of(artisan.category, artisan.coefficient)
    owed = unpaid_months(artisan, account.settled, on)
    ahead = months_ahead(artisan, account.settled, on)
    return quote(coefficient, (*owed, *ahead), on, earlier=account.paid_late)


def quote_until(whole: Quote, last: Month) -> Quote:
    """Returns the lines of a quote up to the month `last`, included."""
    return Quote(tuple(line for line in whole.lines if line.month <= last))


def is_still_owed(artisan: Artisan, lines: Iterable[tuple[Month, Money]]) -> bool:
    """True if each month is still unpaid by CNSS's last word, at the contribution it was quoted.

    The register may be imported again while a code is live. Cash for the code could then pay a
    month that is not owed, or a wrong amount.
    """
    first = first_owed_month(artisan)
    if first is None or not is_collected_here(artisan.category):
        return False
    coefficient = coefficient_of(artisan.category, artisan.coefficient)
    return all(
        month >= first and monthly_amount(coefficient, month) == contribution
        for month, contribution in lines
    )
