"""Resolves a break as one person proposed and a second approves; a large amount needs a third.

A resolution that moves money is a ledger transaction, and each is an audit event. Both record who
proposed and who approved last; the break has all three.

To add a resolution, write its function and add its name to `breaks.RESOLUTIONS` and `_RESOLVERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Connection, select, text

from app.agents.networks import get_network
from app.audit.service import record_decision
from app.base.money import ZERO, Money
from app.base.operation import Operation
from app.ledger.breaks import (
    BreakOutcome,
    NewBreak,
    ProposedBreak,
    keep_first_approval,
    lock_proposed,
    mark_resolved,
    open_break,
    propose_resolution,
)
from app.ledger.models import CONTRIBUTIONS, PENALTIES, RECEIVABLE, SUSPENSE
from app.ledger.queries import balances_of_reference, find_transaction
from app.ledger.service import LedgerEntry, Posting, book_entry
from app.office.two_people import needs_two_approvers
from app.payments.allocations import mark_unsent
from app.payments.codes import end_live_code, queue_cancellation
from app.payments.collector import Collector
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.errors import AlreadyPosted, AlreadyReversed, ReceiptUnknown
from app.payments.models import deposit, payment_code
from app.payments.reversals import ReversalRequest, lock_code, reverse_deposit
from app.services import Services


def propose_reversal(operation: Operation, receipt: str, reason: str) -> int:
    """Opens a break for a deposit of an earlier day, and proposes to reverse it.

    Returns the break's number. Raises: ReceiptUnknown, AlreadyReversed.
    """
    row = operation.connection.execute(
        select(deposit.c.network, deposit.c.code, deposit.c.total_centimes, payment_code.c.state)
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .where(deposit.c.receipt_number == receipt)
    ).one_or_none()
    if row is None:
        raise ReceiptUnknown()
    if row.state == "reversed":
        raise AlreadyReversed()
    new = NewBreak("reversal_asked", row.network, receipt, row.code, Money(row.total_centimes))
    number = open_break(operation, new)
    propose_resolution(operation, number, "reverse", reason)
    return number


def approve_resolution(
    operation: Operation, services: Services, number: int, proposed_at: datetime | None = None
) -> BreakOutcome | None:
    """Resolves a break as proposed; `operation.actor` is the second person, or the third.

    `proposed_at` is the moment of the proposal that the approver read: a later one is not approved.

    Returns the transaction or audit event that was written; None if this was the first of two
    approvals that the amount needs. After an error the caller rolls back.

    Raises: BreakUnknown, ProposalChanged, SamePerson, and the refusals of the resolution.
    """
    proposed = lock_proposed(operation, number, proposed_at)
    needs_two = needs_two_approvers(proposed.stake, services.two_approvers_from)
    if needs_two and proposed.first_approved_by is None:
        keep_first_approval(operation, proposed)
        return None
    outcome = _RESOLVERS[proposed.method](operation, services, proposed)
    if outcome.transaction_id is not None:
        # The books have it, and the audit too: there every approval is found with both names.
        _record_approval(operation, proposed, transaction=outcome.transaction_id)
    mark_resolved(operation, number, outcome)
    return outcome


def _confirm_late(
    operation: Operation, services: Services, proposed: ProposedBreak
) -> BreakOutcome:
    """Redeems the code for cash in the network's file, at the moment that the file states."""
    details = proposed.details
    collector = Collector(
        "file",
        f"network:{proposed.network}",
        proposed.network,
        None,
        details.get("agent_number"),
        details.get("terminal"),
        reference=details["reference"],
        other_amounts=True,
        network_name=get_network(operation.connection, proposed.network).shown_name,
    )
    confirmation = CashConfirmation(
        str(proposed.code),
        f"file:{proposed.file_id}:{proposed.line}",
        proposed.theirs,
        datetime.fromisoformat(details["paid_at"]),
        operation.actor,
    )
    receipt = redeem_code(
        replace(operation, actor=collector.actor), services, collector, confirmation
    )
    return BreakOutcome(transaction_id=find_transaction(operation.connection, "deposit", receipt))


def _reverse_deposit(
    operation: Operation, services: Services, proposed: ProposedBreak
) -> BreakOutcome:
    request = ReversalRequest(
        str(proposed.receipt), "office", proposed.reason, approved_by=operation.actor
    )
    proposer = replace(operation, actor=proposed.proposed_by)
    return BreakOutcome(transaction_id=reverse_deposit(proposer, services, request))


def _book_in_suspense(
    operation: Operation, services: Services, proposed: ProposedBreak
) -> BreakOutcome:
    """Books the amount that the network says it owes; the difference to our books goes to suspense.

    A code that is still live is ended, so that it cannot be paid again.
    """
    code = lock_code(operation.connection, proposed.code, proposed.network)
    if code.state == "issued":
        _end_code(operation, services, str(proposed.code))
    theirs = proposed.theirs or ZERO
    if code.receipt is None or code.state == "reversed" or _is_apart(proposed):
        charged = _read_charge(operation.connection, proposed)
        return _book_difference(operation, proposed, theirs - charged, None)
    owed = _read_balance(operation.connection, code.receipt, RECEIVABLE)
    if theirs:
        owed = owed - _read_refunds(operation.connection, code.receipt)
    return _book_difference(operation, proposed, theirs - owed, code.receipt)


def _is_apart(proposed: ProposedBreak) -> bool:
    return proposed.kind in _CASH_APART or bool(proposed.details.get("apart"))


