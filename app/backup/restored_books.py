"""Tells restored books that they were restored: what they lack, and which numbers are given."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from app.base.operation import Operation
from app.ledger.gaps import record_gap

# An operation is stored with the moment at which it began, and stands some seconds later.
_LONGEST_OPERATION = timedelta(minutes=1)
# More than a day of the whole country gives: receipts, messages, rows of the audit.
LEAP = 10_000_000


def mark_restored(operation: Operation, recovered_to: datetime) -> int:
    """Records that the books are those of a moment, and lets every number leap ahead.

    Numbers given after that moment are on phones and paper; none is given a second time. The
    operation's role owns the tables. Returns how many sequences leapt.
    """
    record_gap(operation, recovered_to - _LONGEST_OPERATION)
    return leap_numbers(operation.connection)


def leap_numbers(connection: Connection) -> int:
    """Moves every sequence of ours ahead. Returns how many there are."""
    names = connection.execute(_SEQUENCES).scalars().all()
    for name in names:
        leap = text(f"SELECT setval(:name, (SELECT last_value FROM {name}) + :leap)")  # noqa: S608
        connection.execute(leap, {"name": name, "leap": LEAP})
    return len(names)


def knows_gaps(connection: Connection) -> bool:
    """True if the restored tables are of a version that records gaps."""
    return connection.execute(text("SELECT to_regclass('books_gap')")).scalar() is not None


_SEQUENCES = text("""
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace ORDER BY 1
""")
