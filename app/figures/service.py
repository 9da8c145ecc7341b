"""Makes a month's figures from the books, and publishes a month once, protected."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.audit.service import record_audit
from app.base.clock import local_date, local_midnight
from app.base.database import snapshot
from app.base.months import Month
from app.base.operation import Operation, operation
from app.figures import sql
from app.figures.errors import MonthNotMade, MonthNotOver
from app.figures.hiding import Before
from app.figures.making import (
    Figure,
    FigureRequest,
    count_month,
    count_register,
    count_talks,
    list_keys,
)
from app.figures.measures import AMOUNTS, COUNTS
from app.figures.models import (
    figure,
    figure_month,
    published_figure,
    published_month,
    talk_day,
)
from app.figures.rules import MonthFigures, protect
from app.messaging.prices import Prices

_ROWS_AT_ONCE = 2000
# The running month's last time is on the evening of its last day.
_MADE_EVERY = timedelta(hours=6)
# Hops wait in Redis before they are stored, and a talk may end after midnight.
_LATE = timedelta(hours=2)
# Makers of the same figures wait for each other on this number.
_LOCK = 0x66696775


@dataclass(frozen=True, slots=True)
class FigureBooks:
    """The database to read figures from, the prices of messages, the screens that count talks."""

    database: Engine
    prices: Prices
    dues_screens: Collection[str]
    code_screens: Collection[str]


@dataclass(frozen=True, slots=True)
class MadeMonth:
    """A month whose figures were made: when, and the day of the register that they tell of."""

    month: Month
    made_at: datetime
    register_on: date

    @property
    def is_whole(self) -> bool:
        """True if the month was over when its figures were made."""
        return local_date(self.made_at) > self.month.last_day


def list_due_months(connection: Connection, now: datetime) -> list[Month]:
    """Lists the months to be made: the running one, and the last one until it is published."""
    running = Month.of(local_date(now))
    unpublished = [one.month for one in list_unpublished_months(connection)]
    wanted = [running, *(month for month in unpublished if month + 1 == running)]
    made = {month: _find_made(connection, month) for month in wanted}
    return [m for m, one in made.items() if one is None or one.made_at <= now - _MADE_EVERY]


def list_unpublished_months(connection: Connection) -> list[MadeMonth]:
    """Lists the months that were made and not published, the newest first."""
    columns = figure_month.c
    published = select(published_month.c.month)
    rows = connection.execute(
        select(figure_month).where(columns.month.not_in(published)).order_by(columns.month.desc())
    )
    return [MadeMonth(Month.of(row.month), row.made_at, row.register_on) for row in rows]


def make_month(writing: Engine, books: FigureBooks, month: Month, now: datetime) -> int:
    """Makes the figures of a month anew, and returns how many there are.

    Once the month is over, the register's stay as they were made in it last.
    Raises: MonthNotOver for a month to come, PricesWrong, Unavailable.
    """
    if month > Month.of(local_date(now)):
        raise MonthNotOver(month=str(month))
    request = FigureRequest(month, now, books.prices)
    with snapshot(books.database) as reading:
        made = _find_made(reading, month)
        first = find_first_open_day(month, made.made_at if made else None)
        talks = list(_count_talk_days(reading, books, first, request.on))
        counted = list(count_month(reading, request))
        register = list(count_register(reading, request))
        keys = list(list_keys(reading, request))
    with operation(writing, now, "worker") as change:
        connection = change.connection
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        _store_talk_days(connection, talks)
        counted += count_talks(connection, request)
        register_on = local_date(now)
        if (before := _find_made(connection, month)) and register_on > month.last_day:
            register, register_on = _read_register(connection, month), before.register_on
        _keep_made(connection, MadeMonth(month, now, register_on))
        return _store(connection, month, [*counted, *register], keys)


def publish_month(change: Operation, month: Month, *, early: bool) -> bool:
    """Publishes a month's figures, protected. Returns False if it was published before.

    `early` allows a month that is not over, or was made before it was.
    Raises: MonthNotOver, MonthNotMade.
    """
    connection, today = change.connection, local_date(change.now)
    if today <= month.last_day and not early:
        raise MonthNotOver(month=str(month))
    connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if is_published(connection, month):
        return False
    made = _find_made(connection, month)
    if made is None or not (early or made.is_whole):
        raise MonthNotMade(month=str(month))
    figures = read_figures(connection, month)
    shown = protect(figures, read_before(connection, month))
    connection.execute(
        insert(published_month).values(
            month=month.first_day, published_at=change.now, published_by=change.actor
        )
    )
    rows: list[dict[str, Any]] = [
        {"month": month.first_day, "cut": cut, "key": key, "measure": measure, "value": value}
        for (cut, key, measure), value in shown.items()
    ]
    for part in _cut_rows(rows):
        connection.execute(insert(published_figure), part)
    record_audit(
        change,
        "figures_published",
        f"month:{month}",
        cells=len(rows),
        hidden=sum(value is None for value in shown.values()),
        register_on=f"{made.register_on}",
    )
    return True


def read_figures(connection: Connection, month: Month) -> MonthFigures:
    """Returns a month's figures as the books have them; they leave the house only protected."""
    columns = figure.c
    rows = connection.execute(
        select(columns.cut, columns.key, columns.measure, columns.value).where(
            columns.month == month.first_day
        )
    )
    return MonthFigures({(row.cut, row.key, row.measure): row.value for row in rows})