def _read_charge(connection: Connection, proposed: ProposedBreak) -> Money:
    """Returns what resolutions charged the network beside a deposit for the break's payment."""
    params = {
        "network": proposed.network,
        "reference": proposed.reference,
        "break": proposed.details.get("of_break"),
    }
    return Money(connection.execute(_CHARGE, params).scalar_one())


def _read_refunds(connection: Connection, receipt: str) -> Money:
    """Returns what refunds booked of a deposit: the network took it, and owes it no more."""
    return Money(connection.execute(_REFUNDS, {"receipt": receipt}).scalar_one())


def _end_code(operation: Operation, services: Services, code: str) -> None:
    owner = select(payment_code.c.artisan_id).where(payment_code.c.code == code)
    artisan_id = operation.connection.execute(owner).scalar_one()
    if end_live_code(operation, artisan_id) == "cancelled":
        queue_cancellation(operation, services, code)


def _book_refund(
    operation: Operation, _services: Services, proposed: ProposedBreak
) -> BreakOutcome:
    """Clears what the deposit left in suspense against what the network owes."""
    code = lock_code(operation.connection, proposed.code, proposed.network)
    waiting = ZERO
    if code.state != "reversed":
        waiting = _read_balance(operation.connection, code.receipt, SUSPENSE)
    return _book_difference(operation, proposed, waiting, code.receipt)


def _read_balance(connection: Connection, receipt: str | None, account: str) -> Money:
    """Returns the balance that the deposit and its resolutions left in an account.

    Months that CNSS refused are in suspense too; they do not count.
    """
    return balances_of_reference(connection, receipt, ("deposit", "resolution")).get(account, ZERO)


def _acknowledge_break(
    operation: Operation, _services: Services, proposed: ProposedBreak
) -> BreakOutcome:
    return _record_acknowledgement(operation, proposed)


def _record_acknowledgement(operation: Operation, proposed: ProposedBreak) -> BreakOutcome:
    """Records that two people acknowledge a break and that no money moves."""
    return BreakOutcome(audit_event_id=_record_approval(operation, proposed))


def _record_approval(operation: Operation, proposed: ProposedBreak, **more: object) -> int:
    """Records who proposed the resolution and who approved it last. Returns the row's number."""
    return record_decision(
        replace(operation, actor=proposed.proposed_by),
        "resolution",
        f"break:{proposed.id}",
        operation.actor,
        kind=proposed.kind,
        method=proposed.method,
        network=proposed.network,
        receipt=proposed.receipt,
        reason=proposed.reason,
        **more,
    )


def _send_again(operation: Operation, _services: Services, proposed: ProposedBreak) -> BreakOutcome:
    """Puts a month that CNSS refused into the next export."""
    period = date.fromisoformat(proposed.details["period"])
    month = mark_unsent(operation.connection, str(proposed.receipt), period)
    if month is None:
        raise AlreadyPosted()
    postings = (
        Posting(CONTRIBUTIONS, SUSPENSE, month.contribution),
        Posting(PENALTIES, SUSPENSE, month.penalty),
    )
    return _book_with_both_names(operation, "posting_again", postings, proposed, proposed.receipt)


def _book_difference(
    operation: Operation, proposed: ProposedBreak, difference: Money, receipt: str | None
) -> BreakOutcome:
    """Books into suspense that the network owes `difference` more, or less if it is negative."""
    if not difference:
        return _record_acknowledgement(operation, proposed)
    if difference > ZERO:
        posting = Posting(SUSPENSE, RECEIVABLE, difference)
    else:
        posting = Posting(RECEIVABLE, SUSPENSE, -difference)
    return _book_with_both_names(operation, "resolution", (posting,), proposed, receipt)


def _book_with_both_names(
    operation: Operation,
    event: str,
    postings: tuple[Posting, ...],
    proposed: ProposedBreak,
    receipt: str | None,
) -> BreakOutcome:
    """Books postings with the proposer as their maker, approved by `operation.actor`."""
    entry = LedgerEntry(
        event,
        postings,
        reference=receipt,
        metadata={"network": proposed.network},
        approved_by=operation.actor,
    )
    proposer = replace(operation, actor=proposed.proposed_by)
    return BreakOutcome(transaction_id=book_entry(proposer, entry))


# Kinds of break about other cash for the deposit's code: a second line, or cash after the reversal.
# It is booked without the receipt, so that a reversal of the deposit does not touch it.
_CASH_APART = frozenset({"duplicate", "reversed_here", "not_owed"})
_CHARGE = text("""
    SELECT coalesce(sum(l.amount_centimes), 0)::bigint FROM reconciliation_break r
    JOIN ledger_transaction t ON t.id = r.transaction_id AND t.reference IS NULL
    JOIN ledger_line l ON l.transaction_id = t.id AND l.account = 'agent_network_receivable'
    WHERE (r.network = :network AND r.reference = :reference)
        OR r.id = CAST(:break AS bigint)
        OR r.details ->> 'of_break' = CAST(:break AS text)
""")
_REFUNDS = text("""
    SELECT coalesce(sum(l.amount_centimes), 0)::bigint FROM reconciliation_break r
    JOIN ledger_transaction t ON t.id = r.transaction_id AND t.reference = :receipt
    JOIN ledger_line l ON l.transaction_id = t.id AND l.account = 'agent_network_receivable'
    WHERE r.method = 'refund'
""")
_Resolver = Callable[[Operation, Services, ProposedBreak], BreakOutcome]
_RESOLVERS: dict[str, _Resolver] = {
    "late_confirmation": _confirm_late,
    "reverse": _reverse_deposit,
    "suspense": _book_in_suspense,
    "refund": _book_refund,
    "acknowledge": _acknowledge_break,
    "send_again": _send_again,
}
