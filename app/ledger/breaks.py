"""Breaks: differences between two books, each open until two people have settled it.

A break is opened by a machine or a person. One person proposes a resolution, a second person
approves it, and the result is booked with both names. Commits nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, update

from app.base.money import Money
from app.base.operation import Operation
from app.ledger.errors import BreakUnknown, NotThisWay, SamePerson
from app.ledger.models import reconciliation_break

# The resolutions allowed for a break of each kind; docs/money.md says what each of them books.
RESOLUTIONS: Mapping[str, tuple[str, ...]] = {
    "missing_here": ("late_confirmation", "suspense", "acknowledge"),
    "missing_there": ("reverse", "suspense", "acknowledge"),
    "amount_differs": ("suspense", "acknowledge"),
    "duplicate": ("suspense", "acknowledge"),
    "other_agent": ("acknowledge",),
    "reversed_there": ("reverse", "suspense", "acknowledge"),
    "reversed_here": ("suspense", "acknowledge"),
    "other_amount_sent": ("refund", "acknowledge"),
    "posting_refused": ("send_again", "acknowledge"),
    "reversal_asked": ("reverse", "acknowledge"),
}


@dataclass(frozen=True, slots=True)
class NewBreak:
    """A difference between two books. An amount is None where one side has nothing."""

    kind: str
    network: str
    receipt: str | None = None
    code: str | None = None
    ours: Money | None = None
    theirs: Money | None = None
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProposedBreak:
    """A break with the resolution that one person proposed; locked until the transaction ends."""

    id: int
    kind: str
    network: str
    receipt: str | None
    code: str | None
    ours: Money | None
    theirs: Money | None
    file_id: int | None
    line: int | None
    details: Mapping[str, Any]
    method: str
    reason: str
    proposed_by: str


@dataclass(frozen=True, slots=True)
class BreakOutcome:
    """The row that a resolution wrote with both names: one of the two numbers.

    A transaction of the ledger, or an audit event where no money moved.
    """

    transaction_id: int | None = None
    audit_event_id: int | None = None


def open_break(operation: Operation, found: NewBreak) -> int:
    """Records that two books differ. Returns the break's number."""
    columns = reconciliation_break.c
    statement = insert(reconciliation_break).values(
        kind=found.kind,
        network=found.network,
        receipt_number=found.receipt,
        code=found.code,
        our_centimes=found.ours.centimes if found.ours else None,
        their_centimes=found.theirs.centimes if found.theirs else None,
        details=dict(found.details),
        opened_at=operation.now,
    )
    return int(operation.connection.execute(statement.returning(columns.id)).scalar_one())


def own_break(operation: Operation, number: int) -> None:
    """Makes the operation's actor the owner of a break. Raises: BreakUnknown."""
    _change_break(operation, number, ("open", "proposed"), owner=operation.actor)


def propose(operation: Operation, number: int, method: str, reason: str) -> None:
    """Records how the operation's actor would settle a break; the last proposal counts.

    Raises: BreakUnknown, NotThisWay.
    """
    kind = _change_break(
        operation,
        number,
        ("open", "proposed"),
        state="proposed",
        method=method,
        proposed_by=operation.actor,
        reason=reason,
        proposed_at=operation.now,
    )
    if method not in RESOLUTIONS[kind]:
        raise NotThisWay(ways=", ".join(RESOLUTIONS[kind]))


def lock_proposed(operation: Operation, number: int) -> ProposedBreak:
    """Returns a proposed break, locked for the operation's actor to approve it.

    Raises: BreakUnknown, SamePerson.
    """
    columns = reconciliation_break.c
    statement = reconciliation_break.select().where(
        columns.id == number, columns.state == "proposed"
    )
    row = operation.connection.execute(statement.with_for_update()).one_or_none()
    if row is None:
        raise BreakUnknown(id=number)
    if row.proposed_by.casefold() == operation.actor.casefold():
        raise SamePerson(by=operation.actor)
    return ProposedBreak(
        id=row.id,
        kind=row.kind,
        network=row.network,
        receipt=row.receipt_number,
        code=row.code,
        ours=_read_amount(row.our_centimes),
        theirs=_read_amount(row.their_centimes),
        file_id=row.file_id,
        line=row.line,
        details=row.details,
        method=row.method,
        reason=row.reason,
        proposed_by=row.proposed_by,
    )


def _read_amount(centimes: int | None) -> Money | None:
    return None if centimes is None else Money(centimes)


def mark_resolved(operation: Operation, number: int, outcome: BreakOutcome) -> None:
    """Records that the operation's actor approved a break, and the row that it ended with."""
    _change_break(
        operation,
        number,
        ("proposed",),
        state="resolved",
        approved_by=operation.actor,
        transaction_id=outcome.transaction_id,
        audit_event_id=outcome.audit_event_id,
        ended_at=operation.now,
    )


def _change_break(
    operation: Operation, number: int, states: tuple[str, ...], **values: object
) -> str:
    """Changes a break in one of the states. Returns its kind. Raises: BreakUnknown."""
    columns = reconciliation_break.c
    kind = operation.connection.execute(
        update(reconciliation_break)
        .where(columns.id == number, columns.state.in_(states))
        .values(**values)
        .returning(columns.kind)
    ).scalar()
    if kind is None:
        raise BreakUnknown(id=number)
    return str(kind)
