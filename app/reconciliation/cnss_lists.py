"""Reads what was sent to CNSS and refused by it, for those who work there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, true

from app.base.money import Money
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.reconciliation.models import cnss_batch, cnss_line


@dataclass(frozen=True, slots=True)
class ListedBatch:
    """An export: its payments, how many CNSS credited and refused; the others have no answer."""

    id: int
    name: str
    through: date
    lines: int
    total: Money
    created_at: datetime
    posted: int
    refused: int

    @property
    def unanswered(self) -> int:
        return self.lines - self.posted - self.refused


BATCH_SORTING = Sorting(
    {
        "through": cnss_batch.c.through,
        "lines": cnss_batch.c.lines,
        "total": cnss_batch.c.total_centimes,
    },
    cnss_batch.c.id,
    "-through",
)


def list_batches(connection: Connection, asked: RowsAsked) -> PageOfRows[ListedBatch]:
    """Returns the exports that are asked for."""
    columns, line = cnss_batch.c, cnss_line.c
    answers = (
        select(
            func.count().filter(line.answer == "posted").label("posted"),
            func.count().filter(line.answer == "refused").label("refused"),
        )
        .where(line.batch_id == columns.id)
        .lateral()
    )
    statement = (
        select(
            columns.id,
            columns.name,
            columns.through,
            columns.lines,
            columns.total_centimes,
            columns.created_at,
            answers.c.posted,
            answers.c.refused,
        )
        .select_from(cnss_batch)
        .join(answers, true())
    )
    return read_page(connection, statement, BATCH_SORTING, asked, _read_batch)


def _read_batch(row: Row[Any]) -> ListedBatch:
    return ListedBatch(
        id=row.id,
        name=row.name,
        through=row.through,
        lines=row.lines,
        total=Money(row.total_centimes),
        created_at=row.created_at,
        posted=row.posted,
        refused=row.refused,
    )


def list_refused_reasons(connection: Connection) -> dict[str, int]:
    """Returns how many postings CNSS refused for each of its reasons, most first; ten at most."""
    reason = func.coalesce(cnss_line.c.reason, "").label("reason")
    rows = connection.execute(
        select(reason, func.count().label("lines"))
        .where(cnss_line.c.answer == "refused")
        .group_by(reason)
        .order_by(func.count().desc(), reason)
        .limit(10)
    )
    return {row.reason: row.lines for row in rows}


def count_unanswered(connection: Connection) -> int:
    """Returns how many payments that were sent have no answer yet."""
    waiting = select(func.count()).where(cnss_line.c.answer.is_(None), cnss_line.c.status == "paid")
    return int(connection.execute(waiting).scalar_one())
