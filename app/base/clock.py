"""Time: aware and UTC inside, Africa/Casablanca where people read it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]

# The time-zone data knows that Morocco is UTC+1, and UTC in Ramadan (domain.md section 4).
CASABLANCA = ZoneInfo("Africa/Casablanca")


def utc_now() -> datetime:
    return datetime.now(UTC)


def local(moment: datetime) -> datetime:
    """The same moment on a clock in Morocco."""
    return moment.astimezone(CASABLANCA)


def local_date(moment: datetime) -> date:
    return local(moment).date()


def local_midnight(day: date) -> datetime:
    """The moment `day` begins in Morocco, in UTC."""
    return datetime.combine(day, time.min, CASABLANCA).astimezone(UTC)
