"""Reads birth dates, from the ministry's file and from a phone. Pure.

Of many people only the year is known; papers write `1962` or `00/00/1962`. Such a date is the year.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from app.base.errors import InvalidInput
from app.base.identifiers import plain_signs
from app.base.spreadsheets import find_damage, take_text_mark
from app.files.days import read_day_cell

# A day, or the year alone where no more is known.
BirthDate = date | int

EARLIEST_YEAR = 1900

# The day is not known, nor perhaps the month: zeros, crosses or strokes stand for them.
_NO_DAY, _ANY_MONTH = r"(?:00?|xx?|--?)", r"(?:0?[0-9]|1[0-2]|xx?|--?)"
_YEARS_ALONE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<year>[0-9]{4})",
        rf"(?P<year>[0-9]{{4}})[-/.]{_ANY_MONTH}(?:[-/.]{_NO_DAY})?",
        rf"(?:{_NO_DAY}[-/.])?{_ANY_MONTH}[-/.](?P<year>[0-9]{{4}})",
        r"(?P<year>[0-9]{4})0000|0000(?P<last>[0-9]{4})",
    )
)


def pack_birth_date(birth_date: BirthDate) -> str:
    """Returns `1985-03-08`, or `1962` of a year alone."""
    return birth_date.isoformat() if isinstance(birth_date, date) else str(birth_date)


def unpack_birth_date(text: str) -> BirthDate:
    """Reads what `pack_birth_date` wrote."""
    return int(text) if len(text) == 4 else date.fromisoformat(text)


def read_typed_birth_date(typed: str, today: date) -> BirthDate:
    """Reads what a phone sent: `17041985` with or without marks between, or a year alone.

    Zeros in place of an unknown day are the year alone: `1962`, `00001962`.
    Raises: InvalidInput.
    """
    digits = re.sub(r"[\s/.-]", "", plain_signs(typed))
    if re.fullmatch(r"[0-9]{4}|00[0-9]{6}", digits):
        born: BirthDate = int(digits[-4:])
        year = int(digits[-4:])
    elif re.fullmatch(r"[0-9]{8}", digits):
        try:
            born = date(int(digits[4:]), int(digits[2:4]), int(digits[:2]))
        except ValueError:
            raise _invalid("no such day") from None
        year = born.year
        if born > today:
            raise _invalid("not in a lifetime")
    else:
        raise _invalid("neither eight digits nor a year")
    if not EARLIEST_YEAR <= year <= today.year:
        raise _invalid("not in a lifetime")
    return born


@lru_cache(maxsize=50_000)
def read_birth_date_cell(text: str) -> str:
    """Returns a birth date of the ministry's file as `1985-03-08`, or `1962` of a year alone.

    Raises: InvalidInput.
    """
    plain = take_text_mark(plain_signs(text))
    if find_damage(plain) is None and (year := _read_year_alone(plain)):
        return year
    return read_day_cell(plain)


def _read_year_alone(text: str) -> str | None:
    for pattern in _YEARS_ALONE:
        if match := pattern.fullmatch(text):
            year = match["year"] or match["last"]
            return year if year != "0000" else None
    return None


def _invalid(why: str) -> InvalidInput:
    return InvalidInput(what="birth_date", why=why)
