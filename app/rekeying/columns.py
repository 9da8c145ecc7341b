"""The ids of keys in columns: read, counted, and replaced by storing the same thing again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Text, case, cast, func, select, update

from app.base.keys import KeyUnknown
from app.base.operation import Operation

# How many rows are held at once while they are stored again.
AT_ONCE = 500
# What names no key: it is of before the ids.
UNNAMED = ""


def key_of_text(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Returns the id before a sealed text, or before a PIN of before sealing."""
    named = func.substr(column, 9, 1).in_([":", "$"])
    return case((named, func.left(column, 8)), else_=UNNAMED)


def key_of_bytes(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Returns the id before a digest; one of 32 bytes names none."""
    named = func.encode(func.substr(column, 1, 4), "hex")
    return case((func.octet_length(column) > 32, cast(named, Text)), else_=UNNAMED)


def count_by_key(
    connection: Connection, key: ColumnElement[str], *only: ColumnElement[bool]
) -> dict[str, int]:
    """Counts rows by the id of their key."""
    named = select(key.label("key")).where(*only).subquery()
    counts = select(named.c.key, func.count()).group_by(named.c.key)
    return {str(name): int(count) for name, count in connection.execute(counts)}


def store_again(
    operation: Operation,
    column: Column[Any],
    again: Callable[[str], str],
    names: Collection[str],
    after: Any,
) -> tuple[Any, int]:
    """Stores the texts of the next rows again, as `again` makes them, if their keys have these ids.

    `after` is the first column of the last row seen. Returns that of the last row of these, None
    behind the end, and how many were stored. What was changed meanwhile stays, and so does what
    cannot be opened.
    """
    own = next(iter(column.table.primary_key.columns))
    rows = select(own, column).where(key_of_text(column).in_(names)).order_by(own).limit(AT_ONCE)
    found = operation.connection.execute(rows if after is None else rows.where(own > after)).all()
    stored = 0
    for identity, text in found:
        try:
            new = again(text)
        except (KeyUnknown, ValueError):
            continue
        if new == text:
            continue
        same = update(column.table).where(own == identity, column == text)
        stored += operation.connection.execute(same.values({column.name: new})).rowcount
    return (found[-1][0] if found else None), stored
