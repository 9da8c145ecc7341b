"""Fills a named type from a row of the database, by the labels of its columns."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Row

T = TypeVar("T")


def read_row(kind: Callable[..., T], row: Row[*tuple[object, ...]]) -> T:
    """Calls `kind` with each value of `row` under its column's label.

    The labels are those of the fields: neither more nor fewer, in any order.
    Raises: TypeError if they are not.
    """
    return kind(**dict(zip(row._fields, row, strict=True)))
