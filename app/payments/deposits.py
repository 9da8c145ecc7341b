"""Books the cash that an agent network collected for a code; nothing else books cash.

Every function works in its caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.audit.service import AUDIT_FRAGMENT, audit_values
from app.base.clock import local_date
from app.base.driver import Prepared
from app.base.money import ZERO, Money
from app.base.months import Period
from app.base.operation import Operation
from app.base.rows import join_fragments
from app.base.spans import span
from app.enrolment.rules import name_on_receipt
from app.ledger.breaks import NewBreak, open_break
from app.ledger.models import CONTRIBUTIONS, FEES, PENALTIES, RECEIVABLE, SUSPENSE
from app.ledger.service import BOOK_FRAGMENTS, LedgerEntry, Posting, entry_values
from app.messaging.service import QUEUE_FRAGMENT, OutboundMessage, queue_values, write_message
from app.payments.collector import Collector
from app.payments.dues import is_still_owed
from app.payments.errors import CodeCancelled, KeyReused, OverPaid, UnderPaid
from app.payments.limits import refusal_of_day_limit, refuse_over_code_limit
from app.payments.presentment import refusal_of_code
from app.payments.receipts import find_final_state
from app.payments.redemption import ClaimedCode, CodeClaim, claim_code, end_other_code
from app.payments.rules import receipt_number
from app.payments.wording import period_words
from app.services import Services


@dataclass(frozen=True, slots=True)
class CashConfirmation:
    """A collector's word that the cash for a code was received.

    The same `key` within the collector's scope gives the same receipt again. `amount` is the cash
    received; None for exactly what the code costs. `received_at` is set only for cash that a
    network's file reports after the fact. The code must then have been payable at that moment, no
    limit applies, and `approved_by` is the second person.
    """

    code: str
    key: str
    amount: Money | None = None
    received_at: datetime | None = None
    approved_by: str | None = None

    @property
    def digest(self) -> bytes:
        """The SHA-256 that tells whether two requests with one key are the same."""
        return sha256(self.code.encode()).digest()


@dataclass(frozen=True, slots=True)
class _Cash:
    """The cash received, divided into fee, contribution and penalty of `period`, and suspense."""

    received: Money
    fee: Money
    contribution: Money
    penalty: Money
    period: Period

    @property
    def suspense(self) -> Money:
        """The cash left after the fee and whole months; zero for an exact amount."""
        return self.received - self.fee - self.contribution - self.penalty


@dataclass(frozen=True, slots=True)
class _Deposit:
    """A deposit to be written: its receipt, its collector, the claimed code and the cash."""

    receipt: str
    collector: Collector
    confirmation: CashConfirmation
    claimed: ClaimedCode
    cash: _Cash
    received_at: datetime


def redeem_code(
    operation: Operation,
    services: Services,
    collector: Collector,
    confirmation: CashConfirmation,
) -> str:
    """Books the cash received for a code. Returns the receipt's number.

    The code moves `issued` -> `paid` in one conditional UPDATE. If that changes a row, the deposit,
    the ledger entry, the receipt's SMS and the audit event follow in the same transaction, with
    `operation.actor` as their maker. After an error the caller must roll back.

    Raises: CodeUnknown, CodePaid, CodeExpired, CodeCancelled, CodeReversed, KeyReused, UnderPaid,
    OverPaid, OverCodeLimit, OverDayLimit, OverFloatLimit, OverClientLimit.
    """
    with span("deposit"):
        return _redeem_code(operation, services, collector, confirmation)


def _redeem_code(
    operation: Operation,
    services: Services,
    collector: Collector,
    confirmation: CashConfirmation,
) -> str:
    received_at = confirmation.received_at or operation.now
    if confirmation.received_at is not None:
        approver = confirmation.approved_by or operation.actor
        end_other_code(replace(operation, actor=approver), confirmation.code)
    claimed = _claim_or_refuse(operation, collector, confirmation, received_at)
    if isinstance(claimed, str):
        return claimed
    cash = _divide_cash(claimed, confirmation.amount or claimed.total, collector.other_amounts)
    if confirmation.received_at is None:
        refuse_over_code_limit(collector.agent, cash.received)
    receipt = receipt_number(claimed.serial)
    deposit = _Deposit(receipt, collector, confirmation, claimed, cash, received_at)
    _write_deposit(operation, services, deposit)
    if cash.suspense:
        open_break(operation, _make_break(deposit))
    return receipt


def _claim_or_refuse(
    operation: Operation,
    collector: Collector,
    confirmation: CashConfirmation,
    received_at: datetime,
) -> ClaimedCode | str:
    """Claims the code, or returns the receipt of an earlier request with the same key.

    Raises: CodeUnknown, CodePaid, CodeExpired, CodeCancelled, CodeReversed, KeyReused.
    """
    code = confirmation.code
    claim = CodeClaim(
        code=code,
        scope=collector.idempotency_scope,
        key=confirmation.key,
        digest=confirmation.digest,
        received_at=received_at,
        after_the_fact=confirmation.received_at is not None,
    )
    # A second try: the same request, sent twice at once, may have claimed it just before; then the
    # second try returns its receipt.
    claimed = claim_code(operation, claim) or claim_code(operation, claim)
    if isinstance(claimed, str):
        return claimed
    if claimed is None:
        state = find_final_state(operation.connection, code)
        raise refusal_of_code(state, collector.agent, received_at, collector.network)
    owed = [(line.month, line.contribution) for line in claimed.lines]
    if claimed.settled_before or not is_still_owed(claimed.artisan, owed):
        # The caller rolls back, so the code stays `issued`.
        raise CodeCancelled(cancelled_at=operation.now)
    return claimed


def _divide_cash(claimed: ClaimedCode, received: Money, other_amounts: bool) -> _Cash:
    """Divides cash into the fee, as many whole months as it pays, oldest first, and the rest. Pure.

    Raises: UnderPaid, OverPaid.
    """
    if received != claimed.total and not other_amounts:
        refusal = UnderPaid if received < claimed.total else OverPaid
        raise refusal(due=claimed.total)
    rest, contribution, penalty, last = received - claimed.fee, ZERO, ZERO, None
    for line in claimed.lines:
        if rest < contribution + penalty + line.contribution + line.penalty:
            break
        contribution, penalty = contribution + line.contribution, penalty + line.penalty
        last = line.month
    if last is None:
        raise UnderPaid(due=claimed.total)
    period = Period(claimed.lines[0].month, last)
    return _Cash(received, claimed.fee, contribution, penalty, period)


def _write_deposit(operation: Operation, services: Services, deposit: _Deposit) -> None:
    """Writes the deposit and all that follows from it in one statement.

    That is its allocations, ledger entry, messages and audit event, and the receipt of the key. The
    deposit counts itself in the totals of the day, and is refused if it passes a limit.

    Raises: KeyReused, OverDayLimit, OverFloatLimit, OverClientLimit.
    """
    collector, artisan_id = deposit.collector, deposit.claimed.artisan.id
    values = {
        "receipt": deposit.receipt,
        "code": deposit.confirmation.code,
        "artisan": artisan_id,
        "agent": collector.agent.id if collector.agent else None,
        "agency": collector.agency_code,
        "network": collector.network,
        "agent_number": collector.agent_number,
        "terminal": collector.terminal,
        "channel": collector.channel,
        "client": collector.client.id if collector.client else None,
        "reference": collector.reference,
        "total": deposit.cash.received.centimes,
        "at": deposit.received_at,
        "on": local_date(deposit.received_at),
        "last": deposit.cash.period.last.first_day,
        "now": operation.now,
        "scope": collector.idempotency_scope,
        "key": deposit.confirmation.key,
        "digest": deposit.confirmation.digest,
    }
    details = {"receipt": deposit.receipt, "channel": collector.channel}
    values |= audit_values(operation, "deposit", f"artisan:{artisan_id}", details)
    values |= entry_values(operation, _make_entry(deposit))
    messages = _make_messages(deposit)
    written = [write_message(services, message) for message in messages]
    values |= queue_values(operation, messages, written)
    try:
        key_is_new = _WRITE_DEPOSIT.fetch_value(operation.connection, **values)
    except IntegrityError as error:
        if refusal := refusal_of_day_limit(error):
            raise refusal from None
        raise
    if key_is_new is None:
        raise KeyReused()


def _make_entry(deposit: _Deposit) -> LedgerEntry:
    """Returns the ledger entry of a deposit: the network owes the cash that CNSS is due. Pure."""
    cash, collector = deposit.cash, deposit.collector
    parts = {
        CONTRIBUTIONS: cash.contribution,
        PENALTIES: cash.penalty,
        FEES: cash.fee,
        SUSPENSE: cash.suspense,
    }
    return LedgerEntry(
        "deposit",
        tuple(Posting(account, RECEIVABLE, amount) for account, amount in parts.items()),
        reference=deposit.receipt,
        metadata={
            "network": collector.network,
            "agent_number": collector.agent_number,
            "terminal": collector.terminal,
        },
        approved_by=deposit.confirmation.approved_by,
    )


def _make_break(deposit: _Deposit) -> NewBreak:
    """Returns the break for cash that differs from the code's amount. Pure."""
    return NewBreak(
        "other_amount_sent",
        deposit.collector.network,
        receipt=deposit.receipt,
        code=deposit.confirmation.code,
        ours=deposit.claimed.total,
        theirs=deposit.cash.received,
    )


