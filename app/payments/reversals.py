"""Reverses a deposit whose cash was given back. Its months are due again; its phones get an SMS.

No ledger line changes: a reversal adds lines. On the day of the deposit the network that
collected it may reverse it; later, or once it was sent to CNSS, only two people of the back office.
An agent is alone for some minutes only; then a second agent or the artisan's code allows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Connection, delete, exists, func, insert, select, update

from app.agents.models import agency, agent
from app.agents.queries import WORKING, Agent
from app.audit.service import record_audit, record_decision
from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import Operation
from app.ledger.queries import balances_of_reference
from app.ledger.service import LedgerEntry, book_entry, postings_to_clear
from app.messaging.service import OutboundMessage, queue_message
from app.payments.errors import (
    AlreadyPosted,
    AlreadyReversed,
    OverReversalLimit,
    ReceiptUnknown,
    ReversalNotAlone,
    ReversalTooLate,
    SecondAgentRefused,
)
from app.payments.limits import beginning_of_day
from app.payments.models import contribution_allocation, deposit, payment_code, reversal
from app.payments.receipts import receipt_phones
from app.payments.reversal_codes import use_reversal_code
from app.payments.reversal_notices import tell_collecting_agent
from app.services import Services

# Why an agent reverses a deposit; the till's words for them are `till.reverse.<reason>`.
REASONS = ("wrong_person", "cash_back", "mistake")


@dataclass(frozen=True, slots=True)
class ReversalRequest:
    """A request to reverse a deposit whose cash is given back.

    `network` limits it to that network's deposits, and `agency` to that agency's; the back office
    sets neither. `approved_by` is the back office's second person, who allows a later day too.

    `agent` is who reverses at a till or a phone; `second` is another agent of the agency who agreed
    with a PIN, and `artisan_code` what the artisan read out. Both were checked before.
    """

    receipt: str
    channel: str
    reason: str
    network: str | None = None
    agency: str | None = None
    approved_by: str | None = None
    agent: Agent | None = None
    second: Agent | None = None
    artisan_code: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class LockedDeposit:
    """A deposit with its code locked; `state` and `ended_at` are the code's."""

    code: str
    artisan_id: int
    agent_id: int | None
    total: Money
    channel: str
    received_at: datetime
    state: str
    ended_at: datetime
    metadata: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class _Allowance:
    """The proof that allowed a reversal, and who agreed to it beside its maker."""

    kind: str
    approved_by: str | None = None


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
    AlreadyPosted, ReversalTooLate, ReversalNotAlone, OverReversalLimit, SecondAgentRefused,
    ReversalCodeWrong.
    """
    locked = lock_reversible(operation, request)
    allowance = _allow(operation, services, request, locked)
    _write_reversal(operation, request, locked, allowance)
    transaction_id = book_entry(operation, _make_entry(operation, request, locked, allowance))
    _record_reversal(operation, request, locked, allowance)
    values = {"receipt": request.receipt, "total": locked.total}
    for phone, language in receipt_phones(operation.connection, locked.code).items():
        event = f"{request.receipt}:{phone.e164}"
        message = OutboundMessage("reversal", event, phone, language, values)
        queue_message(operation, services, message)
    if locked.channel in ("page", "phone"):
        tell_collecting_agent(operation, services, request.receipt, request.channel)
    return transaction_id


def lock_reversible(operation: Operation, request: ReversalRequest) -> LockedDeposit:
    """Returns a deposit that may be reversed, locked until the transaction ends.

    Raises: ReceiptUnknown, AlreadyReversed, AlreadyPosted, ReversalTooLate.
    """
    locked = _lock_deposit(operation.connection, request)
    _refuse_reversal(operation, request, locked)
    return locked


def may_reverse_alone(
    services: Services, agent: Agent, taken_by: int | None, received_at: datetime, now: datetime
) -> bool:
    """True if the agent took the cash, a few minutes ago at most. Pure."""
    alone_for = timedelta(minutes=services.reversal_minutes_alone)
    return taken_by == agent.id and now - received_at <= alone_for


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


def _lock_deposit(connection: Connection, request: ReversalRequest) -> LockedDeposit:
    """Returns the deposit with its code's row locked. Raises: ReceiptUnknown."""
    statement = (
        select(
            deposit.c.code,
            deposit.c.artisan_id,
            deposit.c.agent_id,
            deposit.c.channel,
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
    return LockedDeposit(
        code=row.code,
        artisan_id=row.artisan_id,
        agent_id=row.agent_id,
        channel=row.channel,
        total=Money(row.total_centimes),
        received_at=row.received_at,
        state=row.state,
        ended_at=row.ended_at,
        metadata=metadata,
    )


def _refuse_reversal(operation: Operation, request: ReversalRequest, locked: LockedDeposit) -> None:
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


def _allow(
    operation: Operation, services: Services, request: ReversalRequest, locked: LockedDeposit
) -> _Allowance:
    """Returns what allows a reversal; uses the artisan's code up if that is it.

    Raises: ReversalNotAlone, OverReversalLimit, SecondAgentRefused, ReversalCodeWrong.
    """
    if request.approved_by is not None:
        return _Allowance("breaks", request.approved_by)
    if request.agent is None:
        return _Allowance("network")
    _lock_agents(operation.connection, request)
    _enforce_reversal_limit(operation, services)
    at, now = locked.received_at, operation.now
    if may_reverse_alone(services, request.agent, locked.agent_id, at, now):
        return _Allowance("alone")
    if request.second is not None:
        return _Allowance("second_agent", f"agent:{request.second.number}")
    if request.artisan_code is not None:
        use_reversal_code(operation, services, request.receipt, request.artisan_code)
        return _Allowance("artisan_code")
    raise ReversalNotAlone(minutes=services.reversal_minutes_alone)


def _lock_agents(connection: Connection, request: ReversalRequest) -> None:
    """Locks who reverses until the transaction ends: a dismissal waits, and so does their limit.

    Raises: ReceiptUnknown if the agent is no longer of the agency, SecondAgentRefused.
    """
    named = [person for person in (request.agent, request.second) if person]
    columns = agent.c
    statement = (
        select(columns.id)
        .join(agency, agency.c.code == columns.agency_code)
        .where(
            columns.id.in_([person.id for person in named]),
            columns.agency_code == request.agency,
            *WORKING,
        )
        .order_by(columns.id)
        .with_for_update(key_share=True, of=agent)
    )
    there = set(connection.execute(statement).scalars())
    if request.agent is None or request.agent.id not in there:
        raise ReceiptUnknown()
    if request.second and (request.second.id == request.agent.id or len(there) < len(named)):
        raise SecondAgentRefused()


def _enforce_reversal_limit(operation: Operation, services: Services) -> None:
    """Refuses one more reversal of the day by the operation's actor. Raises: OverReversalLimit."""
    columns = reversal.c
    made = select(func.count()).where(
        columns.made_by == operation.actor,
        columns.reversed_at >= beginning_of_day(operation.now),
        columns.channel.in_(("page", "phone")),
    )
    if operation.connection.execute(made).scalar_one() >= services.reversals_a_day:
        raise OverReversalLimit(most=services.reversals_a_day)


def _record_reversal(
    operation: Operation, request: ReversalRequest, locked: LockedDeposit, allowance: _Allowance
) -> None:
    """Writes the audit row, with both names where two people agreed."""
    details = {
        "receipt": request.receipt,
        "channel": request.channel,
        "reason": request.reason,
        "allowance": allowance.kind,
    }
    subject = f"artisan:{locked.artisan_id}"
    if allowance.approved_by is None:
        record_audit(operation, "reversal", subject, **details)
    else:
        record_decision(operation, "reversal", subject, allowance.approved_by, **details)


def _write_reversal(
    operation: Operation, request: ReversalRequest, locked: LockedDeposit, allowance: _Allowance
) -> None:
    """Writes the reversal, marks the code as reversed, and deletes the deposit's allocations."""
    connection = operation.connection
    connection.execute(
        insert(reversal).values(
            receipt_number=request.receipt,
            reversed_at=operation.now,
            channel=request.channel,
            reason=request.reason,
            made_by=operation.actor,
            approved_by=allowance.approved_by,
            allowance=allowance.kind,
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
    operation: Operation, request: ReversalRequest, locked: LockedDeposit, allowance: _Allowance
) -> LedgerEntry:
    """Returns the entry that brings each account's balance of the deposit back to zero."""
    balances = balances_of_reference(operation.connection, request.receipt)
    return LedgerEntry(
        "reversal",
        postings_to_clear(balances),
        reference=request.receipt,
        metadata=locked.metadata,
        approved_by=allowance.approved_by,
    )
