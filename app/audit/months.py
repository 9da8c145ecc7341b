"""The partitions of the audit, one for each month (UTC), that a worker makes ahead."""

from __future__ import annotations

from datetime import UTC, date

from sqlalchemy import Connection, Integer, func, select, text

from app.base.operation import Operation


def prepare_audit_months(operation: Operation) -> int:
    """Has the partitions made of this month and the three after. Returns how many were missing.

    Makes none, and returns 0, while somebody reads the audit for long.
    """
    today = operation.now.astimezone(UTC).date()
    made = select(func.prepare_audit_months(today, type_=Integer))
    return operation.connection.execute(made).scalar_one()


def find_last_audit_month(connection: Connection) -> date | None:
    """Returns the first day of the last month that has a partition; None if none has."""
    return connection.execute(_LAST_MONTH).scalar()


_LAST_MONTH = text("""
    SELECT to_date(max(substr(c.relname, 13)), 'YYYYMM')
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass('audit_event') AND c.relname ~ '^audit_event_[0-9]{6}$'
""")
