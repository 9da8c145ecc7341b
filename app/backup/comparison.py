"""Compares two databases by what was answered until a moment: codes, receipts, messages, acts.

Only what is never changed is compared; the rules of the books look at the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

# An operation is stored with the moment at which it began, and stands some seconds later.
_LONGEST_OPERATION = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class AnsweredRows:
    """The rows of a table that say what was answered.

    `key` names a row, `at` is when it was answered, `told` is what must never be another. Rows may
    move to another table, `moved_to`, that has the columns named.
    """

    key: str
    at: str
    told: str
    moved_to: str = ""

    def write_from(self, table: str) -> str:
        """Returns what follows FROM."""
        if not self.moved_to:
            return f"{table} t"
        columns = "id, event_key, kind, phone, created_at"
        tables = (f"SELECT {columns} FROM {each}" for each in (table, self.moved_to))  # noqa: S608
        return f"({' UNION ALL '.join(tables)}) t"


_ROWS: Mapping[str, AnsweredRows] = {
    "payment_code": AnsweredRows(
        "code", "issued_at", "ROW(code, artisan_id, total_centimes, issued_at, expires_at)"
    ),
    "deposit": AnsweredRows("receipt_number", "received_at", "t"),
    "ledger_transaction": AnsweredRows("id::text", "occurred_at", "t"),
    "reversal": AnsweredRows("receipt_number", "reversed_at", "t"),
    "idempotency_key": AnsweredRows("scope || ' ' || key", "answered_at", "t"),
    "api_request": AnsweredRows(
        "client_id || ' ' || correlation_id", "created_at", "ROW(server_id, request_digest)"
    ),
    "help_request": AnsweredRows("reference", "asked_at", "ROW(reference, kind, asked_at)"),
    "message": AnsweredRows(
        "id::text", "created_at", "ROW(event_key, kind, phone, created_at)", "ended_message"
    ),
    "consent": AnsweredRows("id::text", "recorded_at", "t"),
    "audit_event": AnsweredRows("id::text", "happened_at", "t"),
}


@dataclass(frozen=True, slots=True)
class Digest:
    """The number of a table's rows until a moment, and the sum of what they tell."""

    rows: int
    sum: int


@dataclass(frozen=True, slots=True)
class MissingRow:
    """A row of one database that the other lacks, and when it was answered."""

    table: str
    key: str
    at: datetime


def compute_digests(connection: Connection, until: datetime) -> dict[str, Digest]:
    """Returns the digest of each table; the caller's snapshot is one."""
    digests = {}
    for table, rows in _ROWS.items():
        statement = _SUM.format(source=rows.write_from(table), at=rows.at, told=rows.told)
        row = connection.execute(text(statement), {"until": until}).one()
        digests[table] = Digest(row.rows, int(row.sum))
    return digests


def list_missing(
    ours: Connection, theirs: Connection, tables: list[str], since: datetime, until: datetime
) -> list[MissingRow]:
    """Returns the rows of ours that theirs lacks, answered from some minutes before `since` on."""
    missing = []
    for table in tables:
        begin = since - _LONGEST_OPERATION
        there = _list_keys(theirs, table, begin, until)
        for key, at in _list_keys(ours, table, begin, until).items():
            if key not in there:
                missing.append(MissingRow(table, key, at))
    return missing


def _list_keys(
    connection: Connection, table: str, since: datetime, until: datetime
) -> dict[str, datetime]:
    rows = _ROWS[table]
    statement = _KEYS.format(source=rows.write_from(table), at=rows.at, key=rows.key)
    found = connection.execute(text(statement), {"since": since, "until": until})
    return {row.key: row.at for row in found}


# Filled with words of _ROWS alone.
_SUM = """
    SELECT count(*) AS rows, coalesce(sum(hashtextextended(CAST({told} AS text), 0)), 0) AS sum
    FROM {source} WHERE {at} <= :until
"""
_KEYS = "SELECT {key} AS key, {at} AS at FROM {source} WHERE {at} > :since AND {at} <= :until"
