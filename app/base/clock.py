"""Time: aware and UTC inside, Africa/Casablanca where people read it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from importlib import resources
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]


def _casablanca() -> ZoneInfo:
    """Reads the zone from the pinned data, so that midnight does not depend on the machine.

    It knows Morocco's hour, and its change in Ramadan (docs/rules.md, Networks).
    """
    with resources.files("tzdata.zoneinfo.Africa").joinpath("Casablanca").open("rb") as file:
        return ZoneInfo.from_file(file, key="Africa/Casablanca")


CASABLANCA = _casablanca()


def utc_now() -> datetime:
    return datetime.now(UTC)


def local(moment: datetime) -> datetime:
    """Returns the same moment on a clock in Morocco."""
    return moment.astimezone(CASABLANCA)


def local_date(moment: datetime) -> date:
    return local(moment).date()


def local_midnight(day: date) -> datetime:
    """Returns the moment `day` begins in Morocco, in UTC."""
    return datetime.combine(day, time.min, CASABLANCA).astimezone(UTC)
