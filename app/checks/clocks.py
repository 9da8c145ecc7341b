"""Checks of clocks, of Morocco's time and of the calendar of holidays."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from tzdata import IANA_VERSION

from app.base.clock import local, local_date, utc_now
from app.base.database import reading
from app.base.redis_client import list_servers
from app.checks.looking import WrongInProduction
from app.runtime import Runtime

# Codes end and sessions close by these clocks.
_MOST_APART = timedelta(seconds=2)
_ENOUGH_DAYS = 90
# Morocco changes its time by decree, some weeks ahead.
_YEARS_OF_TIME_ZONES = 1


def check_clocks(maalem: Runtime) -> str:
    """Returns how far our clock, the database's and Redis's are apart."""
    began = time.monotonic()
    ours = utc_now()
    with reading(maalem.database) as connection:
        theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    told = [server.time() for server in list_servers(maalem.redis)]
    # Asking takes time too.
    allowed = _MOST_APART + timedelta(seconds=time.monotonic() - began)
    redis = [datetime.fromtimestamp(second + micro / 1e6, tz=UTC) for second, micro in told]
    apart = {
        "the database's": abs(theirs - ours),
        "Redis's": max(abs(moment - ours) for moment in redis),
    }
    for whose, difference in apart.items():
        if difference > allowed:
            raise RuntimeError(f"{whose} clock is {difference.total_seconds():.1f} s from ours")
    return f"within {max(apart.values()).total_seconds():.1f} s"


def check_time_zone(_maalem: Runtime) -> str:
    """Returns Morocco's time of now, and of which year the data is that says it."""
    now = utc_now()
    if now.year - int(IANA_VERSION[:4]) > _YEARS_OF_TIME_ZONES:
        raise RuntimeError(f"Morocco's time is as known in {IANA_VERSION}: take a newer tzdata")
    return f"Africa/Casablanca, UTC{local(now):%z}, data of {IANA_VERSION}"


def check_calendar(maalem: Runtime) -> str:
    """Returns until when the moving holidays are known."""
    last = maalem.reminder_settings.calendar.last_known_holiday
    if last is None:
        raise WrongInProduction("no moving holiday is known")
    if last < local_date(maalem.clock()) + timedelta(days=_ENOUGH_DAYS):
        raise WrongInProduction(
            f"moving holidays are known until {last} alone: add the next to the calendar"
        )
    return f"moving holidays known until {last}"
