"""Opens, changes and closes many breaks at once, as a network's word on its payments changes.

A break that has ended stays as it is. What a waiting break said before is kept in its `history`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from app.base.operation import Operation
from app.ledger.breaks import NewBreak

# As many rows as one statement takes as JSON.
_ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class BreakChange:
    """A waiting break with what it says from now on. A proposal about what it said is void."""

    number: int
    new: NewBreak


def open_breaks(operation: Operation, breaks: Sequence[NewBreak]) -> dict[str, int]:
    """Opens a break for each difference. Returns the numbers of those that have a reference."""
    numbers: dict[str, int] = {}
    for chunk in _split_rows([new.columns for new in breaks]):
        params = {"rows": json.dumps(chunk), "now": operation.now}
        for row in operation.connection.execute(text(_OPEN), params):
            if row.reference is not None:
                numbers[row.reference] = row.id
    return numbers


def change_breaks(operation: Operation, changes: Sequence[BreakChange]) -> None:
    """Changes waiting breaks; each is `open` again, and keeps what it said in its history."""
    rows = [{"id": change.number} | change.new.columns for change in changes]
    _execute_chunks(operation, _CHANGE, rows)


def close_breaks(operation: Operation, closings: Mapping[int, Mapping[str, object]]) -> None:
    """Closes waiting breaks; each gets its own details, which say why."""
    rows = [{"id": number, "details": dict(details)} for number, details in closings.items()]
    _execute_chunks(operation, _CLOSE, rows)


def _execute_chunks(operation: Operation, sql: str, rows: Sequence[Mapping[str, object]]) -> None:
    for chunk in _split_rows(rows):
        params = {"rows": json.dumps(chunk), "now": operation.now}
        operation.connection.execute(text(sql), params)


def _split_rows(
    rows: Sequence[Mapping[str, object]],
) -> Iterator[Sequence[Mapping[str, object]]]:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE]


_COLUMNS = """
    (kind text, network text, receipt_number text, code text, our_centimes bigint,
        their_centimes bigint, file_id bigint, line bigint, reference text, details jsonb
"""
_OPEN = " ".join(
    (
        """
    INSERT INTO reconciliation_break (kind, network, receipt_number, code, our_centimes,
        their_centimes, file_id, line, reference, details, opened_at)
    SELECT n.kind, n.network, n.receipt_number, n.code, n.our_centimes, n.their_centimes,
        n.file_id, n.line, n.reference, n.details, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS n
""",
        _COLUMNS,
        ") RETURNING id, reference",
    )
)
_CHANGE = " ".join(
    (
        """
    UPDATE reconciliation_break b
    SET state = 'open', our_centimes = n.our_centimes, their_centimes = n.their_centimes,
        file_id = n.file_id, line = n.line, method = NULL, reason = NULL, proposed_by = NULL,
        proposed_at = NULL, approvers_needed = 1, first_approved_by = NULL,
        first_approved_at = NULL,
        details = n.details || jsonb_build_object('history',
            coalesce(b.details -> 'history', '[]'::jsonb) || jsonb_strip_nulls(jsonb_build_object(
                'until', CAST(:now AS timestamptz), 'our_centimes', b.our_centimes,
                'their_centimes', b.their_centimes, 'file', b.file_id, 'line', b.line,
                'method', b.method, 'proposed_by', b.proposed_by, 'reason', b.reason,
                'first_approved_by', b.first_approved_by,
                'told', b.details - 'history')))
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS n
""",
        _COLUMNS,
        """, id bigint)
    WHERE b.id = n.id AND b.state IN ('open', 'proposed')
""",
    )
)
_CLOSE = """
    UPDATE reconciliation_break b
    SET state = 'closed', ended_at = :now, details = b.details || n.details
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS n (id bigint, details jsonb)
    WHERE b.id = n.id AND b.state IN ('open', 'proposed')
"""
