"""Time: aware and UTC inside, Africa/Casablanca where people read it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from importlib import resources
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]


def _casablanca() -> ZoneInfo:
    """The zone of the pinned data, not of the machine: midnight must not depend on where we run.

    It knows Morocco's hour, and its change in Ramadan (domain.md section 4).
    """
    with resources.files("tzdata.zoneinfo.Africa").joinpath("Casablanca").open("rb") as file:
        return ZoneInfo.from_file(file, key="Africa/Casablanca")


CASABLANCA = _casablanca()


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
