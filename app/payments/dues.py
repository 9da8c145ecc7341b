"""Which months an artisan still has to pay, from CNSS's word and what agents received. Pure."""

from collections.abc import Collection
from datetime import date

from app.base.months import Month
from app.contributions.rights import paid_through
from app.contributions.rules import unpaid_periods
from app.enrolment.queries import Artisan


def first_owed_month(artisan: Artisan) -> Month | None:
    """The first month not covered by CNSS's last word; None for who is not enrolled.

    No contribution is owed before the month of enrolment (domain.md section 2).
    """
    if artisan.enrolled_on is None:
        return None
    enrolled = Month.of(artisan.enrolled_on)
    if artisan.rights_until is None:
        return enrolled
    return max(enrolled, paid_through(artisan.rights_until) + 1)


def unpaid_months(artisan: Artisan, settled: Collection[Month], on: date) -> tuple[Month, ...]:
    """The months owed up to that of `on`, oldest first."""
    first = first_owed_month(artisan)
    return unpaid_periods(first, settled, Month.of(on)) if first else ()
