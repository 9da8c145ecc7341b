"""Fills a named type from a row of the database, by the labels of its columns."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Row

T = TypeVar("T")


def read_row(kind: Callable[..., T], row: Row[*tuple[object, ...]]) -> T:
    """Calls `kind` with each value of `row` under its column's label.

    The labels must be the names of the fields, all of them and no others, in any order; one that
    begins with an underscore is left out.

    Raises: TypeError if they are not.
    """
    labelled = zip(row._fields, row, strict=True)
    return kind(**{label: value for label, value in labelled if label[0] != "_"})
