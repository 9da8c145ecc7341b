"""Reads breaks, for who settles them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from app.base.clock import local_date
from app.base.money import Money
from app.ledger.models import reconciliation_break


@dataclass(frozen=True, slots=True)
class Break:
    """`days` is its age, to its end or to now; amounts are None where one side has nothing."""

    id: int
    kind: str
    state: str
    days: int
    network: str
    receipt: str | None
    code: str | None
    ours: Money | None
    theirs: Money | None
    owner: str | None
    method: str | None
    proposed_by: str | None
    approved_by: str | None
    transaction: int | None
    details: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For machines: the code by its ends alone, who has it whole can pay with it."""
        amounts = {name: str(one) if one else None for name, one in self._amounts()}
        named = {name: getattr(self, name) for name in self.__slots__ if name not in amounts}
        return (
            named | amounts | {"code": f"{self.code[:4]}...{self.code[-2:]}" if self.code else None}
        )

    def _amounts(self) -> tuple[tuple[str, Money | None], ...]:
        return ("ours", self.ours), ("theirs", self.theirs)


def list_breaks(
    connection: Connection, kind: str | None, ended: bool, most: int, now: datetime
) -> list[Break]:
    """Oldest first; those that ended only when asked for."""
    row = reconciliation_break.c
    statement = select(reconciliation_break).order_by(row.id).limit(most)
    if kind:
        statement = statement.where(row.kind == kind)
    if not ended:
        statement = statement.where(row.state.in_(("open", "proposed")))
    return [_break(found, now) for found in connection.execute(statement)]


def count_open(connection: Connection) -> dict[str, int]:
    """How many breaks of each kind wait."""
    row = reconciliation_break.c
    waiting = row.state.in_(("open", "proposed"))
    counts = connection.execute(select(row.kind, func.count()).where(waiting).group_by(row.kind))
    return {found[0]: found[1] for found in counts}


def _break(found: Any, now: datetime) -> Break:
    until = found.ended_at or now
    ours, theirs = (
        Money(centimes) if centimes is not None else None
        for centimes in (found.our_centimes, found.their_centimes)
    )
    return Break(
        found.id,
        found.kind,
        found.state,
        (local_date(until) - local_date(found.opened_at)).days,
        found.network,
        found.receipt_number,
        found.code,
        ours,
        theirs,
        found.owner,
        found.method,
        found.proposed_by,
        found.approved_by,
        found.transaction_id,
        found.details,
    )
