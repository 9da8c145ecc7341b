"""Partitions of tables by days or months (UTC), which a worker has made ahead."""

from __future__ import annotations

from datetime import UTC, date

from sqlalchemy import Connection, Integer, func, select, text

from app.base.operation import Operation


def prepare_partitions(operation: Operation, function: str) -> int:
    """Has a function of the database make what is missing from today on. Returns how many."""
    today = operation.now.astimezone(UTC).date()
    made = select(getattr(func, function)(today, type_=Integer))
    number: int = operation.connection.execute(made).scalar_one()
    return number


def find_last_partition(connection: Connection, table: str, written: str) -> date | None:
    """Returns the first day of the last partition; None if there is none.

    `written` says how names end, after the table's: `YYYYMMDD` or `YYYYMM`.
    """
    names = f"^{table}_[0-9]{{{len(written)}}}$"
    params = {"table": table, "names": names, "written": written, "size": len(written)}
    last: date | None = connection.execute(_LAST, params).scalar()
    return last


_LAST = text("""
    SELECT to_date(max(right(c.relname, :size)), :written)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(:table) AND c.relname ~ :names
""")
