"""Pages of tables that grow: sorted by a column that has a word, and turned by key, never by count.

A page begins after a row that is known by its value and its key: rows that come or go meanwhile
move no other row to another page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, literal, tuple_

T = TypeVar("T")
U = TypeVar("U")
Place = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Sorting:
    """The columns by which a table sorts, by their words, and the key that tells equal rows apart.

    None of them is ever NULL. `usual` is the order unless another is asked for, written as in an
    address: a word, with a minus before it from the highest down.
    """

    columns: Mapping[str, ColumnElement[Any]]
    key: ColumnElement[Any]
    usual: str

    def first(self, most: int) -> RowsAsked:
        """Asks for the first rows in the usual order."""
        return RowsAsked(self.usual, most)


@dataclass(frozen=True, slots=True)
class RowsAsked:
    """The rows of a table that are asked for: the order as in an address, and how many at most.

    `place` holds value and key of the row before the first one, or, `backward`, after the last.
    """

    order: str
    most: int
    place: Place | None = None
    backward: bool = False

    @property
    def word(self) -> str:
        return self.order.removeprefix("-")

    @property
    def descending(self) -> bool:
        return self.order.startswith("-")


@dataclass(frozen=True, slots=True)
class PageOfRows(Generic[T]):
    """Rows of a table and their keys, with the places where the pages before and after begin.

    A place is None where no rows are left.
    """

    rows: list[T]
    keys: list[Any]
    before: Place | None
    after: Place | None

    def with_rows(self, rows: list[U]) -> PageOfRows[U]:
        """Returns the page with what was read beside each row."""
        return PageOfRows(rows, self.keys, self.before, self.after)


def read_page(
    connection: Connection,
    statement: Select[Any],
    sorting: Sorting,
    asked: RowsAsked,
    read: Callable[[Row[Any]], T],
    params: Mapping[str, Any] | None = None,
) -> PageOfRows[T]:
    """Reads the rows that are asked for; `read` makes a value of each, without `_value`, `_key`."""
    value, key = sorting.columns[asked.word], sorting.key
    falls = asked.descending != asked.backward
    if asked.place is not None:
        here = tuple_(value, key)
        there = tuple_(*map(_make_literal, asked.place, (value, key)))
        statement = statement.where(here < there if falls else here > there)
    order = (value.desc(), key.desc()) if falls else (value, key)
    statement = statement.add_columns(value.label("_value"), key.label("_key"))
    ordered = statement.order_by(*order).limit(asked.most + 1)
    found = connection.execute(ordered, dict(params or {})).all()
    rows, goes_on = found[: asked.most], len(found) > asked.most
    places = [(row._value, row._key) for row in rows]
    if asked.backward:
        rows, places = rows[::-1], places[::-1]
    # Where a page was turned, there are rows on the side it came from.
    has_before = goes_on if asked.backward else asked.place is not None
    has_after = goes_on or asked.backward
    return PageOfRows(
        rows=[read(row) for row in rows],
        keys=[key for _, key in places],
        before=places[0] if places and has_before else None,
        after=places[-1] if places and has_after else None,
    )


def _make_literal(value: object, column: ColumnElement[Any]) -> ColumnElement[Any]:
    # A number of an address may be larger than its column holds.
    whole = isinstance(value, int) and not isinstance(value, bool)
    return literal(value, BigInteger() if whole else column.type)
