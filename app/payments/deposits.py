"""Books cash that an agent network took for a code: the one way money is taken.

Works in the caller's transaction and commits nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    DateTime,
    Select,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.agents.queries import Agent
from app.base.clock import local_date
from app.base.money import ZERO, Money
from app.base.months import Month
from app.enrolment.models import artisan
from app.enrolment.queries import PERSON, Artisan, lock_artisan
from app.ledger.models import CONTRIBUTIONS, FEES, PENALTIES, RECEIVABLE, SUSPENSE
from app.ledger.service import book
from app.messaging.service import queue_message
from app.payments.breaks import open_break
from app.payments.dues import is_still_owed
from app.payments.errors import (
    CodeCancelled,
    CodeExpired,
    CodePaid,
    CodeReversed,
    CodeUnknown,
    KeyReused,
    OverPaid,
    UnderPaid,
)
from app.payments.limits import Taken, hold_limits, refuse_over_limits
from app.payments.models import (
    answered_request,
    payment_code,
    payment_code_line,
    receipt_serial,
    settled_contribution,
)
from app.payments.rules import receipt_number
from app.payments.service import end_live_code
from app.payments.takers import Taker
from app.payments.till_queries import (
    CodeEnd,
    PayableCode,
    find_code,
    find_code_end,
    receipt_phones,
)
from app.payments.wording import period_words
from app.text.words import Words


@dataclass(frozen=True, slots=True)
class _Taken:
    """A code that is ours to book: what it costs and pays, oldest month first."""

    person: Artisan
    total: Money
    fee: Money
    serial: int
    lines: tuple[tuple[Month, Money, Money], ...]
    settled_before: bool


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
    taker: Taker,
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
        _end_later_code(connection, code, approved_by or taker.actor, now)
    asked = {
        "caller": taker.caller,
        "key": key,
        "wanted": code,
        "at": at,
        "late": received_at is not None,
    }
    taken = _take_code(connection, asked, digest)
    if isinstance(taken, str):
        return taken
    if taken is None:
        # The same request at the same moment may have won: then its receipt is ours too.
        taken = _take_code(connection, asked, digest)
        if isinstance(taken, str):
            return taken
        raise why_not_payable(find_code_end(connection, code), taker.agent, at, taker.network)
    owed = [(month, contribution) for month, contribution, _ in taken.lines]
    if taken.settled_before or not is_still_owed(taken.person, owed):
        # The transaction is given up, so the code stays as it was.
        raise CodeCancelled(cancelled_at=now)
    cash = _divide(taken, amount or taken.total, taker.other_amounts)
    if received_at is None:
        hold_limits(connection, taker.agent, taker.client, cash.received, now)
    receipt = receipt_number(taken.serial)
    _record(connection, receipt, code, key, digest, taker, taken, cash, at, now)
    _book(connection, receipt, taker, cash, now, approved_by)
    if cash.suspense:
        open_break(
            connection,
            "other_amount_sent",
            network=taker.network,
            receipt=receipt,
            code=code,
            ours=taken.total,
            theirs=cash.received,
            now=now,
        )
    _queue_receipt(connection, receipt, code, cash, taker.place, words, at, now)
    return receipt


def _take_code(connection: Connection, asked: dict[str, Any], digest: bytes) -> _Taken | str | None:
    """The code, taken; or the receipt this request got before; None where it is not payable."""
    row = connection.execute(_TAKE, asked).one()
    request_digest, answered, serial, total, fee, settled, lines, *person = row
    if answered is not None:
        if request_digest != digest:
            raise KeyReused()
        return str(answered)
    if serial is None:
        return None
    months = ((Month.parse(period), Money(c), Money(p)) for period, c, p in lines)
    return _Taken(Artisan(*person), Money(total), Money(fee), serial, tuple(months), settled)


def _end_later_code(connection: Connection, code: str, by: str, now: datetime) -> None:
    """Another live code of the artisan would ask again for money that was paid long ago."""
    row = payment_code.c
    owner = connection.execute(select(row.artisan_id).where(row.code == code)).scalar()
    if owner is None:
        return
    lock_artisan(connection, owner)
    live = select(row.code).where(row.artisan_id == owner, row.state == "issued")
    if connection.execute(live).scalar() != code:
        end_live_code(connection, owner, now, by)


def _divide(taken: _Taken, received: Money, other_amounts: bool) -> _Cash:
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
    end: CodeEnd | None, agent: Agent | None, now: datetime, network: str | None = None
) -> CodeUnknown | CodePaid | CodeExpired | CodeCancelled | CodeReversed:
    """The refusal for a code that cannot be paid; who paid it is told to the same agency only."""
    if end is None:
        return CodeUnknown()
    if end.state == "paid":
        if agent and end.agency == agent.agency_code:
            return CodePaid(
                paid_at=end.ended_at,
                agent=end.agent_number,
                receipt=end.receipt,
                total=Money(end.total_centimes),
            )
        if network and end.network != network:
            return CodePaid(why="paid by another network")
        return CodePaid()
    if end.state == "reversed":
        return CodeReversed(reversed_at=end.ended_at)
    if end.state == "expired" or (end.state == "issued" and end.ended_at <= now):
        return CodeExpired(expired_at=end.ended_at)
    # Cancelled, or still issued though the register says that its months are not owed any more.
    return CodeCancelled(cancelled_at=min(end.ended_at, now))


def _record(
    connection: Connection,
    receipt: str,
    code: str,
    key: str,
    digest: bytes,
    taker: Taker,
    taken: _Taken,
    cash: _Cash,
    at: datetime,
    now: datetime,
) -> None:
    """The deposit, the months it settles, the audit line and the answer, in one statement."""
    values = {
        "receipt": receipt,
        "code": code,
        "artisan": taken.person.id,
        "agent": taker.agent.id if taker.agent else None,
        "agency": taker.agency_code,
        "network": taker.network,
        "agent_number": taker.agent_number,
        "terminal": taker.terminal,
        "channel": taker.channel,
        "client": taker.client.id if taker.client else None,
        "reference": taker.reference,
        "total": cash.received.centimes,
        "at": at,
        "last": cash.last.first_day,
        "now": now,
        "actor": taker.actor,
        "subject": f"artisan:{taken.person.id}",
        "caller": taker.caller,
        "key": key,
        "digest": digest,
    }
    if connection.execute(_RECORD, values).scalar() is None:
        raise KeyReused()


def _book(
    connection: Connection,
    receipt: str,
    taker: Taker,
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
        network=taker.network,
        made_by=taker.actor,
        approved_by=approved_by,
        receipt=receipt,
        agent_number=taker.agent_number,
        terminal=taker.terminal,
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


def _take_statement() -> Select[Any]:
    """Built once. One row always: the answer given before, or the code taken, or neither."""
    code, line, settled = payment_code.c, payment_code_line.c, settled_contribution.c
    at = bindparam("at", type_=DateTime(True))
    answered = (
        select(answered_request.c.request_digest, answered_request.c.receipt_number)
        .where(
            answered_request.c.caller == bindparam("caller", type_=Text),
            answered_request.c.key == bindparam("key", type_=Text),
        )
        .cte("answered")
    )
    # Cash of a moment when the code was live is cash for it, though it has expired since.
    late = and_(bindparam("late", type_=Boolean), code.state == "expired")
    taken = (
        update(payment_code)
        .where(
            code.code == bindparam("wanted", type_=Text),
            code.expires_at > at,
            code.issued_at <= at,
            or_(code.state == "issued", late),
            ~exists().select_from(answered),
        )
        .values(state="paid", ended_at=at)
        .returning(code.code, code.artisan_id, code.total_centimes, code.fee_centimes)
        .cte("taken")
    )
    row = func.json_build_array(
        func.to_char(line.period, "YYYY-MM"), line.contribution_centimes, line.penalty_centimes
    )
    lines = (
        select(func.json_agg(aggregate_order_by(row, line.period)))
        .where(line.code == taken.c.code)
        .scalar_subquery()
    )
    settled_before = (
        exists()
        .where(line.code == taken.c.code)
        .where(settled.artisan_id == taken.c.artisan_id, settled.period == line.period)
    )
    one = select(func.now().label("one")).cte("one")
    return (
        select(
            answered.c.request_digest,
            answered.c.receipt_number,
            case((taken.c.code.is_not(None), receipt_serial.next_value())),
            taken.c.total_centimes,
            taken.c.fee_centimes,
            settled_before,
            lines,
            *PERSON,
        )
        .select_from(one)
        .outerjoin(answered, true())
        .outerjoin(taken, true())
        .outerjoin(artisan, artisan.c.id == taken.c.artisan_id)
    )


_TAKE = _take_statement()
_RECORD = text("""
    WITH received AS (
        INSERT INTO deposit
            (receipt_number, code, artisan_id, agent_id, agency_code, network, agent_number,
             terminal, channel, client_id, network_reference, total_centimes, received_at)
        VALUES (:receipt, :code, :artisan, :agent, :agency, :network, :agent_number,
             :terminal, :channel, :client, :reference, :total, :at)
    ), settled AS (
        INSERT INTO settled_contribution
            (artisan_id, period, receipt_number, contribution_centimes, penalty_centimes)
        SELECT :artisan, period, :receipt, contribution_centimes, penalty_centimes
        FROM payment_code_line WHERE code = :code AND period <= :last
    ), noted AS (
        INSERT INTO audit_event (happened_at, actor, action, subject, details)
        VALUES (:now, :actor, 'deposit', :subject,
            jsonb_build_object('receipt', CAST(:receipt AS text),
                'channel', CAST(:channel AS text)))
    )
    INSERT INTO answered_request (caller, key, request_digest, receipt_number, answered_at)
    VALUES (:caller, :key, :digest, :receipt, :now)
    ON CONFLICT DO NOTHING
    RETURNING receipt_number
""")
