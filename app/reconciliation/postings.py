"""Reads what CNSS refused of payments."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from app.reconciliation.models import cnss_line


def list_refusals(connection: Connection, receipts: Collection[str]) -> dict[str, str]:
    """Returns, of these receipts, those whose last answer by CNSS is a refusal, with its reason."""
    columns = cnss_line.c
    rows = connection.execute(
        select(columns.receipt_number, columns.period, columns.answer, columns.reason)
        .where(columns.receipt_number.in_(receipts), columns.status == "paid")
        .order_by(columns.receipt_number, columns.period, columns.attempt)
    )
    last = {(row.receipt_number, row.period): row for row in rows}
    return {
        row.receipt_number: row.reason or "" for row in last.values() if row.answer == "refused"
    }
