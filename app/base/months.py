"""Calendar months, for which contributions are owed, and periods of months."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from app.base.errors import InvalidInput

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


class Month(NamedTuple):
    """Year and month; `Month(2026, 11) + 2` is January 2027.

    (A tuple: every hop compares and looks up the months of years.)
    """

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """Reads `2026-11`. Raises: InvalidInput."""
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

    def __add__(self, months: int) -> Month:  # type: ignore[override]
        index = self.year * 12 + self.month - 1 + months
        return Month(index // 12, index % 12 + 1)

    def __sub__(self, other: Month) -> int:
        """The months from `other` to `self`; below 0 if `self` is the earlier one."""
        return (self.year - other.year) * 12 + self.month - other.month

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


# Cached, because every hop needs these months, and most artisans need the same ones.
@lru_cache(maxsize=1024)
def months_between(first: Month, last: Month) -> tuple[Month, ...]:
    """Returns the months from `first` to `last`, both included; none when `last` is earlier."""
    return tuple(first + step for step in range(last - first + 1))


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Consecutive months from `first` to `last`, both included; never empty.

    Raises: InvalidInput if `last` is before `first`.
    """

    first: Month
    last: Month

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InvalidInput(what="period", why="its last month is before its first")

    @classmethod
    def spanning(cls, months: Sequence[Month]) -> Period:
        """The period from the first to the last of `months`, which are in order and not empty."""
        return cls(months[0], months[-1])

    @property
    def months(self) -> tuple[Month, ...]:
        return months_between(self.first, self.last)

    def __iter__(self) -> Iterator[Month]:
        return iter(self.months)

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, month: Month) -> bool:
        return self.first <= month <= self.last

    def __str__(self) -> str:
        """`2026-11` for one month, `2026-08 - 2026-11` for several."""
        return str(self.first) if self.first == self.last else f"{self.first} - {self.last}"
