"""How a code's months and end are told, on screens, in messages and at tills alike."""

from datetime import datetime, timedelta

from app.base.months import Month
from app.text.words import Say


def period_words(first: Month, last: Month) -> Say:
    """`11/2026`, or `08/26-11/26`."""
    return Say("period.one" if first == last else "period.many", {"first": first, "last": last})


def shown_until(expires_at: datetime) -> datetime:
    """The last moment a person can be told: a code ending at midnight is good until 23:59."""
    return expires_at - timedelta(seconds=1)
