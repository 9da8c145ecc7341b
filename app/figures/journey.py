"""Counts how far talks came: from the sums of days that are over, and from the hops since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, func, select

from app.base.clock import local_date, local_midnight
from app.base.months import Month
from app.figures import sql
from app.figures.models import figure_month, talk_day
from app.figures.service import FigureBooks, find_first_open_day, name_talks


@dataclass(frozen=True, slots=True)
class Journey:
    """The talks that came so far: each counts at every step that it reached or went beyond."""

    dialled: int
    saw_dues: int
    saw_code: int


def count_journey(
    connection: Connection, books: FigureBooks, first: date, now: datetime
) -> Journey:
    """Counts the talks that began on the day `first` or later, a day in Morocco."""
    begins = max(first, _find_first_unsummed(connection, local_date(now)))
    days = talk_day.c
    sums = select(
        func.sum(days.dialled).label("dialled"),
        func.sum(days.saw_dues).label("saw_dues"),
        func.sum(days.saw_code).label("saw_code"),
    ).where(days.day >= first, days.day < begins)
    params = name_talks(books, local_midnight(begins), now + timedelta(days=1))
    rows = [*connection.execute(sums), *connection.execute(sql.TALKS, params)]
    return Journey(
        dialled=sum(row.dialled or 0 for row in rows),
        saw_dues=sum(row.saw_dues or 0 for row in rows),
        saw_code=sum(row.saw_code or 0 for row in rows),
    )


def _find_first_unsummed(connection: Connection, today: date) -> date:
    """Returns the first day of this month or the last whose talks were not counted once over."""
    running, columns = Month.of(today), figure_month.c
    months = (running + -1, running)
    made = select(columns.month, columns.made_at).where(
        columns.month.in_([month.first_day for month in months])
    )
    made_at = {row.month: row.made_at for row in connection.execute(made)}
    opened = (find_first_open_day(month, made_at.get(month.first_day)) for month in months)
    return next(day for day, month in zip(opened, months, strict=True) if day <= month.last_day)
