"""Days as options of commands write them."""

import re
from datetime import date
from typing import Any

import click

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class DayParam(click.ParamType[date]):
    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        if not _DATE.fullmatch(value):
            self.fail(f"{value!r} is not a day written YYYY-MM-DD.", param, ctx)
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day of the calendar.", param, ctx)
