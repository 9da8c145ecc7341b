"""Closes breaks that an earlier version opened only because a line was told again.

Such a break is about a payment of a file and has no reference of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, text

from app.audit.service import record_audit
from app.base.money import Money
from app.base.operation import Operation
from app.ledger.break_changes import close_breaks, open_breaks
from app.ledger.breaks import NewBreak
from app.reconciliation.payment_breaks import Cause, judge_codes
from app.reconciliation.service import lock_network, read_settled_days


@dataclass(frozen=True, slots=True)
class ClosedRepetitions:
    """Breaks that were closed, and breaks opened for what such breaks had charged a network."""

    closed: tuple[int, ...]
    charged: int


def close_repetitions(operation: Operation, network: str) -> ClosedRepetitions:
    """Closes a network's waiting breaks that only repetition opened.

    What was corrected is judged anew. A charge that was resolved becomes a break `not_owed`, by
    which two people book it back. Doing it again does nothing.

    Raises: InvalidInput for an unknown network.
    """
    connection, params = operation.connection, {"network": network}
    lock_network(connection, network)
    waiting = connection.execute(_WAITING, params).all()
    close_breaks(operation, {row.id: {"repeated": row.reference} for row in waiting})
    charged = connection.execute(_CHARGED, params).all()
    open_breaks(operation, [_make_break(network, row) for row in charged])
    _judge_again(operation, network, waiting)
    closed = tuple(int(row.id) for row in waiting)
    for number in closed:
        record_audit(operation, "repetition_closed", f"break:{number}", network=network)
    for row in charged:
        record_audit(operation, "charge_disputed", f"break:{row.id}", network=network)
    return ClosedRepetitions(closed, len(charged))


def _judge_again(
    operation: Operation, network: str, waiting: Sequence[Row[*tuple[object, ...]]]
) -> None:
    codes = {str(row.code) for row in waiting if row.code is not None}
    if not codes:
        return
    cause = Cause(network, max(int(row.file_id) for row in waiting))
    settled = read_settled_days(operation.connection, network)
    judge_codes(operation, cause, codes, settled.__contains__)


def _make_break(network: str, row: Row[*tuple[object, ...]]) -> NewBreak:
    """Returns the break for what a resolution charged because of a repetition."""
    details = {"of_break": row.id, "repeated": row.reference}
    return NewBreak("not_owed", network, None, row.code, Money(row.charged), None, details=details)


_WAITING = text("""
    SELECT b.id, b.code, b.file_id, b.details ->> 'reference' AS reference
    FROM reconciliation_break b
    WHERE b.network = :network AND b.reference IS NULL AND b.file_id IS NOT NULL
        AND b.details ? 'reference' AND b.state IN ('open', 'proposed')
    ORDER BY b.id FOR UPDATE
""")
_CHARGED = text("""
    SELECT b.id, b.code, b.details ->> 'reference' AS reference,
        sum(l.amount_centimes)::bigint AS charged
    FROM reconciliation_break b
    JOIN ledger_transaction t ON t.id = b.transaction_id AND t.reference IS NULL
    JOIN ledger_line l ON l.transaction_id = t.id AND l.account = 'agent_network_receivable'
    WHERE b.network = :network AND b.reference IS NULL AND b.file_id IS NOT NULL
        AND b.details ? 'reference' AND b.state = 'resolved' AND b.kind <> 'not_owed'
        AND NOT EXISTS (SELECT 1 FROM reconciliation_break o
            WHERE o.kind = 'not_owed' AND o.details ->> 'of_break' = b.id::text)
    GROUP BY b.id HAVING sum(l.amount_centimes) > 0
    ORDER BY b.id
""")
