"""Pictures on pages: each beside its table; one that is not drawn yet is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy import Engine

from app.base.operation import operation
from app.figures.picture_queue import ask_for_pictures, list_states
from app.figures.pictures import Picture
from app.runtime import runtime
from app.web.figure_tables import FigureRow, FigureTable

Say = Callable[..., Markup]


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A picture of a page: its name, its title and table, and its state.

    The state is `drawn`, `waiting` or `failed`; `hidden` if none of its figures may be shown.
    """

    digest: str
    name: str
    title: str
    state: str
    table: FigureTable


def prepare_pictures(database: Engine, pictures: Sequence[Picture], say: Say) -> list[PagePicture]:
    """Returns the pictures for a page, and has those drawn that are not."""
    with operation(database, runtime().clock(), "page") as change:
        states = list_states(change.connection, pictures)
        missing = [one for one in pictures if one.digest not in states]
        ask_for_pictures(change.connection, missing, change.now)
    return [
        PagePicture(
            digest=one.digest,
            name=one.name,
            title=one.title,
            state=states.get(one.digest, "waiting") if one.shows_anything else "hidden",
            table=_make_table(one, say),
        )
        for one in pictures
    ]


def list_cells(picture: Picture) -> list[tuple[object, ...]]:
    """Returns the rows of a picture's table as a file has them, the header first."""
    if picture.form == "intervals":
        header: tuple[object, ...] = ("place", "value", "low", "high")
        return [header, *((row.place, row.value, row.low, row.high) for row in picture.rows)]
    return [
        ("place", "series", "value"),
        *((row.place, row.series, row.value) for row in picture.rows),
    ]


def _make_table(picture: Picture, say: Say) -> FigureTable:
    """Returns a row for each place, and a column for each series or bound."""
    if picture.form == "intervals":
        columns = [say(f"office.figures.bound.{bound}") for bound in ("value", "low", "high")]
        rows = [
            FigureRow(row.place, [_write(v, picture) for v in (row.value, row.low, row.high)])
            for row in picture.rows
        ]
        return FigureTable(picture.name, columns, rows)
    series = list(dict.fromkeys(row.series for row in picture.rows))
    values = {(row.place, row.series): row.value for row in picture.rows}
    rows = [
        FigureRow(place, [_write(values.get((place, one)), picture) for one in series])
        for place in dict.fromkeys(row.place for row in picture.rows)
    ]
    return FigureTable(picture.name, [one or picture.measure for one in series], rows)


def _write(value: float | None, picture: Picture) -> str | None:
    if value is None:
        return None
    if picture.form == "bars":
        return f"{value:,.0f}".replace(",", "\u00a0")
    return f"{value * 100:+.1f} %" if picture.form == "intervals" else f"{value * 100:.0f} %"
