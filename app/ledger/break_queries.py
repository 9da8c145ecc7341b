"""Reads breaks, for the people who resolve them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, func, select

from app.base.clock import local_date
from app.base.money import Money, read_stored_amount
from app.base.rows import read_row
from app.ledger.models import reconciliation_break

_WAITING = reconciliation_break.c.state.in_(("open", "proposed"))


@dataclass(frozen=True, slots=True)
class Break:
    """A break. `days` is its age until it ended, or until now.

    `ours` or `theirs` is None if that book has no amount. `transaction` is None if it is not
    resolved, or no money moved.
    """

    id: int
    kind: str
    state: str
    days: int
    network: str
    receipt: str | None
    code: str | None
    reference: str | None
    ours: Money | None
    theirs: Money | None
    owner: str | None
    method: str | None
    proposed_by: str | None
    first_approved_by: str | None
    approved_by: str | None
    transaction: int | None
    details: Mapping[str, object]

    def as_json(self) -> dict[str, object]:
        """Returns the break as JSON values. The code is shortened, as a whole one could be paid."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return fields | {
            "ours": _write_amount(self.ours),
            "theirs": _write_amount(self.theirs),
            "code": f"{self.code[:4]}...{self.code[-2:]}" if self.code else None,
        }


@dataclass(frozen=True, slots=True)
class OpenBreaks:
    """The count of breaks of a kind that wait, and when the oldest of them was opened."""

    network: str
    kind: str
    count: int
    oldest: datetime


def count_open_breaks(connection: Connection) -> list[OpenBreaks]:
    """Returns the breaks that nobody has ended, by network and kind."""
    groups = reconciliation_break.c.network, reconciliation_break.c.kind
    oldest = func.min(reconciliation_break.c.opened_at)
    rows = connection.execute(
        select(*groups, func.count().label("count"), oldest.label("oldest"))
        .where(_WAITING)
        .group_by(*groups)
        .order_by(*groups)
    )
    return [read_row(OpenBreaks, row) for row in rows]


def list_breaks(
    connection: Connection, kind: str | None, ended: bool, most: int, now: datetime
) -> list[Break]:
    """Returns at most `most` breaks, oldest first. `ended` includes those that have ended."""
    columns = reconciliation_break.c
    statement = select(reconciliation_break).order_by(columns.id).limit(most)
    if kind:
        statement = statement.where(columns.kind == kind)
    if not ended:
        statement = statement.where(_WAITING)
    return [read_break(row, now) for row in connection.execute(statement)]


def has_waiting_break(connection: Connection, kind: str, network: str, code: str) -> bool:
    """True if a break of that kind, network and code is not resolved or closed."""
    columns = reconciliation_break.c
    found = select(columns.id).where(
        columns.kind == kind, columns.network == network, columns.code == code, _WAITING
    )
    return connection.execute(found).first() is not None


def count_open(connection: Connection) -> dict[str, int]:
    """Returns how many breaks of each kind are not resolved or closed."""
    kind = reconciliation_break.c.kind
    counts = select(kind, func.count().label("breaks")).where(_WAITING).group_by(kind)
    return {row.kind: row.breaks for row in connection.execute(counts)}


def read_break(row: Row[tuple[object, ...]], now: datetime) -> Break:
    """Reads a break from its row."""
    until = row.ended_at or now
    return Break(
        id=row.id,
        kind=row.kind,
        state=row.state,
        days=(local_date(until) - local_date(row.opened_at)).days,
        network=row.network,
        receipt=row.receipt_number,
        code=row.code,
        reference=row.reference,
        ours=read_stored_amount(row.our_centimes),
        theirs=read_stored_amount(row.their_centimes),
        owner=row.owner,
        method=row.method,
        proposed_by=row.proposed_by,
        first_approved_by=row.first_approved_by,
        approved_by=row.approved_by,
        transaction=row.transaction_id,
        details=row.details,
    )


def _write_amount(amount: Money | None) -> str | None:
    return None if amount is None else str(amount)
