"""Tells restored books that they were restored: what they lack, and which numbers are given."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
from sqlalchemy import Connection, make_url, text

from app.backup.store import BackupStore
from app.base.operation import Operation
from app.ledger.gaps import list_gaps, record_gap
from app.payments.rules import CODE_SERIES

# An operation is stored with the moment at which it began, and stands some seconds later.
_LONGEST_OPERATION = timedelta(minutes=1)
# More than a day of the whole country gives: receipts, messages, rows of the audit.
LEAP = 10_000_000


def mark_restored(
    operation: Operation, recovered_to: datetime, store: BackupStore | None = None
) -> int:
    """Records that the books are those of a moment, and lets every number leap ahead.

    Numbers given after that moment are on phones and paper; none is given a second time, and codes
    are of another series. Books that are older than an earlier restore do not know of it: the
    store counts. The operation's role owns the tables. Returns how many sequences leapt.
    """
    number = len(list_gaps(operation.connection)) + 1
    if store:
        number = store.count_restore(number)
    record_gap(operation, recovered_to - _LONGEST_OPERATION, number % CODE_SERIES)
    return leap_numbers(operation.connection, number)


def find_owners_url(url: str) -> str:
    """Returns the address of a restored server by the role that owns the tables.

    Its socket believes everybody; the role of `url` may be that of the web processes.
    """
    with psycopg.connect(url) as connection:
        row = connection.execute(_OWNER).fetchone()
    if row is None:
        return url
    return make_url(url).set(username=row[0]).render_as_string(hide_password=False)


def leap_numbers(connection: Connection, restore: int) -> int:
    """Moves every sequence of ours ahead, further at each restore. Returns how many there are."""
    names = connection.execute(_SEQUENCES).scalars().all()
    for name in names:
        leap = text(f"SELECT setval(:name, (SELECT last_value FROM {name}) + :leap)")  # noqa: S608
        connection.execute(leap, {"name": name, "leap": LEAP * restore})
    return len(names)


def knows_gaps(connection: Connection) -> bool:
    """True if the restored tables are of a version that records gaps, and series of codes."""
    return connection.execute(_SERIES_COLUMN).scalar() is not None


_OWNER = "SELECT tableowner FROM pg_tables WHERE tablename = 'deposit'"
_SERIES_COLUMN = text("""
    SELECT attnum FROM pg_attribute
    WHERE attrelid = to_regclass('books_gap') AND attname = 'code_series'
""")
_SEQUENCES = text("""
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace ORDER BY 1
""")
