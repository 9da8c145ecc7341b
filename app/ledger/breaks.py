"""Breaks: what two books say differently, until two people have settled it.

A break is found by a machine or asked for by a person; one person proposes a way, another approves
it, and what follows is booked with both names. Commits nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from app.base.money import Money
from app.ledger.errors import BreakUnknown, NotThisWay, SamePerson
from app.ledger.models import reconciliation_break

# How a break of each kind may be settled. `suspense`: what the network says is booked as it says,
# the difference waiting in suspense; `refund`: what waits in suspense is the network's again;
# `note`: no money moves, and the books say that it was looked at.
RESOLUTIONS: Mapping[str, tuple[str, ...]] = {
    "missing_here": ("take_up", "suspense", "note"),
    "missing_there": ("reverse", "suspense", "note"),
    "amount_differs": ("suspense", "note"),
    "duplicate": ("suspense", "note"),
    "other_agent": ("note",),
    "reversed_there": ("reverse", "suspense", "note"),
    "reversed_here": ("suspense", "note"),
    "other_amount_sent": ("refund", "note"),
    "posting_refused": ("send_again", "note"),
    "reversal_asked": ("reverse", "note"),
}


def open_break(
    connection: Connection,
    kind: str,
    *,
    network: str,
    receipt: str | None,
    code: str | None,
    ours: Money | None,
    theirs: Money | None,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> int:
    """Notes that something does not agree; gives its number."""
    values = {
        "kind": kind,
        "network": network,
        "receipt_number": receipt,
        "code": code,
        "our_centimes": ours.centimes if ours else None,
        "their_centimes": theirs.centimes if theirs else None,
        "details": dict(details or {}),
        "opened_at": now,
    }
    statement = insert(reconciliation_break).values(**values).returning(reconciliation_break.c.id)
    return int(connection.execute(statement).scalar_one())


def own_break(connection: Connection, number: int, by: str) -> None:
    """Somebody looks after it. BreakUnknown."""
    _change(connection, number, ("open", "proposed"), owner=by)


def propose(
    connection: Connection, number: int, method: str, by: str, reason: str, now: datetime
) -> None:
    """One person says how it is to be settled; the last word before approval counts.

    BreakUnknown, NotThisWay.
    """
    kind = _change(
        connection,
        number,
        ("open", "proposed"),
        state="proposed",
        method=method,
        proposed_by=by,
        reason=reason,
        proposed_at=now,
    )
    if method not in RESOLUTIONS[kind]:
        raise NotThisWay(ways=", ".join(RESOLUTIONS[kind]))


def take_proposed(connection: Connection, number: int, by: str) -> Any:
    """The proposed break, locked for who approves it. BreakUnknown, SamePerson."""
    row = reconciliation_break.c
    statement = reconciliation_break.select().where(row.id == number, row.state == "proposed")
    if (found := connection.execute(statement.with_for_update()).one_or_none()) is None:
        raise BreakUnknown(id=number)
    if found.proposed_by.casefold() == by.casefold():
        raise SamePerson(by=by)
    return found


def mark_resolved(
    connection: Connection, number: int, by: str, transaction_id: int, now: datetime
) -> None:
    """Settled, with what was booked for it."""
    _change(
        connection,
        number,
        ("proposed",),
        state="resolved",
        approved_by=by,
        transaction_id=transaction_id,
        ended_at=now,
    )


def _change(connection: Connection, number: int, states: tuple[str, ...], **values: Any) -> str:
    """Changes a break in one of the states; gives its kind."""
    row = reconciliation_break.c
    kind = connection.execute(
        update(reconciliation_break)
        .where(row.id == number, row.state.in_(states))
        .values(**values)
        .returning(row.kind)
    ).scalar()
    if kind is None:
        raise BreakUnknown(id=number)
    return str(kind)