def is_published(connection: Connection, month: Month) -> bool:
    there = select(published_month.c.month).where(published_month.c.month == month.first_day)
    return connection.execute(there).scalar() is not None


def read_before(connection: Connection, month: Month) -> Before:
    """Returns the published month next before this one."""
    columns = published_figure.c
    earlier = published_month.c.month < month.first_day
    last = connection.execute(select(func.max(published_month.c.month)).where(earlier)).scalar()
    if last is None:
        return Before()
    rows = connection.execute(
        select(columns.cut, columns.key, columns.measure).where(
            columns.month == last, columns.value.is_(None)
        )
    )
    hidden = {(row.cut, row.key, row.measure) for row in rows}
    return Before(read_figures(connection, Month.of(last)).values, hidden)


def find_first_open_day(month: Month, made_at: datetime | None) -> date:
    """Returns the first day of the month whose talks were not counted after it was over.

    Where all were, it is a day after the month. `made_at` is when its figures were made last.
    """
    return max(month.first_day, local_date(made_at - _LATE)) if made_at else month.first_day


def name_talks(books: FigureBooks, begin: datetime, end: datetime) -> dict[str, object]:
    """Returns the parameters of the count of the talks that begin between two moments."""
    seen = [*books.dues_screens, *books.code_screens]
    return {"begin": begin, "end": end, "seen": seen, "codes": list(books.code_screens)}


def _count_talk_days(
    connection: Connection, books: FigureBooks, first: date, last: date
) -> Iterator[dict[str, object]]:
    """Yields the talks of each day by language, from the hops that are still there."""
    day = first
    while day <= last:
        params = name_talks(books, local_midnight(day), local_midnight(day + timedelta(days=1)))
        for row in connection.execute(sql.TALKS, params):
            yield {"day": day, **row._mapping}
        day += timedelta(days=1)


def _store_talk_days(connection: Connection, talks: list[dict[str, object]]) -> None:
    """Stores the talks of days; a day whose hops are forgotten in part keeps its higher count."""
    if not talks:
        return
    statement = upsert(talk_day)
    given = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["day", "language"],
            set_={name: given[name] for name in ("dialled", "saw_dues", "saw_code")},
            where=given.dialled >= talk_day.c.dialled,
        ),
        talks,
    )


def _find_made(connection: Connection, month: Month) -> MadeMonth | None:
    columns = figure_month.c
    row = connection.execute(
        select(figure_month).where(columns.month == month.first_day)
    ).one_or_none()
    return MadeMonth(month, row.made_at, row.register_on) if row else None


def _keep_made(connection: Connection, made: MadeMonth) -> None:
    values = {"made_at": made.made_at, "register_on": made.register_on}
    connection.execute(
        upsert(figure_month)
        .values(month=made.month.first_day, **values)
        .on_conflict_do_update(index_elements=["month"], set_=values)
    )


def _read_register(connection: Connection, month: Month) -> list[Figure]:
    """Returns the register's figures as they were made before."""
    columns, names = figure.c, _list_register_measures()
    rows = connection.execute(
        select(columns.cut, columns.key, columns.measure, columns.value).where(
            columns.month == month.first_day, columns.measure.in_(names)
        )
    )
    return [(row.cut, row.key, row.measure, row.value) for row in rows]


def _list_register_measures() -> list[str]:
    """Lists the measures of the register: artisans, and all that is a part of them."""
    names = ["artisans"]
    for measure in COUNTS:
        if measure.of in names:
            names.append(measure.name)
    return names


def _store(
    connection: Connection,
    month: Month,
    figures: Iterable[Figure],
    keys: Iterable[tuple[str, str]],
) -> int:
    """Replaces the month's figures; a key that a cut shows has each measure of the cut, or 0."""
    counted = {(cut, key, measure): value for cut, key, measure, value in figures}
    keyed = {*keys, *((cut, key) for cut, key, _ in counted)}
    rows: list[dict[str, Any]] = [
        {
            "month": month.first_day,
            "cut": cut,
            "key": key,
            "measure": measure,
            "value": counted.get((cut, key, measure), 0),
        }
        for measure, cuts in _list_measures()
        for cut, key in sorted(keyed)
        if cut in cuts
    ]
    connection.execute(delete(figure).where(figure.c.month == month.first_day))
    for part in _cut_rows(rows):
        connection.execute(insert(figure), part)
    return len(rows)


def _list_measures() -> Iterator[tuple[str, tuple[str, ...]]]:
    cuts = {measure.name: measure.cuts for measure in COUNTS}
    yield from cuts.items()
    yield from ((amount.name, cuts[amount.people]) for amount in AMOUNTS)


def _cut_rows(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE]
