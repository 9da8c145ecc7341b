"""An agent's day: its totals, its newest deposits, and its close."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Select,
    Text,
    bindparam,
    exists,
    func,
    insert,
    select,
)

from app.agents.locks import Door
from app.agents.models import agency, agent, agent_lock
from app.agents.queries import AGENT, WORKING, Agent
from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.money import Money, total
from app.base.operation import Operation
from app.enrolment.models import artisan
from app.payments.limits import DayTotals, beginning_of_day, select_day_total
from app.payments.models import deposit, reversal, till_close
from app.payments.queries import json_object, read_moment
from app.payments.wording import reversed_by_words

_NEWEST = 5


@dataclass(frozen=True, slots=True)
class DayDeposit:
    """A deposit of the day; `reversed_by` is the key of the words for who undid it.

    `full_name` is the artisan's, to be masked; empty where nobody is shown it.
    """

    receipt: str
    total: Money
    received_at: datetime
    reversed_at: datetime | None = None
    reversed_by: str | None = None
    full_name: str = ""


@dataclass(frozen=True, slots=True)
class AgentDay:
    """An agent's day without reversed deposits: their number, and the `newest` five."""

    agent: Agent
    totals: DayTotals
    # Until when wrong PINs have locked the agent's phone.
    locked_until: datetime | None
    deposits: int
    newest: tuple[DayDeposit, ...]


class _PackedDeposit(TypedDict):
    receipt: str
    total: int
    received_at: float


def find_agent_day(connection: Connection, agent_id: int, now: datetime) -> AgentDay | None:
    """Returns an agent's day, read in one statement; None for one who may take no cash."""
    day = {"since": beginning_of_day(now), "day": local_date(now)}
    params = {"agent": agent_id, "now": now, **day}
    row = connection.execute(_DAY, params).one_or_none()
    if row is None:
        return None
    return AgentDay(
        agent=Agent.of(row),
        totals=DayTotals(Money(row.by_agent), Money(row.by_agency)),
        locked_until=row.locked_until,
        deposits=row.deposits,
        newest=tuple(_read_deposit(packed) for packed in row.newest or ()),
    )


def _read_deposit(packed: _PackedDeposit) -> DayDeposit:
    return DayDeposit(packed["receipt"], Money(packed["total"]), read_moment(packed["received_at"]))


@dataclass(frozen=True, slots=True)
class TillDay:
    """Every deposit of an agent's day, newest first; `total` leaves out the reversed ones.

    `closed_at` and `closed_total` are of the day's last close: None and zero before the first.
    """

    deposits: tuple[DayDeposit, ...]
    total: Money
    closed_at: datetime | None
    closed_total: Money


def find_till_day(connection: Connection, agent_id: int, now: datetime) -> TillDay:
    """Returns an agent's day with every deposit and the last close."""
    rows = connection.execute(
        select(
            deposit.c.receipt_number,
            deposit.c.total_centimes,
            deposit.c.received_at,
            reversal.c.reversed_at,
            reversal.c.channel.label("reversed_by_channel"),
            artisan.c.full_name,
        )
        .join(artisan, artisan.c.id == deposit.c.artisan_id)
        .outerjoin(reversal, reversal.c.receipt_number == deposit.c.receipt_number)
        .where(deposit.c.agent_id == agent_id, deposit.c.received_at >= beginning_of_day(now))
        .order_by(deposit.c.received_at.desc(), deposit.c.receipt_number.desc())
    ).all()
    close = connection.execute(
        select(till_close.c.closed_at, till_close.c.total_centimes)
        .where(till_close.c.agent_id == agent_id, till_close.c.day == local_date(now))
        .order_by(till_close.c.id.desc())
        .limit(1)
    ).one_or_none()
    deposits = tuple(
        DayDeposit(
            row.receipt_number,
            Money(row.total_centimes),
            row.received_at,
            row.reversed_at,
            reversed_by_words(row.reversed_by_channel) if row.reversed_at else None,
            row.full_name,
        )
        for row in rows
    )
    return TillDay(
        deposits=deposits,
        total=total([entry.total for entry in deposits if entry.reversed_at is None]),
        closed_at=close.closed_at if close else None,
        closed_total=Money(close.total_centimes if close else 0),
    )


def close_day(operation: Operation, agent_id: int) -> TillDay:
    """Records that the agent counted the cash. Deposits may follow, and another close."""
    connection, now = operation.connection, operation.now
    connection.execute(select(agent.c.id).where(agent.c.id == agent_id).with_for_update())
    day = find_till_day(connection, agent_id, now)
    unreversed = sum(entry.reversed_at is None for entry in day.deposits)
    connection.execute(
        insert(till_close).values(
            agent_id=agent_id,
            day=local_date(now),
            deposits=unreversed,
            total_centimes=day.total.centimes,
            closed_at=now,
        )
    )
    counted = {"deposits": unreversed, "total": str(day.total)}
    record_audit(operation, "till_closed", operation.actor, **counted)
    return find_till_day(connection, agent_id, now)


def _day_statement() -> Select[*tuple[object, ...]]:
    agent_id = bindparam("agent", type_=BigInteger)
    is_reversed = exists().where(reversal.c.receipt_number == deposit.c.receipt_number)
    since = bindparam("since", type_=DateTime(True))
    today = deposit.c.agent_id == agent_id, deposit.c.received_at >= since, ~is_reversed
    packed = json_object(
        receipt=deposit.c.receipt_number,
        total=deposit.c.total_centimes,
        received_at=func.extract("epoch", deposit.c.received_at),
    )
    newest = (
        select(packed.label("packed"))
        .where(*today)
        .order_by(deposit.c.received_at.desc(), deposit.c.receipt_number.desc())
        .limit(_NEWEST)
        .subquery()
    )
    locked = (
        select(agent_lock.c.locked_until)
        .where(
            agent_lock.c.number == agent.c.number,
            agent_lock.c.door == Door.phone().lane,
            agent_lock.c.locked_until > bindparam("now", type_=DateTime(timezone=True)),
        )
        .correlate(agent)
    )
    return (
        select(
            *AGENT,
            select_day_total("agent", agent_id.cast(Text)).label("by_agent"),
            select_day_total("agency", agency.c.code).correlate(agency).label("by_agency"),
            locked.scalar_subquery().label("locked_until"),
            select(func.count())
            .select_from(deposit)
            .where(*today)
            .scalar_subquery()
            .label("deposits"),
            select(func.json_agg(newest.c.packed)).scalar_subquery().label("newest"),
        )
        .join(agency, agency.c.code == agent.c.agency_code)
        .where(agent.c.id == agent_id, *WORKING)
    )


# Built once: building it takes longer than running it.
_DAY = _day_statement()
