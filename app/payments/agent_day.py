"""An agent's day: what was taken today and what may still be, with the newest deposits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, bindparam, exists, func, insert, select

from app.agents.models import agency, agent
from app.agents.queries import AGENT, Agent
from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import Operation
from app.payments.limits import SINCE, DayTotals, beginning_of_day, sum_of_day
from app.payments.models import deposit, reversal, till_close

_NEWEST = 5


@dataclass(frozen=True, slots=True)
class DayDeposit:
    """One deposit of the day."""

    receipt: str
    total: Money
    received_at: datetime
    reversed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AgentDay:
    """Of today, what stands: `deposits` counts it; `newest` are the last five, newest first."""

    agent: Agent
    taken: DayTotals
    deposits: int
    newest: tuple[DayDeposit, ...]


def find_agent_day(connection: Connection, agent_id: int, now: datetime) -> AgentDay | None:
    """All of it in one statement; None for who may not work any more."""
    asked = {"agent": agent_id, "since": beginning_of_day(now)}
    row = connection.execute(_DAY, asked).one_or_none()
    if row is None:
        return None
    return AgentDay(
        Agent.of(row),
        DayTotals(Money(row.by_agent), Money(row.by_agency)),
        row.deposits,
        tuple(
            DayDeposit(receipt, Money(total), datetime.fromtimestamp(at, UTC))
            for receipt, total, at in row.newest or ()
        ),
    )


@dataclass(frozen=True, slots=True)
class TillDay:
    """An agent's whole day, newest first; `total` is what stands. `closed` is the last close."""

    deposits: tuple[DayDeposit, ...]
    total: Money
    closed_at: datetime | None
    closed_total: Money


def find_till_day(connection: Connection, agent_id: int, now: datetime) -> TillDay:
    rows = connection.execute(
        select(
            deposit.c.receipt_number,
            deposit.c.total_centimes,
            deposit.c.received_at,
            reversal.c.reversed_at,
        )
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
    return TillDay(
        tuple(DayDeposit(number, Money(total), at, undone) for number, total, at, undone in rows),
        Money(sum(row.total_centimes for row in rows if row.reversed_at is None)),
        close.closed_at if close else None,
        Money(close.total_centimes if close else 0),
    )


def close_day(operation: Operation, agent_id: int) -> TillDay:
    """Records that the agent counted the cash. Deposits may follow, and another close."""
    connection, now = operation.connection, operation.now
    connection.execute(select(agent.c.id).where(agent.c.id == agent_id).with_for_update())
    day = find_till_day(connection, agent_id, now)
    standing = sum(one.reversed_at is None for one in day.deposits)
    connection.execute(
        insert(till_close).values(
            agent_id=agent_id,
            day=local_date(now),
            deposits=standing,
            total_centimes=day.total.centimes,
            closed_at=now,
        )
    )
    return find_till_day(connection, agent_id, now)


def _day_statement() -> Select[Any]:
    """Built once: building it takes longer than running it."""
    asked = bindparam("agent", type_=BigInteger)
    undone = exists().where(reversal.c.receipt_number == deposit.c.receipt_number)
    today = deposit.c.agent_id == asked, deposit.c.received_at >= SINCE, ~undone
    newest = (
        select(
            func.json_build_array(
                deposit.c.receipt_number,
                deposit.c.total_centimes,
                func.extract("epoch", deposit.c.received_at),
            ).label("row")
        )
        .where(*today)
        .order_by(deposit.c.received_at.desc(), deposit.c.receipt_number.desc())
        .limit(_NEWEST)
        .subquery()
    )
    return (
        select(
            *AGENT,
            sum_of_day(deposit.c.agent_id == asked).scalar_subquery().label("by_agent"),
            sum_of_day(deposit.c.agency_code == agency.c.code)
            .correlate(agency)
            .scalar_subquery()
            .label("by_agency"),
            select(func.count())
            .select_from(deposit)
            .where(*today)
            .scalar_subquery()
            .label("deposits"),
            select(func.json_agg(newest.c.row)).scalar_subquery().label("newest"),
        )
        .join(agency, agency.c.code == agent.c.agency_code)
        .where(agent.c.id == asked, agent.c.active)
    )


_DAY = _day_statement()
