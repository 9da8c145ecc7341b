"""Reverses a deposit: the cash went back, its months are due again, and the artisan hears of it.

Nothing that was booked changes: a reversal is new lines. On the day of the deposit the network that
collected it may reverse it; later, or once CNSS was told, only two people of the back office.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, exists, insert, select, update

from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import Operation
from app.ledger.audit import record_audit
from app.ledger.queries import balances_of_reference
from app.ledger.service import LedgerEntry, book, postings_to_clear
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
    """A request to give the cash of a deposit back.

    `network` limits it to that network's deposits, and `agency` to that agency's; the back office
    names neither. `approved_by` is the back office's second person, who may reverse on a later day.
    """

    receipt: str
    channel: str
    reason: str
    network: str | None = None
    agency: str | None = None
    approved_by: str | None = None


@dataclass(frozen=True, slots=True)
class _LockedDeposit:
    """A deposit whose code's row is locked until the transaction ends; `ended_at` is the code's."""

    code: str
    artisan_id: int
    total: Money
    received_at: datetime
    state: str
    ended_at: datetime
    metadata: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class LockedCode:
    """A code's state, unchanged until the transaction ends, and the receipt of its deposit."""

    state: str | None
    receipt: str | None


def reverse_deposit(operation: Operation, services: Services, request: ReversalRequest) -> int:
    """Reverses a deposit, with `operation.actor` as maker. Returns the ledger transaction's number.

    The code moves `paid` -> `reversed` with its row locked, so that two requests at once reverse
    the deposit once. After an error the caller gives the transaction up.

    Raises: ReceiptUnknown (also for another network's or agency's), AlreadyReversed,
    AlreadyPosted, ReversalTooLate.
    """
    row = _lock_deposit(operation.connection, request)
    _refuse_reversal(operation, request, row)
    _write_reversal(operation, request, row)
    transaction_id = book(operation, _ledger_entry(operation, request, row))
    details = {"receipt": request.receipt, "channel": request.channel, "reason": request.reason}
    record_audit(operation, "reversal", f"artisan:{row.artisan_id}", **details)
    values = {"receipt": request.receipt, "total": row.total}
    for phone, language in receipt_phones(operation.connection, row.code).items():
        event = f"{request.receipt}:{phone.e164}"
        message = OutboundMessage("reversal", event, phone, language, values)
        queue_message(operation, services, message)
    return transaction_id


def hold_deposit(connection: Connection, receipt: str) -> None:
    """Locks a deposit's code until the transaction ends; a reversal waits for it."""
    statement = (
        select(payment_code.c.code)
        .join(deposit, deposit.c.code == payment_code.c.code)
        .where(deposit.c.receipt_number == receipt)
    )
    connection.execute(statement.with_for_update(of=payment_code))


def lock_code(connection: Connection, code: str | None, network: str) -> LockedCode:
    """Locks a code until the transaction ends. Returns it with the network's receipt for it."""
    columns = payment_code.c
    locked = select(columns.state).where(columns.code == code).with_for_update()
    state = connection.execute(locked).scalar()
    # Read once the code is ours: the transaction that held it before may have paid it.
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


def _refuse_reversal(operation: Operation, request: ReversalRequest, row: _LockedDeposit) -> None:
    """Raises: AlreadyReversed, AlreadyPosted, ReversalTooLate."""
    if row.state == "reversed":
        raise AlreadyReversed(reversed_at=row.ended_at)
    if _is_posted(operation.connection, request.receipt):
        raise AlreadyPosted()
    if request.approved_by is not None:
        return
    same_day = local_date(row.received_at) == local_date(operation.now)
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


def _write_reversal(operation: Operation, request: ReversalRequest, row: _LockedDeposit) -> None:
    """Writes the reversal, marks the code as reversed, and gives its months back."""
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
        .where(payment_code.c.code == row.code, payment_code.c.state == "paid")
        .values(state="reversed", ended_at=operation.now)
    )
    allocated = contribution_allocation.c.receipt_number == request.receipt
    connection.execute(delete(contribution_allocation).where(allocated))


def _ledger_entry(
    operation: Operation, request: ReversalRequest, row: _LockedDeposit
) -> LedgerEntry:
    """Returns the opposite of all that was booked for the deposit, account by account."""
    balances = balances_of_reference(operation.connection, request.receipt)
    return LedgerEntry(
        "reversal",
        postings_to_clear(balances),
        reference=request.receipt,
        metadata=row.metadata,
        approved_by=request.approved_by,
    )
