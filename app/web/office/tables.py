"""Tables of the office's pages that grow: which rows an address asks for, and links to the others.

A table's name stands before the words of an address where a page has several: `batch_sort`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from flask import request
from sqlalchemy import ColumnElement

from app.base.errors import InvalidInput
from app.base.paging import PageOfRows, Place, RowsAsked, Sorting

T = TypeVar("T")
ROWS = 50
# Longer than any place of a row.
_LONGEST_PLACE = 400
_HIGHEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ShownTable(Generic[T]):
    """A page of a table as a template shows it: its rows, its order, and where others begin."""

    name: str
    rows: list[T]
    order: str
    word: str
    before: str | None
    after: str | None

    @property
    def has_left_start(self) -> bool:
        """True if the address names a place: there is a way back to the first rows."""
        return any(request.args.get(self.name + side) for side in ("after", "before"))


def show_table(
    sorting: Sorting, read: Callable[[RowsAsked], PageOfRows[T]], name: str = "", most: int = ROWS
) -> ShownTable[T]:
    """Reads the rows of a table that the address asks for. Raises: InvalidInput."""
    asked = read_rows_asked(sorting, name, most)
    page = read(asked)
    return ShownTable(
        name,
        page.rows,
        asked.order,
        asked.word,
        _write_place(page.before),
        _write_place(page.after),
    )


def read_rows_asked(sorting: Sorting, name: str, most: int) -> RowsAsked:
    """Returns what the address asks of a table. Raises: InvalidInput for what it cannot mean."""
    order = request.args.get(f"{name}sort") or sorting.usual
    if order.removeprefix("-") not in sorting.columns:
        raise InvalidInput(what="sort", why="not_a_choice")
    columns = sorting.columns[order.removeprefix("-")], sorting.key
    for side in ("after", "before"):
        if written := request.args.get(name + side):
            return RowsAsked(order, most, _read_place(written, columns), side == "before")
    return RowsAsked(order, most)


def _write_place(place: Place | None) -> str | None:
    if place is None:
        return None
    parts = [one.isoformat() if isinstance(one, date) else one for one in place]
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _read_place(written: str, columns: Iterable[ColumnElement[Any]]) -> Place:
    """Returns value and key of a row as an address has them. Raises: InvalidInput."""
    try:
        if len(written) > _LONGEST_PLACE:
            raise ValueError(written)
        value, key = json.loads(written)
        kinds = (column.type.python_type for column in columns)
        return _read_part(value, next(kinds)), _read_part(key, next(kinds))
    except (ValueError, TypeError, RecursionError):
        raise InvalidInput(what="rows", why="unread") from None


def _read_part(part: object, kind: type) -> object:
    """Returns a part of a place as its column has it. Raises: ValueError."""
    if kind is datetime and isinstance(part, str):
        moment = datetime.fromisoformat(part)
        if moment.tzinfo is None:
            raise ValueError(part)
        return moment
    if kind is date and isinstance(part, str):
        return date.fromisoformat(part)
    if type(part) is not kind:
        raise ValueError(part)
    if isinstance(part, int) and abs(part) > _HIGHEST:
        raise ValueError(part)
    if isinstance(part, str):
        part.encode()
        if "\0" in part:
            raise ValueError(part)
    return part
