"""Reads agents and agencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from sqlalchemy import Connection, bindparam, select

from app.agents.models import agency, agent, town
from app.agents.rules import Hours
from app.base.money import Money

# Of one town; a phone's list is not looked through further.
_MOST_AGENCIES = 12


@dataclass(frozen=True, slots=True)
class Agent:
    """A person at a till: `agency_code` is what receipts name. Limits are None where none is set.

    `code_limit` is the most of one code, `day_limit` of a day, `float_limit` of the whole agency's
    day.
    """

    id: int
    number: str
    agency_code: str
    agency_name: str
    code_limit: Money | None = None
    day_limit: Money | None = None
    float_limit: Money | None = None
    network: str = "wafacash"

    @classmethod
    def of(cls, row: Sequence[Any]) -> Agent:
        """From the columns of `AGENT`."""
        number, name, agency_code, agency_name, *limits, network = row
        found = (Money(limit) if limit is not None else None for limit in limits)
        code_limit, day_limit, float_limit = found
        return cls(
            number, name, agency_code, agency_name, code_limit, day_limit, float_limit, network
        )


AGENT = (
    agent.c.id,
    agent.c.number,
    agent.c.agency_code,
    agency.c.name,
    agent.c.code_limit_centimes,
    agent.c.day_limit_centimes,
    agency.c.float_limit_centimes,
    agency.c.network,
)

_FIND_AGENT = (
    select(*AGENT)
    .join(agency, agency.c.code == agent.c.agency_code)
    .where(agent.c.id == bindparam("agent"), agent.c.active)
)


_AGENT_BY_NUMBER = (
    select(*AGENT)
    .join(agency, agency.c.code == agent.c.agency_code)
    .where(
        agent.c.number == bindparam("number"),
        agency.c.network == bindparam("network"),
        agent.c.active,
    )
)


def find_agent(connection: Connection, agent_id: int) -> Agent | None:
    """An agent still allowed to work, by our own id."""
    row = connection.execute(_FIND_AGENT, {"agent": agent_id}).one_or_none()
    return Agent.of(row) if row else None


def find_agent_of(connection: Connection, network: str, number: str) -> Agent | None:
    """The same by the number the network gave; none for one that we do not know."""
    asked = {"network": network, "number": number}
    row = connection.execute(_AGENT_BY_NUMBER, asked).one_or_none()
    return Agent.of(row) if row else None


@dataclass(frozen=True, slots=True)
class Agency:
    """Where cash is taken. No weekday hours: not known; none on Saturday: closed."""

    code: str
    name: str
    town_code: str
    address: str
    weekdays: Hours | None
    saturday: Hours | None


_AGENCY = (
    agency.c.code,
    agency.c.name,
    agency.c.town_code,
    agency.c.address,
    agency.c.weekday_opens,
    agency.c.weekday_closes,
    agency.c.saturday_opens,
    agency.c.saturday_closes,
)
_AGENCIES = (
    select(*_AGENCY)
    .where(agency.c.town_code == bindparam("town"), agency.c.active)
    .order_by(agency.c.code)
    .limit(_MOST_AGENCIES)
)
_ONE_AGENCY = select(*_AGENCY).where(
    agency.c.code == bindparam("agency"), agency.c.active, agency.c.town_code.is_not(None)
)
_TOWNS = (
    select(town.c.code, town.c.region)
    .join(agency, agency.c.town_code == town.c.code)
    .where(agency.c.active)
    .distinct()
)


def list_agencies(connection: Connection, town_code: str) -> list[Agency]:
    """Those open to the public in a town, by code."""
    return [_agency(row) for row in connection.execute(_AGENCIES, {"town": town_code})]


def find_agency(connection: Connection, code: str) -> Agency | None:
    """One of them."""
    row = connection.execute(_ONE_AGENCY, {"agency": code}).one_or_none()
    return _agency(row) if row else None


def regions_of_towns(connection: Connection) -> dict[str, str]:
    """Every town with an agency, and its region, by their codes."""
    return {row.code: row.region for row in connection.execute(_TOWNS)}


def _agency(row: Sequence[Any]) -> Agency:
    code, name, town_code, address, *clocks = row
    return Agency(code, name, town_code, address or "", _hours(*clocks[:2]), _hours(*clocks[2:]))


def _hours(opens: time | None, closes: time | None) -> Hours | None:
    return Hours(opens, closes) if opens and closes else None
