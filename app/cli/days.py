"""Reads days and months in the options of commands."""

import re
from datetime import date

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
