"""Undoes a deposit: the cash went back, its months are due again, and the artisan is told.

Nothing that was booked is changed: a reversal is new lines. On the day of the deposit the network
that took it may do so; later, or once CNSS was told, only two people of the back office.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import Operation
from app.ledger.audit import note
from app.ledger.models import ledger_line, ledger_transaction
from app.ledger.service import book
from app.messaging.service import OutboundMessage, queue_message
from app.payments.errors import (
    AlreadyPosted,
    AlreadyReversed,
    ReceiptUnknown,
    ReversalTooLate,
)
from app.payments.models import contribution_allocation, deposit, payment_code, reversal
from app.payments.receipts import receipt_phones
from app.text.words import Words

# Why an agent undoes a deposit; the till's words for them are `till.reverse.<reason>`.
REASONS = ("wrong_person", "cash_back", "mistake")


@dataclass(frozen=True, slots=True)
class ReversalRequest:
    """Who gives the cash back: `network` is None for the back office, which may do so later.

    `agency` narrows it to one agency's own deposits.
    """

    channel: str
    made_by: str
    network: str | None = None
    agency: str | None = None
    approved_by: str | None = None


def reverse_deposit(
    connection: Connection,
    receipt: str,
    undoing: ReversalRequest,
    reason: str,
    *,
    words: Words,
    now: datetime,
) -> int:
    """Undoes the deposit; gives the ledger transaction's number.

    ReceiptUnknown (also for what another network or agency took), AlreadyReversed, AlreadyPosted,
    ReversalTooLate: then the transaction is to be given up. The code leaves `paid` by one
    conditional update, so that two at once undo it once.
    """
    found = _lock_deposit(connection, receipt, undoing)
    if found.state == "reversed":
        raise AlreadyReversed(reversed_at=found.ended_at)
    if _is_posted(connection, receipt):
        raise AlreadyPosted()
    if undoing.approved_by is None and _is_late(connection, receipt, found.received_at, now):
        raise ReversalTooLate()
    connection.execute(
        insert(reversal).values(
            receipt_number=receipt,
            reversed_at=now,
            channel=undoing.channel,
            reason=reason,
            made_by=undoing.made_by,
            approved_by=undoing.approved_by,
        )
    )
    connection.execute(
        update(payment_code)
        .where(payment_code.c.code == found.code, payment_code.c.state == "paid")
        .values(state="reversed", ended_at=now)
    )
    settled = contribution_allocation.c.receipt_number == receipt
    connection.execute(delete(contribution_allocation).where(settled))
    booked = _book(connection, receipt, found, undoing, now)
    note(
        connection,
        now,
        undoing.made_by,
        "reversal",
        found.artisan_id,
        receipt=receipt,
        channel=undoing.channel,
        reason=reason,
    )
    for phone, language in receipt_phones(connection, found.code).items():
        values = {"receipt": receipt, "total": Money(found.total_centimes)}
        event = f"{receipt}:{phone.e164}"
        message = OutboundMessage("reversal", event, phone, language, values)
        queue_message(Operation(connection, now, undoing.made_by), words, message)
    return booked


def hold_deposit(connection: Connection, receipt: str) -> None:
    """Whoever would undo it waits until we end."""
    statement = (
        select(payment_code.c.code)
        .join(deposit, deposit.c.code == payment_code.c.code)
        .where(deposit.c.receipt_number == receipt)
    )
    connection.execute(statement.with_for_update(of=payment_code))


def lock_deposit(
    connection: Connection, code: str | None, network: str
) -> tuple[str | None, str | None]:
    """The code's state, which nobody changes until we end, and the network's receipt for it."""
    row = payment_code.c
    held = select(row.state).where(row.code == code).with_for_update()
    state = connection.execute(held).scalar()
    # Asked once the code is ours: who held it before may have paid it.
    mine = deposit.c.code == code, deposit.c.network == network
    return state, connection.execute(select(deposit.c.receipt_number).where(*mine)).scalar()


def _lock_deposit(connection: Connection, receipt: str, undoing: ReversalRequest) -> Any:
    """The deposit with its code's row locked: whoever waits sees what the other did."""
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
        .where(deposit.c.receipt_number == receipt)
        .with_for_update(of=payment_code)
    )
    if undoing.network is not None:
        statement = statement.where(deposit.c.network == undoing.network)
    if undoing.agency is not None:
        statement = statement.where(deposit.c.agency_code == undoing.agency)
    if (found := connection.execute(statement).one_or_none()) is None:
        raise ReceiptUnknown()
    return found


def _is_posted(connection: Connection, receipt: str) -> bool:
    row = contribution_allocation.c
    posted = exists().where(row.receipt_number == receipt, row.posted_on.is_not(None))
    return bool(connection.execute(select(posted)).scalar())


def _is_late(connection: Connection, receipt: str, received_at: datetime, now: datetime) -> bool:
    if local_date(received_at) != local_date(now):
        return True
    row = contribution_allocation.c
    sent = exists().where(row.receipt_number == receipt, row.sent_at.is_not(None))
    return bool(connection.execute(select(sent)).scalar())


def _book(
    connection: Connection, receipt: str, found: Any, undoing: ReversalRequest, now: datetime
) -> int:
    """The opposite of all that was booked for the deposit, account by account."""
    sums = connection.execute(
        select(ledger_line.c.account, func.sum(ledger_line.c.amount_centimes))
        .join(ledger_transaction, ledger_transaction.c.id == ledger_line.c.transaction_id)
        .where(ledger_transaction.c.receipt_number == receipt)
        .group_by(ledger_line.c.account)
        .order_by(ledger_line.c.account)
    )
    return book(
        connection,
        "reversal",
        [(account, -int(centimes)) for account, centimes in sums],
        network=found.network,
        made_by=undoing.made_by,
        approved_by=undoing.approved_by,
        receipt=receipt,
        agent_number=found.agent_number,
        terminal=found.terminal,
        now=now,
    )
