"""Exports to CNSS the months that were paid and not sent yet, once, with a control total.

A month is sent as `paid`. It is sent again if CNSS refused it and two people decided so, and as
`reversed` if its deposit was reversed after it was sent. The file also has the artisans' choices of
how their reimbursements are paid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from io import StringIO

from sqlalchemy import Connection, Row, Select, func, insert, select, text, update

from app.audit.service import record_audit
from app.base.clock import local_date, local_midnight
from app.base.csv_writing import write_rows
from app.base.money import Money
from app.base.operation import Operation
from app.claims.collection import ChosenCollection, export_collections
from app.payments.allocations import mark_sent
from app.reconciliation.csv_lines import TOTAL
from app.reconciliation.models import cnss_batch, cnss_line

_ONE_AT_A_TIME = int.from_bytes(b"cnss out", "big")
HEADER = (
    "record",
    "reference",
    "rna_number",
    "cnss_number",
    "period",
    "contribution",
    "penalty",
    "total",
    "currency",
    "on",
    "status",
    "attempt",
)


@dataclass(frozen=True, slots=True)
class Batch:
    """A file for CNSS. `name` is None if there was nothing to send."""

    name: str | None
    content: str
    lines: int
    total: Money


def export_payments(operation: Operation, through: date) -> Batch:
    """Exports the payments received up to the end of the day `through` and not sent yet.

    Two exports at once wait for each other.
    """
    connection, now = operation.connection, operation.now
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
    begun = connection.begin_nested()
    draft = {"name": "begun", "through": through, "lines": 0, "total_centimes": 0, "content": ""}
    statement = insert(cnss_batch).values(**draft, created_at=now).returning(cnss_batch.c.id)
    number = connection.execute(statement).scalar_one()
    end = local_midnight(through + timedelta(days=1))
    params = {"batch": number, "end": end, "now": now}
    connection.execute(_INSERT_LINES, params)
    mark_sent(connection, _select_paid_months(number), now)
    payments = connection.execute(_PAYMENTS, params).all()
    choices = export_collections(operation, end)
    total = Money(sum(_signed_centimes(row) for row in payments))
    rows = [*map(_write_payment, payments), *map(_write_choice, choices)]
    content = _write_file(rows, len(payments), total)
    if not payments and not choices:
        begun.rollback()
        return Batch(None, content, 0, total)
    begun.commit()
    name = f"cnss-{through:%Y%m%d}-{number:08d}.csv"
    values = {"name": name, "lines": len(payments), "total_centimes": total.centimes}
    connection.execute(
        update(cnss_batch).where(cnss_batch.c.id == number).values(**values, content=content)
    )
    sums = {"payments": len(payments), "collections": len(choices), "total": str(total)}
    record_audit(operation, "cnss_told", f"file:{name}", **sums)
    return Batch(name, content, len(payments), total)


def find_batch(connection: Connection, name: str) -> Batch | None:
    """Returns a file that was exported before, byte for byte; None if no file has the name."""
    row = connection.execute(select(cnss_batch).where(cnss_batch.c.name == name)).one_or_none()
    return Batch(row.name, row.content, row.lines, Money(row.total_centimes)) if row else None


def _select_paid_months(batch: int) -> Select[tuple[str, date]]:
    columns = cnss_line.c
    return select(columns.receipt_number, columns.period).where(
        columns.batch_id == batch, columns.status == "paid"
    )


def _signed_centimes(row: Row[*tuple[object, ...]]) -> int:
    centimes: int = row.contribution_centimes + row.penalty_centimes
    return -centimes if row.status == "reversed" else centimes


def _write_payment(row: Row[*tuple[object, ...]]) -> tuple[str, ...]:
    sign = -1 if row.status == "reversed" else 1
    contribution = Money(sign * row.contribution_centimes)
    penalty = Money(sign * row.penalty_centimes)
    return (
        "payment",
        row.receipt_number,
        row.rna_number,
        row.cnss_number or "",
        f"{row.period:%Y-%m}",
        str(contribution),
        str(penalty),
        str(contribution + penalty),
        "MAD",
        f"{local_date(row.at)}",
        row.status,
        str(row.attempt),
    )


def _write_choice(row: ChosenCollection) -> tuple[str, ...]:
    """Writes how a reimbursement is to be paid: `cash` or `bank`."""
    owner = row.rna_number, row.cnss_number or ""
    on = f"{local_date(row.chosen_at)}"
    return "collection", row.claim_number, *owner, "", "", "", "", "", on, row.way, ""


def _write_file(rows: Iterable[tuple[str, ...]], payments: int, total: Money) -> str:
    """Writes the CSV; its last line is the control total: the number of payments and their sum."""
    file = StringIO()
    last = (TOTAL, payments, "", "", "", "", "", total, "MAD", "", "", "")
    write_rows(file, [HEADER, *rows, last])
    return file.getvalue()


# Inserts the months to send as paid, and those sent whose deposit was reversed since.
_INSERT_LINES = text("""
    WITH unsent AS (
        SELECT s.receipt_number, s.period, 'paid' AS status, s.contribution_centimes,
            s.penalty_centimes, d.received_at AS at,
            1 + (SELECT count(*) FROM cnss_line l WHERE l.receipt_number = s.receipt_number
                AND l.period = s.period AND l.status = 'paid') AS attempt
        FROM contribution_allocation s JOIN deposit d ON d.receipt_number = s.receipt_number
        WHERE s.sent_at IS NULL AND d.received_at < :end
        UNION ALL
        SELECT l.receipt_number, l.period, 'reversed', l.contribution_centimes,
            l.penalty_centimes, r.reversed_at, l.attempt
        FROM cnss_line l JOIN reversal r ON r.receipt_number = l.receipt_number
        WHERE l.status = 'paid' AND l.answer IS DISTINCT FROM 'refused' AND r.reversed_at < :end
            AND NOT EXISTS (SELECT 1 FROM cnss_line o WHERE o.receipt_number = l.receipt_number
                AND o.period = l.period AND o.status = 'reversed' AND o.attempt = l.attempt)
    )
    INSERT INTO cnss_line (batch_id, line, receipt_number, period, status, attempt,
        contribution_centimes, penalty_centimes)
    SELECT :batch, row_number() OVER (ORDER BY at, receipt_number, period, status),
        receipt_number, period, status, attempt, contribution_centimes, penalty_centimes
    FROM unsent
""")
_PAYMENTS = text("""
    SELECT l.*, coalesce(r.reversed_at, d.received_at) AS at, a.rna_number, a.cnss_number
    FROM cnss_line l
    JOIN deposit d ON d.receipt_number = l.receipt_number
    JOIN artisan a ON a.id = d.artisan_id
    LEFT JOIN reversal r ON r.receipt_number = l.receipt_number AND l.status = 'reversed'
    WHERE l.batch_id = :batch
    ORDER BY l.line
""")
