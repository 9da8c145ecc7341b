"""Opening hours and closed days for messages to many, by Morocco's clocks (calendar.yaml). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from app.base.clock import CASABLANCA, local
from app.reminders.errors import CalendarWrong

SHIPPED = Path(__file__).with_name("calendar.yaml")
Step = Literal["week", "due", "rights"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# More closed days in a row than this are a mistake in the file.
_MOST_CLOSED = 30
_DAY = timedelta(days=1)


class _Sourced(BaseModel):
    """An entry of the file, with its source and confidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sure: Literal["H", "M", "L", "ASM"]
    source: Annotated[str, Field(min_length=1)]


class StepDays(_Sourced):
    """The day of a step: see calendar.yaml."""

    days_before: Annotated[int, Field(ge=0, le=60)]
    closed: Literal["next", "before"]
    useful_days: Annotated[int, Field(ge=0, le=60)]


class Window(_Sourced):
    """The hours of each day, from a day on."""

    since: date = Field(alias="from")
    opens: time
    closes: time

    @field_validator("opens", "closes", mode="before")
    @classmethod
    def _pad_hour(cls, written: object) -> object:
        """Turns `9:00`, as people write it, into `09:00`."""
        return f"{written:0>5}" if isinstance(written, str) else written

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError(f"window from {self.since}: closes before it opens")
        return self


class FixedHoliday(_Sourced):
    """`day` is month and day, of every year from a year on."""

    day: Annotated[str, Field(pattern=r"^\d\d-\d\d$")]
    since: int = Field(alias="from")
    name: str


class MovingHoliday(_Sourced):
    """A holiday of `days` days from `day` on."""

    day: date
    days: Annotated[int, Field(ge=1, le=5)]
    name: str


class Fewest(_Sourced):
    value: Annotated[int, Field(ge=1)]


def _refuse_disorder(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    for earlier, later in pairwise(windows):
        if later.since <= earlier.since:
            raise ValueError(f"window from {later.since} does not come after")
    return windows


def _refuse_no_open_day(days: object) -> object:
    if isinstance(days, list) and len(set(days)) >= len(_WEEKDAYS):
        raise ValueError("a week has to have an open day")
    return days


class Calendar(BaseModel):
    """Hours, closed days and steps; the same question always has the same answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    steps: Mapping[Step, StepDays]
    window: Annotated[tuple[Window, ...], Field(min_length=1)]
    closed_weekdays: Annotated[frozenset[Weekday], BeforeValidator(_refuse_no_open_day)]
    fixed_holidays: tuple[FixedHoliday, ...]
    moving_holidays: tuple[MovingHoliday, ...]
    fewest_compared: Fewest

    @model_validator(mode="after")
    def _windows_in_order(self) -> Self:
        _refuse_disorder(self.window)
        return self

    @cached_property
    def _moving_days(self) -> frozenset[date]:
        return frozenset(
            holiday.day + _DAY * more
            for holiday in self.moving_holidays
            for more in range(holiday.days)
        )

    @property
    def last_known_holiday(self) -> date | None:
        """The last day of those that the moon decides; afterwards none is known."""
        return max(self._moving_days, default=None)

    def is_closed(self, day: date) -> bool:
        """True on a Sunday or a holiday: nobody is written to all day."""
        written = f"{day:%m-%d}"
        fixed = (h.day == written and h.since <= day.year for h in self.fixed_holidays)
        return (
            _WEEKDAYS[day.weekday()] in self.closed_weekdays
            or day in self._moving_days
            or any(fixed)
        )

    def open_day_from(self, day: date) -> date:
        """Returns `day`, or the next day that is open."""
        return self._open_day(day, _DAY)

    def open_day_until(self, day: date) -> date:
        """Returns `day`, or the last day before it that is open."""
        return self._open_day(day, -_DAY)

    def _open_day(self, day: date, way: timedelta) -> date:
        for steps in range(_MOST_CLOSED):
            if not self.is_closed(day + way * steps):
                return day + way * steps
        raise CalendarWrong(why=f"no open day within {_MOST_CLOSED} of {day}")

    def opens(self, day: date) -> datetime:
        """Returns the moment the hours of `day` begin, in UTC."""
        return datetime.combine(day, self._find_window(day).opens, CASABLANCA).astimezone(UTC)

    def closes(self, day: date) -> datetime:
        """Returns the moment the hours of `day` end, in UTC."""
        return datetime.combine(day, self._find_window(day).closes, CASABLANCA).astimezone(UTC)

    def is_open(self, moment: datetime) -> bool:
        """True if people may be written to at `moment`."""
        day = local(moment).date()
        return not self.is_closed(day) and self.opens(day) <= moment < self.closes(day)

    def next_opening(self, moment: datetime) -> datetime:
        """Returns `moment` if it is open then, else the next opening."""
        if self.is_open(moment):
            return moment
        day = local(moment).date()
        first = day if moment < self.opens(day) else day + _DAY
        return self.opens(self.open_day_from(first))

    def _find_window(self, day: date) -> Window:
        known = [window for window in self.window if window.since <= day]
        if not known:
            raise CalendarWrong(why=f"no window on {day}")
        return known[-1]


def read_calendar(path: Path = SHIPPED) -> Calendar:
    """Reads the calendar. Raises: CalendarWrong, which names what is wrong with the file."""
    try:
        raw = yaml.load(path.read_bytes(), yaml.CSafeLoader)
        return TypeAdapter(Calendar).validate_python(raw)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise CalendarWrong(why=" ".join(str(error).split())) from None
