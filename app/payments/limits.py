"""Limits of the cash that an agent, an agency and a network's system may collect.

A limit is for one code or for a day in Morocco. The totals of a day are kept by triggers: each
deposit and each reversal changes them, and a deposit that would pass a limit is refused there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import CheckViolation
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    ScalarSelect,
    Text,
    bindparam,
    func,
    select,
)
from sqlalchemy.exc import IntegrityError

from app.agents.queries import Agent
from app.base.clock import local_date, local_midnight
from app.base.errors import MaalemError
from app.base.money import Money
from app.payments.errors import OverClientLimit, OverCodeLimit, OverDayLimit, OverFloatLimit
from app.payments.models import day_total


@dataclass(frozen=True, slots=True)
class DayTotals:
    """The cash of a day: the agent's, and the whole agency's."""

    by_agent: Money
    by_agency: Money


def refuse_over_code_limit(agent: Agent | None, total: Money) -> None:
    """Refuses `total`, the cash of one code, if it passes the agent's limit. Pure.

    Raises: OverCodeLimit.
    """
    if agent and agent.code_limit and total > agent.code_limit:
        raise OverCodeLimit(limit=agent.code_limit)


def refusal_of_day_limit(error: IntegrityError) -> MaalemError | None:
    """Returns the refusal for a deposit that the database refused by a limit of the day.

    Returns None for any other error.
    """
    diagnosis = error.orig.diag if isinstance(error.orig, CheckViolation) else None
    refusal = _REFUSALS.get(diagnosis.constraint_name or "") if diagnosis else None
    if not (refusal and diagnosis and diagnosis.message_detail):
        return None
    collected, limit = (Money(int(word)) for word in diagnosis.message_detail.split(" of "))
    return refusal(limit=limit, rest=rest_of(limit, collected))


def refuse_over_limits(agent: Agent, totals: DayTotals, total: Money) -> None:
    """Refuses `total`, the cash of one more deposit, if it passes a limit. Pure.

    Raises: OverCodeLimit, OverDayLimit, OverFloatLimit.
    """
    refuse_over_code_limit(agent, total)
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
    params = {"agent": str(agent.id), "agency": agent.agency_code, "day": local_date(now)}
    row = connection.execute(_DAY_TOTALS, params).one()
    return DayTotals(Money(row.by_agent), Money(row.by_agency))


def select_day_total(kind: str, key: ColumnElement[str]) -> ScalarSelect[int]:
    """Returns an expression for the cash of the day that stands, in centimes.

    `kind` and `key` say whose: an `agent` by id, an `agency` by code, a `client` by id. The
    parameter `day` is the day in Morocco.
    """
    columns = day_total.c
    total = func.coalesce(func.sum(columns.total_centimes), 0).cast(BigInteger)
    whose = columns.kind == kind, columns.key == key
    of_day = columns.day == bindparam("day", type_=Date)
    return select(total).where(*whose, of_day).scalar_subquery()


# By the name that the trigger count_deposit gives to what it refuses.
_REFUSALS: Mapping[str, type[MaalemError]] = {
    "agent_day_limit": OverDayLimit,
    "agency_day_limit": OverFloatLimit,
    "client_day_limit": OverClientLimit,
}
_DAY_TOTALS = select(
    select_day_total("agent", bindparam("agent", type_=Text)).label("by_agent"),
    select_day_total("agency", bindparam("agency", type_=Text)).label("by_agency"),
)
