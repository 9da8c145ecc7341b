"""Reads what is missing in enrolment files, for those who work at CNSS; nobody's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.enrolment.models import count_missing, enrolment_file


@dataclass(frozen=True, slots=True)
class ListedEnrolmentFile:
    """An enrolment file by our own number of the artisan: what CNSS says is missing, and when."""

    number: int
    missing: Sequence[str]
    as_of: date


FILE_SORTING = Sorting(
    {
        "number": enrolment_file.c.artisan_id,
        "missing": count_missing,
        "as_of": enrolment_file.c.as_of,
    },
    enrolment_file.c.artisan_id,
    "number",
)


def list_enrolment_files(
    connection: Connection, asked: RowsAsked
) -> PageOfRows[ListedEnrolmentFile]:
    """Returns the files that are asked for; `missing` sorts by how much is."""
    return read_page(
        connection,
        select(enrolment_file),
        FILE_SORTING,
        asked,
        lambda row: ListedEnrolmentFile(row.artisan_id, row.missing, row.as_of),
    )


def count_open_files(connection: Connection) -> int:
    """Returns how many files lack something."""
    open_files = select(func.count()).where(count_missing > 0)
    return int(connection.execute(open_files).scalar_one())
