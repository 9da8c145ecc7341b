"""Reads breaks for the office's pages: a table in pages, one break whole, and how old they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, select

from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.ledger.break_queries import Break, read_break
from app.ledger.models import own_amount, reconciliation_break

WAITING_STATES, ENDED_STATES = ("open", "proposed"), ("resolved", "closed")
# A break's state as one asks for it, and the states of rows.
STATES_ASKED = {
    "waiting": WAITING_STATES,
    "open": ("open",),
    "proposed": ("proposed",),
    "ended": ENDED_STATES,
}
BREAK_SORTING = Sorting(
    {
        "number": reconciliation_break.c.id,
        "kind": reconciliation_break.c.kind,
        "ours": own_amount,
        "state": reconciliation_break.c.state,
    },
    reconciliation_break.c.id,
    "number",
)
# The days up to which a break is in each class of age; the last class is older.
AGE_CLASSES = (1, 7, 30)


@dataclass(frozen=True, slots=True)
class BreakQuery:
    """The breaks of a table: some kinds, and a state of STATES_ASKED."""

    kinds: Sequence[str]
    state: str = "waiting"


@dataclass(frozen=True, slots=True)
class BreakSheet:
    """A break with all that two people need to decide on it."""

    seen: Break
    opened_at: datetime
    reason: str | None
    proposed_at: datetime | None
    approvers_needed: int
    file_id: int | None
    line: int | None


@dataclass(frozen=True, slots=True)
class BreakAge:
    """Waiting breaks of a kind, counted by AGE_CLASSES; the last count is of the older ones."""

    kind: str
    counts: tuple[int, ...]


def list_break_page(
    connection: Connection,
    own: ColumnElement[bool],
    query: BreakQuery,
    asked: RowsAsked,
    now: datetime,
) -> PageOfRows[Break]:
    """Returns the breaks that are asked for, among one's own."""
    columns = reconciliation_break.c
    statement = select(reconciliation_break).where(
        own, columns.kind.in_(query.kinds), columns.state.in_(STATES_ASKED[query.state])
    )
    return read_page(connection, statement, BREAK_SORTING, asked, lambda row: read_break(row, now))


def find_break(
    connection: Connection,
    own: ColumnElement[bool],
    number: int,
    kinds: Sequence[str],
    now: datetime,
) -> BreakSheet | None:
    """Returns a break of these kinds, among one's own; None if it is none."""
    columns = reconciliation_break.c
    row = connection.execute(
        select(reconciliation_break).where(columns.id == number, columns.kind.in_(kinds), own)
    ).one_or_none()
    if row is None:
        return None
    return BreakSheet(
        seen=read_break(row, now),
        opened_at=row.opened_at,
        reason=row.reason,
        proposed_at=row.proposed_at,
        approvers_needed=row.approvers_needed,
        file_id=row.file_id,
        line=row.line,
    )


def count_break_ages(
    connection: Connection, own: ColumnElement[bool], kinds: Sequence[str], now: datetime
) -> list[BreakAge]:
    """Returns one's own waiting breaks of each kind by age, the kinds in their own order."""
    columns = reconciliation_break.c
    edges = [now - timedelta(days=days) for days in AGE_CLASSES]
    since = [*edges, None]
    until = [None, *edges]
    counts = []
    for number, (begin, end) in enumerate(zip(since, until, strict=True)):
        inside = [columns.opened_at > begin] if begin else []
        inside += [columns.opened_at <= end] if end else []
        counts.append(func.count().filter(*inside).label(f"class_{number}"))
    rows = connection.execute(
        select(columns.kind, *counts)
        .where(own, columns.kind.in_(kinds), columns.state.in_(WAITING_STATES))
        .group_by(columns.kind)
    )
    found = {row.kind: BreakAge(row.kind, tuple(row[1:])) for row in rows}
    return [found[kind] for kind in kinds if kind in found]


def count_breaks(
    connection: Connection, own: ColumnElement[bool], kinds: Sequence[str], states: Sequence[str]
) -> int:
    """Returns how many of one's own breaks of these kinds are in these states."""
    columns = reconciliation_break.c
    counted = select(func.count()).where(own, columns.kind.in_(kinds), columns.state.in_(states))
    return int(connection.execute(counted).scalar_one())


def count_to_approve(
    connection: Connection, own: ColumnElement[bool], kinds: Sequence[str], name: str
) -> int:
    """Returns how many of one's own proposals wait for `name`, who made none of them."""
    columns = reconciliation_break.c
    counted = select(func.count()).where(
        own,
        columns.kind.in_(kinds),
        columns.state == "proposed",
        columns.proposed_by != name,
        func.coalesce(columns.first_approved_by, "") != name,
    )
    return int(connection.execute(counted).scalar_one())
