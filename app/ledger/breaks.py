"""Opens breaks and moves them on: differences between two books, until two people resolve them.

A file's import or a person opens a break. One person proposes a resolution, a second person
approves it, of a large amount a third one too, and the result is booked with the names of who
proposed and who approved last. No function commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from app.audit.service import record_audit
from app.base.money import ZERO, Money, read_stored_amount
from app.base.operation import Operation
from app.ledger.errors import BreakUnknown, NotThisWay, ProposalChanged
from app.ledger.models import reconciliation_break
from app.office.two_people import check_two_people

# A proposal that is made anew is approved anew.
_NOT_APPROVED = {"approvers_needed": 1, "first_approved_by": None, "first_approved_at": None}

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
    "not_owed": ("suspense",),
    "lost_in_restore": ("late_confirmation", "suspense", "acknowledge"),
    "retried_after_restore": ("acknowledge",),
    "told_in_gap": ("acknowledge",),
}


@dataclass(frozen=True, slots=True)
class NewBreak:
    """A difference between two books. `ours` or `theirs` is None if that book has no amount.

    `reference` is the network's, with the file and line that told of it.
    """

    kind: str
    network: str
    receipt: str | None = None
    code: str | None = None
    ours: Money | None = None
    theirs: Money | None = None
    file_id: int | None = None
    line: int | None = None
    reference: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, object]:
        """The values of the break's row by column; amounts in centimes."""
        return {
            "kind": self.kind,
            "network": self.network,
            "receipt_number": self.receipt,
            "code": self.code,
            "our_centimes": None if self.ours is None else self.ours.centimes,
            "their_centimes": None if self.theirs is None else self.theirs.centimes,
            "file_id": self.file_id,
            "line": self.line,
            "reference": self.reference,
            "details": dict(self.details),
        }


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
    reference: str | None
    details: Mapping[str, Any]
    method: str
    reason: str
    proposed_by: str
    first_approved_by: str | None

    @property
    def stake(self) -> Money:
        """The larger of the two books' amounts: so much may move."""
        return max(self.ours or ZERO, self.theirs or ZERO)


@dataclass(frozen=True, slots=True)
class BreakOutcome:
    """The number of the row that a resolution wrote with both names; the other number is None.

    It is a ledger transaction, or an audit event if no money moved.
    """

    transaction_id: int | None = None
    audit_event_id: int | None = None


def open_break(operation: Operation, new: NewBreak) -> int:
    """Records a difference between two books. Returns the break's number."""
    columns = reconciliation_break.c
    statement = insert(reconciliation_break).values(opened_at=operation.now, **new.columns)
    number = int(operation.connection.execute(statement.returning(columns.id)).scalar_one())
    record_audit(operation, "break_opened", f"break:{number}", kind=new.kind, receipt=new.receipt)
    return number


def assign_break(operation: Operation, number: int) -> None:
    """Makes the operation's actor the owner of a break. Raises: BreakUnknown."""
    _change_break(operation, number, ("open", "proposed"), owner=operation.actor)
    record_audit(operation, "break_owned", f"break:{number}")


def propose_resolution(operation: Operation, number: int, method: str, reason: str) -> None:
    """Records the resolution that the operation's actor proposes. It replaces an earlier proposal.

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
        **_NOT_APPROVED,
    )
    if method not in RESOLUTIONS[kind]:
        raise NotThisWay(ways=", ".join(RESOLUTIONS[kind]))
    proposed = {"method": method, "reason": reason}
    record_audit(operation, "resolution_proposed", f"break:{number}", **proposed)


def lock_proposed(
    operation: Operation, number: int, proposed_at: datetime | None = None
) -> ProposedBreak:
    """Locks a proposed break, which the operation's actor wants to approve, and returns it.

    `proposed_at` is the moment of the proposal that was shown to the actor.

    Raises: BreakUnknown, ProposalChanged, SamePerson.
    """
    columns = reconciliation_break.c
    statement = reconciliation_break.select().where(
        columns.id == number, columns.state == "proposed"
    )
    row = operation.connection.execute(statement.with_for_update()).one_or_none()
    if row is None:
        raise BreakUnknown(id=number)
    if proposed_at not in (None, row.proposed_at):
        raise ProposalChanged(id=number)
    check_two_people(operation, row.proposed_by)
    if row.first_approved_by is not None:
        check_two_people(operation, row.first_approved_by)
    return ProposedBreak(
        id=row.id,
        kind=row.kind,
        network=row.network,
        receipt=row.receipt_number,
        code=row.code,
        ours=read_stored_amount(row.our_centimes),
        theirs=read_stored_amount(row.their_centimes),
        file_id=row.file_id,
        line=row.line,
        reference=row.reference,
        details=row.details,
        method=row.method,
        reason=row.reason,
        proposed_by=row.proposed_by,
        first_approved_by=row.first_approved_by,
    )


def keep_first_approval(operation: Operation, proposed: ProposedBreak) -> None:
    """Records that the operation's actor is the first of the two approvers that a break needs."""
    _change_break(
        operation,
        proposed.id,
        ("proposed",),
        approvers_needed=2,
        first_approved_by=operation.actor,
        first_approved_at=operation.now,
    )
    details = {"method": proposed.method, "proposed_by": proposed.proposed_by}
    record_audit(operation, "resolution_approved_first", f"break:{proposed.id}", **details)


def refuse_proposal(
    operation: Operation, number: int, reason: str, proposed_at: datetime | None = None
) -> None:
    """Takes a proposal from a break: its proposer takes it back, or another person refuses it.

    The break is open again; one that is nothing but a reversal asked for is closed. `proposed_at`
    is the moment of the proposal that was shown to the actor.

    Raises: BreakUnknown, ProposalChanged.
    """
    columns = reconciliation_break.c
    row = operation.connection.execute(
        select(columns.kind, columns.method, columns.proposed_by, columns.proposed_at)
        .where(columns.id == number, columns.state == "proposed")
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise BreakUnknown(id=number)
    if proposed_at not in (None, row.proposed_at):
        raise ProposalChanged(id=number)
    ended: dict[str, object] = {"state": "open"}
    if row.kind == "reversal_asked":
        ended = {"state": "closed", "ended_at": operation.now}
    nothing = dict.fromkeys(("method", "reason", "proposed_by", "proposed_at"))
    _change_break(operation, number, ("proposed",), **nothing, **_NOT_APPROVED, **ended)
    told = {"method": row.method, "proposed_by": row.proposed_by, "reason": reason}
    record_audit(operation, "resolution_refused", f"break:{number}", **told)


def mark_resolved(operation: Operation, number: int, outcome: BreakOutcome) -> None:
    """Records that the operation's actor approved the resolution of a break, and its outcome."""
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
    """Changes a break that is in one of `states`. Returns its kind. Raises: BreakUnknown."""
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
