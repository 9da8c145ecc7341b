"""Records spans of time of which the books have nothing: what a restore could not bring back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select

from app.audit.service import record_audit
from app.base.operation import Operation
from app.base.rows import read_row
from app.ledger.models import books_gap

# A code lives a week, and callers repeat for days.
_HEARD_OF_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class BooksGap:
    """A span from `begins_at` to `ends_at`: what was answered in it may not be in the books."""

    begins_at: datetime
    ends_at: datetime


def record_gap(operation: Operation, begins_at: datetime, code_series: int) -> None:
    """Records that all since a moment may be missing, as the books were restored to it now.

    Payment codes are of `code_series` from now on.
    """
    operation.connection.execute(
        insert(books_gap).values(
            begins_at=begins_at,
            ends_at=operation.now,
            recorded_by=operation.actor,
            code_series=code_series,
        )
    )
    record_audit(operation, "books_restored", "books", begins_at=begins_at.isoformat())


def list_gaps(connection: Connection) -> list[BooksGap]:
    """Returns every gap, the oldest first."""
    columns = books_gap.c
    rows = connection.execute(
        select(columns.begins_at, columns.ends_at).order_by(columns.begins_at)
    )
    return [read_row(BooksGap, row) for row in rows]


def list_fresh_gaps(connection: Connection, now: datetime) -> list[BooksGap]:
    """Returns the gaps of which others may still speak, the oldest first."""
    return [gap for gap in list_gaps(connection) if now - gap.ends_at < _HEARD_OF_FOR]


def is_after_gap(connection: Connection, now: datetime) -> bool:
    """True while callers may still speak of what a gap has swallowed."""
    last = connection.execute(select(func.max(books_gap.c.ends_at))).scalar()
    return last is not None and now - last < _HEARD_OF_FOR