def _make_messages(deposit: _Deposit) -> list[OutboundMessage]:
    """Returns the receipt's SMS to each of its phones. Pure."""
    values = {
        "receipt": deposit.receipt,
        "total": deposit.cash.received,
        "for_whom": name_on_receipt(deposit.claimed.artisan.full_name),
        "period": period_words(deposit.cash.period),
        "received_on": local_date(deposit.received_at),
        "agency": deposit.collector.receipt_location,
    }
    return [
        OutboundMessage("receipt", f"{deposit.receipt}:{phone.e164}", phone, language, values)
        for phone, language in deposit.claimed.phones.items()
    ]


_DEPOSIT_FRAGMENT = """
    INSERT INTO deposit
        (receipt_number, code, artisan_id, agent_id, agency_code, network, agent_number,
         terminal, channel, client_id, network_reference, total_centimes, received_at,
         received_on)
    VALUES (:receipt, :code, :artisan, :agent, :agency, :network, :agent_number,
         :terminal, :channel, :client, :reference, :total, :at, :on)
"""
_ALLOCATION_FRAGMENT = """
    INSERT INTO contribution_allocation
        (artisan_id, period, receipt_number, contribution_centimes, penalty_centimes)
    SELECT :artisan, period, :receipt, contribution_centimes, penalty_centimes
    FROM payment_code_line WHERE code = :code AND period <= :last
"""
_IDEMPOTENCY_FRAGMENT = """
    INSERT INTO idempotency_key (scope, key, request_digest, receipt_number, answered_at)
    VALUES (:scope, :key, :digest, :receipt, :now)
    ON CONFLICT DO NOTHING
    RETURNING receipt_number
"""
# One round trip, because a person waits at the till. Each room has its own tables' fragments.
_WRITE_DEPOSIT = Prepared(
    text(
        join_fragments(
            _IDEMPOTENCY_FRAGMENT,
            {
                "received": _DEPOSIT_FRAGMENT,
                "allocated": _ALLOCATION_FRAGMENT,
                **BOOK_FRAGMENTS,
                "queued": QUEUE_FRAGMENT,
                "audited": AUDIT_FRAGMENT,
            },
        )
    )
)
