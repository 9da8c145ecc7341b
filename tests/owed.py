"""Counts the months an artisan owes, for tests that pay by count."""

from datetime import datetime

from sqlalchemy import Connection

from app.base.clock import local_date
from app.base.months import Month
from app.enrolment.queries import get_artisan
from app.payments.dues import quote_payable
from app.payments.queries import get_account


def through_month(
    connection: Connection, artisan_id: int, months: int | None, now: datetime
) -> Month | None:
    """Returns the last of the `months` oldest months payable; None for all that is owed."""
    if months is None:
        return None
    person = get_artisan(connection, artisan_id)
    account = get_account(connection, artisan_id, now)
    periods = quote_payable(person, account, local_date(now)).months
    return periods[min(months, len(periods)) - 1] if periods else Month.of(local_date(now))
