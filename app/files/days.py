"""Reads days as people and spreadsheets write them. Pure.

`1985-03-08` and `08/03/1985`, the day first as in Morocco. Where a file shows that it has the month
first, its days are in doubt and none is guessed.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from app.base.errors import InvalidInput
from app.base.identifiers import plain_signs
from app.base.spreadsheets import find_damage, take_text_mark
from app.files.errors import FileRefused

_YEAR_FIRST = re.compile(r"(?P<year>[0-9]{4})[-/.](?P<month>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})")
_DAY_FIRST = re.compile(r"(?P<day>[0-9]{1,2})[-/.](?P<month>[0-9]{1,2})[-/.](?P<year>[0-9]{4})")
# A spreadsheet writes a day with the time at which it begins.
_MIDNIGHT = re.compile(r"(?:T| +)0?0:00(?::00(?:[.,]0+)?)?(?:Z|\+00:?00)?")
_WITH_TIME = re.compile(r"([0-9./-]{8,10})(?:T| +)[0-9:., APMapm+Z-]+")
_SHORT_YEAR = re.compile(r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2}")
_SERIAL = re.compile(r"([1-5][0-9]{4})(?:[.,][0-9]+)?")
_BEFORE_SERIALS = date(1899, 12, 30).toordinal()
_WANTED = "YYYY-MM-DD or DD/MM/YYYY"


@lru_cache(maxsize=50_000)
def read_day_cell(text: str) -> str:
    """Returns a day as `1985-03-08`. Raises: InvalidInput."""
    written = take_text_mark(plain_signs(text))
    bare = _MIDNIGHT.sub("", written)
    if not (match := _YEAR_FIRST.fullmatch(bare) or _DAY_FIRST.fullmatch(bare)):
        raise _invalid(_find_fault(written))
    year, month, day = (int(match[name]) for name in ("year", "month", "day"))
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        if month > 12 >= day >= 1 and match.re is _DAY_FIRST:
            raise _invalid(f"{bare} has the month first: write it {_WANTED}") from None
        raise _invalid(f"{bare} is not a day of the calendar") from None


def _find_fault(text: str) -> str:
    shown = repr(text if len(text) <= 40 else text[:40] + "\u2026")
    if match := _SERIAL.fullmatch(text):
        day = date.fromordinal(_BEFORE_SERIALS + int(match[1]))
        return f"{shown} is a spreadsheet's count of days, of {day}: write it YYYY-MM-DD"
    if _WITH_TIME.fullmatch(text):
        return f"{shown} has a time of day: write the day alone, {_WANTED}"
    if _SHORT_YEAR.fullmatch(text):
        return f"{shown} has a year of two digits: write it {_WANTED}"
    if damage := find_damage(text):
        return damage
    return f"{shown} is not a day written {_WANTED}"


def _invalid(why: str) -> InvalidInput:
    return InvalidInput(what="day", why=why)


class DayOrder:
    """The order in which a file writes day and month, as its days show it so far."""

    def __init__(self) -> None:
        self._day_first = self._either = 0
        self._month_first: list[int] = []

    def note(self, line: int, text: str) -> None:
        """Counts a cell; one that has the year first shows nothing."""
        match = _DAY_FIRST.match(plain_signs(text))
        if match is None:
            return
        first, second = int(match["day"]), int(match["month"])
        if first <= 12 < second:
            self._month_first.append(line)
        elif second <= 12 < first:
            self._day_first += 1
        elif first != second:
            self._either += 1

    def refuse_doubtful(self) -> None:
        """Refuses a file that writes the month first more often than the day, and days of either.

        Raises: FileRefused.
        """
        if self._either and len(self._month_first) > self._day_first:
            why = (
                f"a day has its month first, so {self._either} others may have it too: write all"
                f" as {_WANTED}"
            )
            raise FileRefused(line=self._month_first[0], why=why)
