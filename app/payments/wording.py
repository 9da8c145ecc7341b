"""Words for a code's months and end, the same on screens, in messages and at tills."""

from datetime import datetime, timedelta

from app.base.months import Period
from app.text.words import Say


def period_words(period: Period) -> Say:
    """Returns `11/2026`, or `08/26-11/26` for several months."""
    key = "period.one" if period.first == period.last else "period.many"
    return Say(key, {"first": period.first, "last": period.last})


def shown_until(expires_at: datetime) -> datetime:
    """Returns the last moment to show, 1 s before: a code that expires at midnight shows 23:59."""
    return expires_at - timedelta(seconds=1)


def reversed_by_words(channel: str) -> str:
    """Returns the key of the words for who reversed a deposit, by the channel of the reversal."""
    return _REVERSED_BY[channel]


_REVERSED_BY = {
    "page": "reversed_by.agency",
    "phone": "reversed_by.agency",
    "api": "reversed_by.network",
    "office": "reversed_by.office",
}
