"""How much cash an agent, an agency and a network's system may take: of a code, and in a day.

Days are Morocco's. Deposits that stand are what is counted: there is no second number that could
differ from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Select,
    Text,
    bindparam,
    exists,
    func,
    select,
)

from app.agents.clients import Client
from app.agents.models import agency, agent, api_client
from app.agents.queries import Agent
from app.base.clock import local_date, local_midnight
from app.base.money import Money
from app.base.operation import Operation
from app.payments.errors import OverClientLimit, OverCodeLimit, OverDayLimit, OverFloatLimit
from app.payments.models import deposit, reversal

SINCE = bindparam("since", type_=DateTime(True))


@dataclass(frozen=True, slots=True)
class DayTotals:
    """The cash taken today: by the agent, and by the whole agency."""

    by_agent: Money
    by_agency: Money


def enforce_limits(
    operation: Operation, agent: Agent | None, client: Client | None, total: Money
) -> None:
    """Waits for other deposits of the same limits, then refuses `total` if it passes one.

    Raises: OverCodeLimit, OverDayLimit, OverFloatLimit, OverClientLimit.
    """
    connection, now = operation.connection, operation.now
    if agent:
        lock_limits(connection, agent)
        refuse_over_limits(agent, day_totals(connection, agent, now), total)
    if client and client.day_limit:
        connection.execute(_LOCK_CLIENT, {"client": client.id})
        params = {"client": client.id, "since": beginning_of_day(now)}
        sent = Money(connection.execute(_SENT, params).scalar_one())
        if sent + total > client.day_limit:
            rest = rest_of(client.day_limit, sent)
            raise OverClientLimit(limit=client.day_limit, rest=rest)


def refuse_over_limits(agent: Agent, taken: DayTotals, total: Money) -> None:
    """Raises the limit that `total` more would pass. Pure."""
    if agent.code_limit and total > agent.code_limit:
        raise OverCodeLimit(limit=agent.code_limit)
    if agent.day_limit and taken.by_agent + total > agent.day_limit:
        raise OverDayLimit(limit=agent.day_limit, rest=rest_of(agent.day_limit, taken.by_agent))
    if agent.float_limit and taken.by_agency + total > agent.float_limit:
        rest = rest_of(agent.float_limit, taken.by_agency)
        raise OverFloatLimit(limit=agent.float_limit, rest=rest)


def rest_of(limit: Money, taken: Money) -> Money:
    """What may still be taken; nothing where a limit was lowered below what was taken."""
    return max(limit - taken, Money(0))


def beginning_of_day(now: datetime) -> datetime:
    return local_midnight(local_date(now))


def day_totals(connection: Connection, agent: Agent, now: datetime) -> DayTotals:
    """One statement; none where no limit of a day asks for it."""
    if not (agent.day_limit or agent.float_limit):
        return DayTotals(Money(0), Money(0))
    asked = {"agent": agent.id, "agency": agent.agency_code, "since": beginning_of_day(now)}
    by_agent, by_agency = connection.execute(_TAKEN, asked).one()
    return DayTotals(Money(by_agent), Money(by_agency))


def lock_limits(connection: Connection, agent: Agent) -> None:
    """Whose day is limited waits here for the other deposits of the same limit to be over.

    Agents and agencies without limits do not wait for each other.
    """
    if agent.float_limit:
        connection.execute(_LOCK_AGENCY, {"agency": agent.agency_code})
    elif agent.day_limit:
        connection.execute(_LOCK_AGENT, {"agent": agent.id})


def sum_of_day(whose: ColumnElement[bool]) -> Select[Any]:
    """The cash of today's deposits that stand, in centimes; `since` says where the day begins."""
    total = func.coalesce(func.sum(deposit.c.total_centimes), 0).cast(BigInteger)
    undone = exists().where(reversal.c.receipt_number == deposit.c.receipt_number)
    return select(total).where(whose, deposit.c.received_at >= SINCE, ~undone)


_TAKEN = select(
    sum_of_day(deposit.c.agent_id == bindparam("agent", type_=BigInteger)).scalar_subquery(),
    sum_of_day(deposit.c.agency_code == bindparam("agency", type_=Text)).scalar_subquery(),
)
# The agency's lock is wide enough for its agents' days too: one wait, not two in some order.
_LOCK_AGENCY = (
    select(agency.c.code)
    .where(agency.c.code == bindparam("agency"))
    .with_for_update(key_share=True)
)
_LOCK_AGENT = (
    select(agent.c.id).where(agent.c.id == bindparam("agent")).with_for_update(key_share=True)
)
_LOCK_CLIENT = (
    select(api_client.c.id)
    .where(api_client.c.id == bindparam("client"))
    .with_for_update(key_share=True)
)
_SENT = sum_of_day(deposit.c.client_id == bindparam("client", type_=Text))
