"""Reads what is missing in enrolment files, for those who work at CNSS; nobody's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from app.enrolment.models import enrolment_file


@dataclass(frozen=True, slots=True)
class ListedEnrolmentFile:
    """An enrolment file by our own number of the artisan: what CNSS says is missing, and when."""

    number: int
    missing: Sequence[str]
    as_of: date


def list_enrolment_files(
    connection: Connection, after: int | None, most: int
) -> list[ListedEnrolmentFile]:
    """Returns at most `most` files, after the number named."""
    columns = enrolment_file.c
    statement = select(enrolment_file).order_by(columns.artisan_id).limit(most)
    if after is not None:
        statement = statement.where(columns.artisan_id > after)
    rows = connection.execute(statement)
    return [ListedEnrolmentFile(row.artisan_id, row.missing, row.as_of) for row in rows]


def count_open_files(connection: Connection) -> int:
    """Returns how many files lack something."""
    open_files = select(func.count()).where(func.cardinality(enrolment_file.c.missing) > 0)
    return int(connection.execute(open_files).scalar_one())
