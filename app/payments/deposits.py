"""Books cash that an agent network took for a code: the one way money is taken.

Works in the caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, text

from app.base.clock import local_date
from app.base.money import ZERO, Money
from app.base.months import Month
from app.base.operation import Operation
from app.ledger.breaks import open_break
from app.ledger.models import CONTRIBUTIONS, FEES, PENALTIES, RECEIVABLE, SUSPENSE
from app.ledger.service import book
from app.messaging.service import OutboundMessage, queue_message
from app.payments.collector import Collector
from app.payments.dues import is_still_owed
from app.payments.errors import CodeCancelled, KeyReused, OverPaid, UnderPaid
from app.payments.limits import enforce_limits
from app.payments.presentment import why_not_payable
from app.payments.receipts import find_final_state, receipt_phones
from app.payments.redemption import ClaimedCode, claim_code, end_later_code
from app.payments.rules import receipt_number
from app.payments.wording import period_words
from app.text.words import Words


@dataclass(frozen=True, slots=True)
class _Cash:
    """What was received, and what becomes of it."""

    received: Money
    fee: Money
    contribution: Money
    penalty: Money
    first: Month
    last: Month

    @property
    def suspense(self) -> Money:
        """Nothing, or what was sent beside whole months."""
        return self.received - self.fee - self.contribution - self.penalty


def redeem_code(
    connection: Connection,
    code: str,
    collector: Collector,
    *,
    key: str,
    words: Words,
    now: datetime,
    amount: Money | None = None,
    received_at: datetime | None = None,
    approved_by: str | None = None,
) -> str:
    """Books the cash received for `code`; gives the receipt's number.

    The same `key` from the same caller gives the same receipt again. `amount` is what was sent,
    where a caller says; `received_at` is when, for cash found in a network's file afterwards: what
    counts then is whether the code was payable at that moment. CodeUnknown, CodePaid, CodeExpired,
    CodeCancelled, CodeReversed, KeyReused, UnderPaid, OverPaid, OverCodeLimit, OverDayLimit,
    OverFloatLimit, OverClientLimit: then the transaction is to be given up. The code leaves
    `issued` by one conditional update: whoever changes the row has the deposit, and everything
    else follows in this transaction.
    """
    digest, at = sha256(code.encode()).digest(), received_at or now
    if received_at is not None:
        end_later_code(connection, code, approved_by or collector.actor, now)
    asked = {
        "caller": collector.caller,
        "key": key,
        "wanted": code,
        "at": at,
        "late": received_at is not None,
    }
    taken = claim_code(connection, asked, digest)
    if isinstance(taken, str):
        return taken
    if taken is None:
        # The same request at the same moment may have won: then its receipt is ours too.
        taken = claim_code(connection, asked, digest)
        if isinstance(taken, str):
            return taken
        raise why_not_payable(
            find_final_state(connection, code), collector.agent, at, collector.network
        )
    owed = [(month, contribution) for month, contribution, _ in taken.lines]
    if taken.settled_before or not is_still_owed(taken.person, owed):
        # The transaction is given up, so the code stays as it was.
        raise CodeCancelled(cancelled_at=now)
    cash = _divide(taken, amount or taken.total, collector.other_amounts)
    if received_at is None:
        enforce_limits(connection, collector.agent, collector.client, cash.received, now)
    receipt = receipt_number(taken.serial)
    _record(connection, receipt, code, key, digest, collector, taken, cash, at, now)
    _book(connection, receipt, collector, cash, now, approved_by)
    if cash.suspense:
        open_break(
            connection,
            "other_amount_sent",
            network=collector.network,
            receipt=receipt,
            code=code,
            ours=taken.total,
            theirs=cash.received,
            now=now,
        )
    _queue_receipt(connection, receipt, code, cash, collector.place, words, at, now)
    return receipt


def _divide(taken: ClaimedCode, received: Money, other_amounts: bool) -> _Cash:
    """The fee, then whole months from the oldest on; the rest is nobody's yet. Pure."""
    if received != taken.total and not other_amounts:
        refusal = UnderPaid if received < taken.total else OverPaid
        raise refusal(due=taken.total)
    rest, contribution, penalty, last = received - taken.fee, ZERO, ZERO, None
    for month, owed, late in taken.lines:
        if rest < contribution + penalty + owed + late:
            break
        contribution, penalty, last = contribution + owed, penalty + late, month
    if last is None:
        raise UnderPaid(due=taken.total)
    return _Cash(received, taken.fee, contribution, penalty, taken.lines[0][0], last)


