"""Reads what was published: nothing else of the figures leaves the house."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from app.base.months import Month
from app.figures.measures import BREAK_AGE, CUTS, DAY, PROVIDER, is_in_dirhams
from app.figures.models import published_figure, published_month
from app.figures.rules import Value

# All cuts, those of pictures too.
PICTURE_CUTS = (*CUTS, DAY, PROVIDER, BREAK_AGE)
HEADER = ("month", "cut", "key", "measure", "value")


@dataclass(frozen=True, slots=True)
class FigureScope:
    """The part of the figures that a reader sees: all, or one key of one cut."""

    cut: str = ""
    key: str = ""

    @classmethod
    def of(cls, region: str | None, network: str | None) -> FigureScope:
        """Returns the part of who sees one region or one network; all of it for anybody else."""
        if region:
            return cls("region", region)
        return cls("network", network) if network else cls()


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """A cell of a published month; its value is None where it is hidden."""

    month: Month
    cut: str
    key: str
    measure: str
    value: Value

    def list_cells(self) -> tuple[object, ...]:
        return f"{self.month}", self.cut, self.key, self.measure, self.value


EVERYTHING = FigureScope()


def list_published_months(connection: Connection) -> list[Month]:
    """Lists the published months, newest first."""
    months = select(published_month.c.month).order_by(published_month.c.month.desc())
    return [Month.of(day) for day in connection.execute(months).scalars()]


def list_figures(
    connection: Connection,
    scope: FigureScope = EVERYTHING,
    months: Collection[Month] | None = None,
    cuts: Collection[str] = CUTS,
) -> Iterator[PublishedFigure]:
    """Yields published figures in the order of month, cut, key and measure, the oldest first."""
    columns = published_figure.c
    statement = select(published_figure).where(columns.cut.in_(cuts))
    if months is not None:
        statement = statement.where(columns.month.in_([month.first_day for month in months]))
    if scope.cut:
        statement = statement.where(columns.cut == scope.cut, columns.key == scope.key)
    order = {cut: place for place, cut in enumerate(cuts)}
    rows = connection.execute(statement).all()
    for row in sorted(rows, key=lambda r: (r.month, order[r.cut], r.key, r.measure)):
        yield PublishedFigure(
            Month.of(row.month),
            row.cut,
            row.key,
            row.measure,
            read_value(row.value, row.measure),
        )


def count_cells(connection: Connection, month: Month) -> tuple[int, int]:
    """Counts a published month's figures that are shown, and those that are hidden."""
    value = published_figure.c.value
    counts = select(func.count(value), func.count() - func.count(value)).where(
        published_figure.c.month == month.first_day
    )
    shown, hidden = connection.execute(counts).one()
    return shown, hidden


def read_value(value: object, measure: str) -> Value:
    """Returns a stored number as a whole one, or as a share."""
    if value is None:
        return None
    number = float(str(value))
    return int(number) if is_in_dirhams(measure) or number.is_integer() else number
