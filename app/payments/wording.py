"""Words for a code's months and end, the same on screens, in messages and at tills."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from app.base.clock import local
from app.base.months import Period
from app.text.words import Say

_DAY = timedelta(days=1)
# The latest hour at which agencies close that give their hours (ASM where they give none).
_COUNTERS_CLOSE = time(18, 30)


def period_words(period: Period) -> Say:
    """Returns `11/2026`, or `08/26-11/26` for several months."""
    key = "period.one" if period.first == period.last else "period.many"
    return Say(key, {"first": period.first, "last": period.last})


def shown_until(expires_at: datetime) -> datetime:
    """Returns the last moment to show, 1 s before: a code that expires at midnight shows 23:59."""
    return expires_at - timedelta(seconds=1)


def last_day_to_pay(expires_at: datetime, today: date, is_closed: Callable[[date], bool]) -> date:
    """Returns the last day on which counters are open, and the code lives until they close.

    Where there is none from today on, returns the code's last day.
    """
    end = local(shown_until(expires_at))
    day = last = end.date()
    if end.time() < _COUNTERS_CLOSE:
        day -= _DAY
    while day >= today and is_closed(day):
        day -= _DAY
    return day if day >= today else last


def reversed_by_words(channel: str) -> str:
    """Returns the key of the words for who reversed a deposit, by the channel of the reversal."""
    return _REVERSED_BY[channel]


_REVERSED_BY = {
    "page": "reversed_by.agency",
    "phone": "reversed_by.agency",
    "api": "reversed_by.network",
    "office": "reversed_by.office",
}
