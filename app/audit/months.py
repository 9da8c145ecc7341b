"""The partitions of the audit, one for each month (UTC), that a worker makes ahead."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection

from app.base.operation import Operation
from app.base.partitions import find_last_partition, prepare_partitions


def prepare_audit_months(operation: Operation) -> int:
    """Has the partitions made of this month and the three after. Returns how many were missing.

    Makes none, and returns 0, while somebody reads the audit for long.
    """
    return prepare_partitions(operation, "prepare_audit_months")


def find_last_audit_month(connection: Connection) -> date | None:
    """Returns the first day of the last month that has a partition; None if none has."""
    return find_last_partition(connection, "audit_event", "YYYYMM")
