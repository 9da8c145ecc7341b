"""Writes rows of the audit as CSV, for who takes them along."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO

from sqlalchemy import Connection

from app.audit.lists import AUDIT_SORTING, AuditQuery, AuditRow, count_audit_rows, list_audit_page
from app.base.csv_writing import write_rows

# A file has so many rows at most, the newest; more are asked for by days.
MOST_ROWS = 200_000
_ROWS_AT_ONCE = 5000
_HEADER = ("at", "who", "approved_by", "act", "about", "reason", "details")


def write_audit(
    connection: Connection, asked: AuditQuery, begin: Callable[[int], Callable[[int], None]]
) -> bytes:
    """Returns the rows that are asked for as CSV, newest first, MOST_ROWS at most.

    `begin` gets how many there are, and what it returns is called with how many are written.
    """
    file = StringIO()
    write_rows(file, [_HEADER])
    tell = begin(min(count_audit_rows(connection, asked), MOST_ROWS))
    for count, row in enumerate(_list_rows(connection, asked), 1):
        write_rows(file, [_list_cells(row)])
        tell(count)
    return file.getvalue().encode()


def _list_rows(connection: Connection, asked: AuditQuery) -> Iterator[AuditRow]:
    left, rows = MOST_ROWS, AUDIT_SORTING.first(_ROWS_AT_ONCE)
    while left:
        page = list_audit_page(connection, asked, replace(rows, most=min(left, _ROWS_AT_ONCE)))
        yield from page.rows
        if page.after is None:
            return
        left -= len(page.rows)
        rows = replace(rows, place=page.after)


def _list_cells(row: AuditRow) -> tuple[object, ...]:
    details = json.dumps(dict(row.details), ensure_ascii=False, sort_keys=True)
    at = row.at.isoformat()
    return at, row.who, row.approved_by, row.act, row.about, row.reason, details
