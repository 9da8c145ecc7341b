"""Books cash that the agent network took for a code: the one way money is taken.

Works in the caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, insert, literal, select, update

from app.agents.queries import Agent
from app.base.clock import local_date
from app.base.money import Money
from app.base.months import Month
from app.messaging.service import queue_message
from app.payments.audit import note
from app.payments.dues import is_still_owed
from app.payments.errors import CodeCancelled, CodeExpired, CodePaid, CodeUnknown, KeyReused
from app.payments.limits import Taken, lock_limits, refuse_over_limits, taken_today
from app.payments.models import (
    answered_request,
    deposit,
    ledger_line,
    ledger_transaction,
    payment_code,
    payment_code_line,
    receipt_serial,
    settled_contribution,
)
from app.payments.rules import receipt_number
from app.payments.till_queries import (
    CodeEnd,
    PayableCode,
    find_code,
    find_code_end,
    owed_lines,
    receipt_phones,
)
from app.payments.wording import period_words
from app.text.words import Words


def redeem_code(
    connection: Connection,
    code: str,
    agent: Agent,
    *,
    key: str,
    channel: str,
    words: Words,
    now: datetime,
) -> str:
    """Books the cash an agent received for `code`; gives the receipt's number.

    The same `key` from the same agent gives the same receipt again. CodeUnknown, CodePaid,
    CodeExpired, CodeCancelled, KeyReused, OverCodeLimit, OverDayLimit, OverFloatLimit: then the
    transaction is to be given up. The code leaves `issued` by one conditional update: whoever
    changes the row has the deposit, and everything else follows in this transaction.
    """
    digest = sha256(code.encode()).digest()
    caller = f"agent:{agent.id}"
    if (receipt := _answered(connection, caller, key, digest)) is not None:
        return receipt
    paid = _take_code(connection, code, now)
    if paid is None:
        # The same request at the same moment may have won: then its receipt is ours too.
        if (receipt := _answered(connection, caller, key, digest)) is not None:
            return receipt
        raise why_not_payable(find_code_end(connection, code), agent, now)
    if not is_still_owed(*owed_lines(connection, code)):
        # The transaction is given up, so the code stays as it was.
        raise CodeCancelled(cancelled_at=now)
    lock_limits(connection, agent)
    taken = taken_today(connection, agent, now)
    refuse_over_limits(agent, taken, Money(paid.total_centimes))
    receipt = receipt_number(connection.execute(receipt_serial.next_value()).scalar_one())
    _insert_deposit(connection, receipt, code, paid, agent, channel, now)
    _book(connection, receipt, paid, now)
    _queue_receipt(connection, receipt, code, paid, agent, words, now)
    actor = f"agent:{agent.number}"
    note(connection, now, actor, "deposit", paid.artisan_id, receipt=receipt, channel=channel)
    connection.execute(
        insert(answered_request).values(
            caller=caller, key=key, request_digest=digest, receipt_number=receipt, answered_at=now
        )
    )
    return receipt


def _take_code(connection: Connection, code: str, now: datetime) -> Row[Any] | None:
    return connection.execute(
        update(payment_code)
        .where(
            payment_code.c.code == code,
            payment_code.c.state == "issued",
            payment_code.c.expires_at > now,
        )
        .values(state="paid", ended_at=now)
        .returning(
            payment_code.c.artisan_id,
            payment_code.c.total_centimes,
            payment_code.c.contribution_centimes,
            payment_code.c.penalty_centimes,
            payment_code.c.fee_centimes,
            payment_code.c.first_period,
            payment_code.c.last_period,
        )
    ).one_or_none()


def get_payable(
    connection: Connection, code: str, agent: Agent, taken: Taken, now: datetime
) -> PayableCode:
    """What the agent is to ask for, before any cash; raises what redeem_code would. One statement.

    `taken` is what was taken today, which limits of a day are told from.
    """
    seen = find_code(connection, code, now)
    if seen is None or seen.payable is None:
        raise why_not_payable(seen.end if seen else None, agent, now)
    refuse_over_limits(agent, taken, seen.payable.total)
    return seen.payable


def why_not_payable(
    end: CodeEnd | None, agent: Agent, now: datetime
) -> CodeUnknown | CodePaid | CodeExpired | CodeCancelled:
    """The refusal for a code that cannot be paid; who paid it is told to the same agency only."""
    if end is None:
        return CodeUnknown()
    if end.state == "paid":
        if end.agency == agent.agency_code:
            return CodePaid(
                paid_at=end.ended_at,
                agent=end.agent_number,
                receipt=end.receipt,
                total=Money(end.total_centimes),
            )
        return CodePaid()
    if end.state == "expired" or (end.state == "issued" and end.ended_at <= now):
        return CodeExpired(expired_at=end.ended_at)
    # Cancelled, or still issued though the register says that its months are not owed any more.
    return CodeCancelled(cancelled_at=min(end.ended_at, now))


def _answered(connection: Connection, caller: str, key: str, digest: bytes) -> str | None:
    row = connection.execute(
        select(answered_request.c.request_digest, answered_request.c.receipt_number).where(
            answered_request.c.caller == caller, answered_request.c.key == key
        )
    ).one_or_none()
    if row is None:
        return None
    if row.request_digest != digest:
        raise KeyReused()
    return str(row.receipt_number)


def _insert_deposit(
    connection: Connection,
    receipt: str,
    code: str,
    paid: Row[Any],
    agent: Agent,
    channel: str,
    now: datetime,
) -> None:
    """The deposit, and the months it settles: those of the code, the oldest owed."""
    connection.execute(
        insert(deposit).values(
            receipt_number=receipt,
            code=code,
            artisan_id=paid.artisan_id,
            agent_id=agent.id,
            agency_code=agent.agency_code,
            channel=channel,
            total_centimes=paid.total_centimes,
            received_at=now,
        )
    )
    line = payment_code_line.c
    settled = select(
        literal(paid.artisan_id),
        line.period,
        literal(receipt),
        line.contribution_centimes,
        line.penalty_centimes,
    ).where(line.code == code)
    columns = (
        "artisan_id",
        "period",
        "receipt_number",
        "contribution_centimes",
        "penalty_centimes",
    )
    connection.execute(insert(settled_contribution).from_select(columns, settled))


def _book(connection: Connection, receipt: str, paid: Row[Any], now: datetime) -> None:
    """The ledger's transaction: what the network owes is what CNSS is to be credited."""
    transaction_id = connection.execute(
        insert(ledger_transaction)
        .values(event="deposit", receipt_number=receipt, occurred_at=now)
        .returning(ledger_transaction.c.id)
    ).scalar_one()
    amounts = {
        "agent_network_receivable": paid.total_centimes,
        "contributions_payable": -paid.contribution_centimes,
        "penalties_payable": -paid.penalty_centimes,
        "fees_payable": -paid.fee_centimes,
    }
    connection.execute(
        insert(ledger_line),
        [
            {"transaction_id": transaction_id, "account": account, "amount_centimes": centimes}
            for account, centimes in amounts.items()
            if centimes
        ],
    )


def _queue_receipt(
    connection: Connection,
    receipt: str,
    code: str,
    paid: Row[Any],
    agent: Agent,
    words: Words,
    now: datetime,
) -> None:
    values = {
        "receipt": receipt,
        "total": Money(paid.total_centimes),
        "period": period_words(Month.of(paid.first_period), Month.of(paid.last_period)),
        "received_on": local_date(now),
        "agency": agent.agency_code,
    }
    for phone, language in receipt_phones(connection, code).items():
        queue_message(
            connection,
            words,
            kind="receipt",
            event=f"{receipt}:{phone.e164}",
            phone=phone,
            language=language,
            values=values,
            now=now,
        )
