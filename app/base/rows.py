"""Fills a named type from a row of the database, and writes arrays and statements for it."""

from collections.abc import Callable, Iterable, Mapping
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


def write_array(items: Iterable[object]) -> str:
    """Returns an array of numbers, days, moments or digits, as PostgreSQL reads it; None is NULL.

    It is of one type whatever the size of its numbers, and takes the driver a tenth of a list.
    """
    return f"{{{','.join(['NULL' if item is None else str(item) for item in items])}}}"


def join_fragments(last: str, fragments: Mapping[str, str]) -> str:
    """Returns one statement that runs the named fragments, and then `last` for its rows."""
    named = ", ".join(f"{name} AS ({sql})" for name, sql in fragments.items())
    return f"WITH {named} {last}"