def _record(
    connection: Connection,
    receipt: str,
    code: str,
    key: str,
    digest: bytes,
    collector: Collector,
    taken: ClaimedCode,
    cash: _Cash,
    at: datetime,
    now: datetime,
) -> None:
    """The deposit, the months it settles, the audit line and the answer, in one statement."""
    values = {
        "receipt": receipt,
        "code": code,
        "artisan": taken.person.id,
        "agent": collector.agent.id if collector.agent else None,
        "agency": collector.agency_code,
        "network": collector.network,
        "agent_number": collector.agent_number,
        "terminal": collector.terminal,
        "channel": collector.channel,
        "client": collector.client.id if collector.client else None,
        "reference": collector.reference,
        "total": cash.received.centimes,
        "at": at,
        "last": cash.last.first_day,
        "now": now,
        "actor": collector.actor,
        "subject": f"artisan:{taken.person.id}",
        "caller": collector.caller,
        "key": key,
        "digest": digest,
    }
    if connection.execute(_RECORD, values).scalar() is None:
        raise KeyReused()


def _book(
    connection: Connection,
    receipt: str,
    collector: Collector,
    cash: _Cash,
    now: datetime,
    approved_by: str | None,
) -> None:
    """The ledger's transaction: what the network owes is what CNSS is to be credited."""
    lines = (
        (RECEIVABLE, cash.received.centimes),
        (CONTRIBUTIONS, -cash.contribution.centimes),
        (PENALTIES, -cash.penalty.centimes),
        (FEES, -cash.fee.centimes),
        (SUSPENSE, -cash.suspense.centimes),
    )
    book(
        connection,
        "deposit",
        lines,
        network=collector.network,
        made_by=collector.actor,
        approved_by=approved_by,
        receipt=receipt,
        agent_number=collector.agent_number,
        terminal=collector.terminal,
        now=now,
    )


def _queue_receipt(
    connection: Connection,
    receipt: str,
    code: str,
    cash: _Cash,
    place: str,
    words: Words,
    at: datetime,
    now: datetime,
) -> None:
    values = {
        "receipt": receipt,
        "total": cash.received,
        "period": period_words(cash.first, cash.last),
        "received_on": local_date(at),
        "agency": place,
    }
    for phone, language in receipt_phones(connection, code).items():
        event = f"{receipt}:{phone.e164}"
        message = OutboundMessage("receipt", event, phone, language, values)
        queue_message(Operation(connection, now, "artisan"), words, message)


_RECORD = text("""
    WITH received AS (
        INSERT INTO deposit
            (receipt_number, code, artisan_id, agent_id, agency_code, network, agent_number,
             terminal, channel, client_id, network_reference, total_centimes, received_at)
        VALUES (:receipt, :code, :artisan, :agent, :agency, :network, :agent_number,
             :terminal, :channel, :client, :reference, :total, :at)
    ), settled AS (
        INSERT INTO contribution_allocation
            (artisan_id, period, receipt_number, contribution_centimes, penalty_centimes)
        SELECT :artisan, period, :receipt, contribution_centimes, penalty_centimes
        FROM payment_code_line WHERE code = :code AND period <= :last
    ), noted AS (
        INSERT INTO audit_event (happened_at, actor, action, subject, details)
        VALUES (:now, :actor, 'deposit', :subject,
            jsonb_build_object('receipt', CAST(:receipt AS text),
                'channel', CAST(:channel AS text)))
    )
    INSERT INTO idempotency_key (caller, key, request_digest, receipt_number, answered_at)
    VALUES (:caller, :key, :digest, :receipt, :now)
    ON CONFLICT DO NOTHING
    RETURNING receipt_number
""")
