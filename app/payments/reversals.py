"""Reverses a deposit whose cash was given back. Its months are due again; its phones get an SMS.

No ledger line changes: a reversal adds lines. On the day of the deposit the network that
collected it may reverse it; later, or once it was sent to CNSS, only two people of the back office.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, exists, insert, select, update

from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import Operation
from app.ledger.queries import balances_of_reference
from app.ledger.service import LedgerEntry, book_entry, postings_to_clear
from app.messaging.service import OutboundMessage, queue_message
from app.payments.errors import (
    AlreadyPosted,
    AlreadyReversed,
    ReceiptUnknown,
    ReversalTooLate,
)
from app.payments.models import contribution_allocation, deposit, payment_code, reversal
from app.payments.receipts import receipt_phones
from app.services import Services

# Why an agent reverses a deposit; the till's words for them are `till.reverse.<reason>`.
REASONS = ("wrong_person", "cash_back", "mistake")


@dataclass(frozen=True, slots=True)
class ReversalRequest:
    """A request to reverse a deposit whose cash is given back.

    `network` limits it to that network's deposits, and `agency` to that agency's; the back office
    sets neither. `approved_by` is the back office's second person, who allows a later day too.
    """

    receipt: str
    channel: str
    reason: str
    network: str | None = None
    agency: str | None = None
    approved_by: str | None = None


@dataclass(frozen=True, slots=True)
class _LockedDeposit:
    """A deposit with its code locked; `state` and `ended_at` are the code's."""

    code: str
    artisan_id: int
    total: Money
    received_at: datetime
    state: str
    ended_at: datetime
    metadata: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class LockedCode:
    """A code locked until the transaction ends: its state, and the receipt of its deposit."""

    state: str | None
    receipt: str | None


def reverse_deposit(operation: Operation, services: Services, request: ReversalRequest) -> int:
    """Reverses a deposit, with `operation.actor` as maker. Returns the ledger transaction's number.

    The code moves `paid` -> `reversed` with its row locked, so that two requests at once reverse
    the deposit once. After an error the caller must roll back.

    Raises: ReceiptUnknown (also for another network's or agency's), AlreadyReversed,
    AlreadyPosted, ReversalTooLate.
    """
    locked = _lock_deposit(operation.connection, request)
    _refuse_reversal(operation, request, locked)
    _write_reversal(operation, request, locked)
    transaction_id = book_entry(operation, _make_entry(operation, request, locked))
    details = {"receipt": request.receipt, "channel": request.channel, "reason": request.reason}
    record_audit(operation, "reversal", f"artisan:{locked.artisan_id}", **details)
    values = {"receipt": request.receipt, "total": locked.total}
    for phone, language in receipt_phones(operation.connection, locked.code).items():
        event = f"{request.receipt}:{phone.e164}"
        message = OutboundMessage("reversal", event, phone, language, values)
        queue_message(operation, services, message)
    return transaction_id


def lock_code_of_deposit(connection: Connection, receipt: str) -> None:
    """Locks the code of a deposit until the transaction ends, so that a reversal has to wait."""
    statement = (
        select(payment_code.c.code)
        .join(deposit, deposit.c.code == payment_code.c.code)
        .where(deposit.c.receipt_number == receipt)
    )
    connection.execute(statement.with_for_update(of=payment_code))


def lock_code(connection: Connection, code: str | None, network: str) -> LockedCode:
    """Locks a code until the transaction ends. Returns it with the network's receipt for it."""
    columns = payment_code.c
    statement = select(columns.state).where(columns.code == code).with_for_update()
    state = connection.execute(statement).scalar()
    # Read after the lock: the transaction that held it before may have redeemed the code.
    receipt = select(deposit.c.receipt_number).where(
        deposit.c.code == code, deposit.c.network == network
    )
    return LockedCode(state, connection.execute(receipt).scalar())


def _lock_deposit(connection: Connection, request: ReversalRequest) -> _LockedDeposit:
    """Returns the deposit with its code's row locked. Raises: ReceiptUnknown."""
    statement = (
        select(
            deposit.c.code,
            deposit.c.artisan_id,
            deposit.c.network,
            deposit.c.agent_number,
            deposit.c.terminal,
            deposit.c.total_centimes,
            deposit.c.received_at,
            payment_code.c.state,
            payment_code.c.ended_at,
        )
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .where(deposit.c.receipt_number == request.receipt)
        .with_for_update(of=payment_code)
    )
    if request.network is not None:
        statement = statement.where(deposit.c.network == request.network)
    if request.agency is not None:
        statement = statement.where(deposit.c.agency_code == request.agency)
    if (row := connection.execute(statement).one_or_none()) is None:
        raise ReceiptUnknown()
    metadata = {
        "network": row.network,
        "agent_number": row.agent_number,
        "terminal": row.terminal,
    }
    return _LockedDeposit(
        code=row.code,
        artisan_id=row.artisan_id,
        total=Money(row.total_centimes),
        received_at=row.received_at,
        state=row.state,
        ended_at=row.ended_at,
        metadata=metadata,
    )


def _refuse_reversal(
    operation: Operation, request: ReversalRequest, locked: _LockedDeposit
) -> None:
    """Refuses a reversal that is not allowed.

    Raises: AlreadyReversed, AlreadyPosted, ReversalTooLate.
    """
    if locked.state == "reversed":
        raise AlreadyReversed(reversed_at=locked.ended_at)
    if _is_posted(operation.connection, request.receipt):
        raise AlreadyPosted()
    if request.approved_by is not None:
        return
    same_day = local_date(locked.received_at) == local_date(operation.now)
    if not same_day or _is_sent(operation.connection, request.receipt):
        raise ReversalTooLate()


def _is_posted(connection: Connection, receipt: str) -> bool:
    columns = contribution_allocation.c
    posted = exists().where(columns.receipt_number == receipt, columns.posted_on.is_not(None))
    return bool(connection.execute(select(posted)).scalar())


def _is_sent(connection: Connection, receipt: str) -> bool:
    columns = contribution_allocation.c
    sent = exists().where(columns.receipt_number == receipt, columns.sent_at.is_not(None))
    return bool(connection.execute(select(sent)).scalar())


def _write_reversal(operation: Operation, request: ReversalRequest, locked: _LockedDeposit) -> None:
    """Writes the reversal, marks the code as reversed, and deletes the deposit's allocations."""
    connection = operation.connection
    connection.execute(
        insert(reversal).values(
            receipt_number=request.receipt,
            reversed_at=operation.now,
            channel=request.channel,
            reason=request.reason,
            made_by=operation.actor,
            approved_by=request.approved_by,
        )
    )
    connection.execute(
        update(payment_code)
        .where(payment_code.c.code == locked.code, payment_code.c.state == "paid")
        .values(state="reversed", ended_at=operation.now)
    )
    allocated = contribution_allocation.c.receipt_number == request.receipt
    connection.execute(delete(contribution_allocation).where(allocated))


def _make_entry(
    operation: Operation, request: ReversalRequest, locked: _LockedDeposit
) -> LedgerEntry:
    """Returns the entry that brings each account's balance of the deposit back to zero."""
    balances = balances_of_reference(operation.connection, request.receipt)
    return LedgerEntry(
        "reversal",
        postings_to_clear(balances),
        reference=request.receipt,
        metadata=locked.metadata,
        approved_by=request.approved_by,
    )
