"""Limits of the cash that an agent, an agency and a network's system may collect.

A limit is for one code or for a day in Morocco. The sum of a day is computed from its deposits and
stored nowhere, so it cannot differ from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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

DAY_START = bindparam("since", type_=DateTime(True))


@dataclass(frozen=True, slots=True)
class DayTotals:
    """The cash of a day: the agent's, and the whole agency's."""

    by_agent: Money
    by_agency: Money


def enforce_limits(
    operation: Operation, agent: Agent | None, client: Client | None, total: Money
) -> None:
    """Locks the limits that `total` counts against, and refuses it if it passes one.

    Raises: OverCodeLimit, OverDayLimit, OverFloatLimit, OverClientLimit.
    """
    connection, now = operation.connection, operation.now
    if agent:
        lock_limits(connection, agent)
        refuse_over_limits(agent, day_totals(connection, agent, now), total)
    if client and client.day_limit:
        connection.execute(_LOCK_CLIENT, {"client": client.id})
        params = {"client": client.id, "since": beginning_of_day(now)}
        collected = Money(connection.execute(_BY_CLIENT, params).scalar_one())
        if collected + total > client.day_limit:
            rest = rest_of(client.day_limit, collected)
            raise OverClientLimit(limit=client.day_limit, rest=rest)


def refuse_over_limits(agent: Agent, totals: DayTotals, total: Money) -> None:
    """Refuses `total`, the cash of one more deposit, if it passes a limit. Pure.

    Raises: OverCodeLimit, OverDayLimit, OverFloatLimit.
    """
    if agent.code_limit and total > agent.code_limit:
        raise OverCodeLimit(limit=agent.code_limit)
    if agent.day_limit and totals.by_agent + total > agent.day_limit:
        raise OverDayLimit(limit=agent.day_limit, rest=rest_of(agent.day_limit, totals.by_agent))
    if agent.float_limit and totals.by_agency + total > agent.float_limit:
        rest = rest_of(agent.float_limit, totals.by_agency)
        raise OverFloatLimit(limit=agent.float_limit, rest=rest)


def rest_of(limit: Money, collected: Money) -> Money:
    """Returns what is left of a limit; zero if it was lowered below what was collected."""
    return max(limit - collected, Money(0))


def beginning_of_day(now: datetime) -> datetime:
    """Returns the midnight in Morocco that began the day of `now`."""
    return local_midnight(local_date(now))


def day_totals(connection: Connection, agent: Agent, now: datetime) -> DayTotals:
    """Returns the day's totals, read in one statement; zeros if no limit of a day is set."""
    if not (agent.day_limit or agent.float_limit):
        return DayTotals(Money(0), Money(0))
    params = {"agent": agent.id, "agency": agent.agency_code, "since": beginning_of_day(now)}
    row = connection.execute(_DAY_TOTALS, params).one()
    return DayTotals(Money(row.by_agent), Money(row.by_agency))


def lock_limits(connection: Connection, agent: Agent) -> None:
    """Locks the limit of a day, after waiting for the other deposits under it.

    Agents and agencies without such a limit do not wait for each other.
    """
    if agent.float_limit:
        connection.execute(_LOCK_AGENCY, {"agency": agent.agency_code})
    elif agent.day_limit:
        connection.execute(_LOCK_AGENT, {"agent": agent.id})


def select_day_sum(condition: ColumnElement[bool]) -> Select[int]:
    """Returns a statement for the cash of a day's deposits that meet `condition`, in centimes.

    Reversed deposits do not count. The parameter `since` is the moment at which the day begins.
    """
    total = func.coalesce(func.sum(deposit.c.total_centimes), 0).cast(BigInteger)
    is_reversed = exists().where(reversal.c.receipt_number == deposit.c.receipt_number)
    return select(total).where(condition, deposit.c.received_at >= DAY_START, ~is_reversed)


_BY_AGENT = select_day_sum(deposit.c.agent_id == bindparam("agent", type_=BigInteger))
_BY_AGENCY = select_day_sum(deposit.c.agency_code == bindparam("agency", type_=Text))
_DAY_TOTALS = select(
    _BY_AGENT.scalar_subquery().label("by_agent"), _BY_AGENCY.scalar_subquery().label("by_agency")
)
# The agency's lock covers its agents' days too: with one lock there is no order to get wrong.
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
_BY_CLIENT = select_day_sum(deposit.c.client_id == bindparam("client", type_=Text))
