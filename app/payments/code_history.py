"""A code's states, with who and when, from the tables that hold each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class CodeEvent:
    """A state a code came to; `by` is None for time."""

    state: str
    at: datetime
    by: str | None
    receipt: str | None


def code_history(connection: Connection, code_or_receipt: str, now: datetime) -> list[CodeEvent]:
    """Oldest first; empty for a code never issued. A time that is over counts, noted or not."""
    rows = connection.execute(_STEPS, {"asked": code_or_receipt, "now": now})
    return [CodeEvent(*row) for row in rows]


_STEPS = text("""
    WITH code AS (
        SELECT c.*, d.receipt_number FROM payment_code c LEFT JOIN deposit d ON d.code = c.code
        WHERE c.code = :asked OR d.receipt_number = :asked
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
