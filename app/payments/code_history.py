"""Reads the history of a code: each state it came to, when, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from app.base.rows import read_row
from app.payments.models import payment_code


@dataclass(frozen=True, slots=True)
class CodeEvent:
    """A state that a code came to; `by` is None if the code expired."""

    state: str
    at: datetime
    by: str | None
    receipt: str | None


def list_code_events(
    connection: Connection, code_or_receipt: str, now: datetime
) -> list[CodeEvent]:
    """Returns the states that a code came to, oldest first; none for a code never issued.

    A code past `expires_at` counts as expired even if its row still says `issued`.
    """
    rows = connection.execute(_STEPS, {"wanted": code_or_receipt, "now": now})
    return [read_row(CodeEvent, row) for row in rows]


def count_paid_codes(connection: Connection, since: datetime) -> int:
    """Counts the codes that phones asked for since `since` and that are paid."""
    columns = payment_code.c
    asked = columns.issued_at >= since, columns.phone.is_not(None), columns.state == "paid"
    statement = select(func.count()).select_from(payment_code).where(*asked)
    return int(connection.execute(statement).scalar_one())


_STEPS = text("""
    WITH code AS (
        SELECT c.*, d.receipt_number FROM payment_code c LEFT JOIN deposit d ON d.code = c.code
        WHERE c.code = :wanted OR d.receipt_number = :wanted
    ), steps AS (
        SELECT 1 AS place, 'issued' AS state, c.issued_at AS at, coalesce((SELECT e.actor
            FROM audit_event e WHERE e.subject = 'artisan:' || c.artisan_id
              AND e.action = 'code_issued' AND e.details ->> 'code' = c.code), 'artisan') AS by,
            NULL AS receipt
        FROM code c
        UNION ALL
        SELECT 2, 'cancelled', c.ended_at, coalesce((SELECT e.actor
            FROM audit_event e WHERE e.subject = 'artisan:' || c.artisan_id
              AND e.action = 'code_cancelled' AND e.details ->> 'code' = c.code), 'artisan'), NULL
        FROM code c WHERE c.state = 'cancelled'
        UNION ALL
        SELECT 2, 'expired', c.expires_at, NULL, NULL FROM code c
        WHERE c.state = 'expired' OR (c.state = 'issued' AND c.expires_at <= :now)
        UNION ALL
        SELECT 3, 'paid', d.received_at,
            concat_ws(' + ', t.made_by, t.approved_by), d.receipt_number
        FROM code c JOIN deposit d ON d.code = c.code
        JOIN ledger_transaction t ON t.reference = d.receipt_number AND t.event = 'deposit'
        UNION ALL
        SELECT 4, 'reversed', r.reversed_at,
            concat_ws(' + ', r.made_by, r.approved_by), r.receipt_number
        FROM code c JOIN reversal r ON r.receipt_number = c.receipt_number
    )
    SELECT state, at, by, receipt FROM steps ORDER BY place
""")
