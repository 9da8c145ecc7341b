"""Books transactions: the one way lines come into the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, text

# One statement: a deposit is on the way while somebody stands at the till.
_BOOK = text("""
    WITH booked AS (
        INSERT INTO ledger_transaction
            (event, receipt_number, network, agent_number, terminal, made_by, approved_by,
             occurred_at)
        VALUES (:event, :receipt, :network, :agent_number, :terminal, :made_by, :approved_by, :now)
        RETURNING id
    ), lines AS (
        INSERT INTO ledger_line (transaction_id, position, account, amount_centimes)
        SELECT booked.id, line.position, line.account, line.centimes
        FROM booked, unnest(CAST(:accounts AS text[]), CAST(:amounts AS bigint[]))
            WITH ORDINALITY AS line (account, centimes, position)
    )
    SELECT id FROM booked
""")


def book(
    connection: Connection,
    event: str,
    lines: Iterable[tuple[str, int]],
    *,
    network: str,
    made_by: str,
    now: datetime,
    receipt: str | None = None,
    agent_number: str | None = None,
    terminal: str | None = None,
    approved_by: str | None = None,
) -> int:
    """Books one transaction and gives its number; lines are (account, centimes), debits positive.

    Lines of nothing are left out. That they sum to zero is the database's to check, at commit.
    """
    kept = [(account, centimes) for account, centimes in lines if centimes]
    values = {
        "event": event,
        "receipt": receipt,
        "network": network,
        "agent_number": agent_number,
        "terminal": terminal,
        "made_by": made_by,
        "approved_by": approved_by,
        "now": now,
        "accounts": [account for account, _ in kept],
        "amounts": [centimes for _, centimes in kept],
    }
    return int(connection.execute(_BOOK, values).scalar_one())
