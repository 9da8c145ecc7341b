"""A calendar month, the period a contribution is for."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from app.base.errors import InvalidInput

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """Year and month; `Month(2026, 11) + 2` is January 2027."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """Reads `2026-11`."""
        if not (match := _MONTH.fullmatch(text)) or match[1] == "0000":
            raise InvalidInput(what="month", why="not a month written YYYY-MM")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> Month:
        return cls(day.year, day.month)

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        return date(self.year, self.month, monthrange(self.year, self.month)[1])

    def __add__(self, months: int) -> Month:
        index = self.year * 12 + self.month - 1 + months
        return Month(index // 12, index % 12 + 1)

    def __sub__(self, other: Month) -> int:
        """How many months `self` comes after `other`."""
        return (self.year - other.year) * 12 + self.month - other.month

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


# Every hop of an artisan asks for the same ones, and so do most of the others.
@lru_cache(maxsize=1024)
def months_between(first: Month, last: Month) -> tuple[Month, ...]:
    """`first` to `last`, both included; nothing when `last` is earlier."""
    return tuple(first + step for step in range(last - first + 1))
