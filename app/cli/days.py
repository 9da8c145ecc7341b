"""Reads days and months in the options of commands."""

import re
from datetime import date, datetime

import click

from app.base.errors import InvalidInput
from app.base.months import Month

# Years whose neighbouring months a date can still hold.
_FIRST_YEAR, _LAST_YEAR = 1900, 2999
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class DayParam(click.ParamType[date]):
    """Reads a day of the calendar written YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        if isinstance(value, date):
            return value
        value = str(value)
        if not _DATE.fullmatch(value):
            self.fail(f"{value!r} is not a day written YYYY-MM-DD.", param, ctx)
        try:
            day = date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day of the calendar.", param, ctx)
        if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
            self.fail(f"{value} is not from {_FIRST_YEAR} to {_LAST_YEAR}.", param, ctx)
        return day


class MonthParam(click.ParamType[Month]):
    """Reads a month written YYYY-MM."""

    name = "YYYY-MM"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Month:
        try:
            return Month.parse(value)
        except InvalidInput as error:
            self.fail(f"{value!r} is {error.params['why']}.", param, ctx)


class MomentParam(click.ParamType[datetime]):
    """Reads a moment written in ISO 8601, with its offset from UTC."""

    name = "MOMENT"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(f"{value!r} is not written as 2026-11-27T10:00:00+00:00.", param, ctx)
        return moment
