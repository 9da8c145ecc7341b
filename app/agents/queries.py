"""Reads agents and agencies."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, Row, Text, and_, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from app.agents.errors import AgentBarred, SessionOver
from app.agents.models import agency, agent, town
from app.agents.networks import DEFAULT_NETWORK, is_one_of_several, shown_network
from app.agents.places import name_place
from app.agents.rules import Hours
from app.base.money import Money, read_stored_amount

# The agencies of a town on a list; a phone's screen has no room for more.
_MOST_AGENCIES = 12


@dataclass(frozen=True, slots=True)
class Agent:
    """A person at a till; receipts show `agency_code`. A limit is None if none is set.

    `code_limit` is the most cash for one code, `day_limit` for a day, `float_limit` for a day of
    the whole agency.
    """

    id: int
    number: str
    agency_code: str
    agency_name: str
    code_limit: Money | None = None
    day_limit: Money | None = None
    float_limit: Money | None = None
    network: str = DEFAULT_NETWORK
    # The place of the agency as people know it (app/agents/places.py).
    place: str = ""
    # Rises when all that the agent had begun is ended (app/agents/sessions.py).
    generation: int = 1
    # Look-ups that found no code, on the day of the last one (app/agents/look_ups.py).
    unknown_codes_on: date | None = None
    unknown_codes: int = 0

    @classmethod
    def of(cls, row: Row[*tuple[object, ...]]) -> Agent:
        """Reads an agent from a row that holds the columns of `AGENT`."""
        return cls(
            id=row.agent_id,
            number=row.agent_number,
            agency_code=row.agency_code,
            agency_name=row.agency_name,
            code_limit=read_stored_amount(row.code_limit_centimes),
            day_limit=read_stored_amount(row.day_limit_centimes),
            float_limit=read_stored_amount(row.float_limit_centimes),
            network=row.network,
            place=name_place(row.network_name, row.agency_name, row.town_code),
            generation=row.generation,
            unknown_codes_on=row.unknown_codes_on,
            unknown_codes=row.unknown_codes,
        )


AGENT = (
    agent.c.id.label("agent_id"),
    agent.c.number.label("agent_number"),
    agent.c.agency_code,
    agency.c.name.label("agency_name"),
    agent.c.code_limit_centimes,
    agent.c.day_limit_centimes,
    agency.c.float_limit_centimes,
    agency.c.network,
    shown_network(agency.c.network).label("network_name"),
    agency.c.town_code,
    agent.c.generation,
    agent.c.unknown_codes_on,
    agent.c.unknown_codes,
)
# An agent may take cash: not dismissed, and of an agency that is not closed.
WORKING = (agent.c.active, agency.c.active)

_FIND_AGENT = (
    select(*AGENT)
    .join(agency, agency.c.code == agent.c.agency_code)
    .where(agent.c.id == bindparam("agent"), *WORKING)
)
# FOR KEY SHARE: a deposit lets others of the agent go on, and ends of sessions wait for it.
_HOLD_AGENT = _FIND_AGENT.with_for_update(read=True, key_share=True, of=agent)
_IS_BARRED = (
    select(agent.c.id)
    .join(agency, agency.c.code == agent.c.agency_code)
    .where(
        agent.c.number == bindparam("number"),
        agency.c.network == bindparam("network"),
        ~and_(*WORKING),
    )
)
_AGENT_BY_NUMBER = (
    select(*AGENT)
    .join(agency, agency.c.code == agent.c.agency_code)
    .where(
        agent.c.number == bindparam("number"),
        agency.c.network == bindparam("network"),
        *WORKING,
    )
)


def find_agent(connection: Connection, agent_id: int) -> Agent | None:
    """Returns an agent by our own id; None if dismissed, or of a closed agency."""
    row = connection.execute(_FIND_AGENT, {"agent": agent_id}).one_or_none()
    return Agent.of(row) if row else None


def hold_agent(connection: Connection, agent_id: int, generation: int) -> Agent:
    """Returns an agent whose sessions nobody ends before this transaction is over.

    Raises: SessionOver if they were ended since this `generation` was read.
    """
    row = connection.execute(_HOLD_AGENT, {"agent": agent_id}).one_or_none()
    if row is None or row.generation != generation:
        raise SessionOver()
    return Agent.of(row)


def find_agent_of(connection: Connection, network: str, number: str) -> Agent | None:
    """Returns an agent of the network by the number that the network gave.

    None for an agent who is not in our table.

    Raises: AgentBarred for one who is dismissed, or of a closed agency.
    """
    params = {"network": network, "number": number}
    row = connection.execute(_AGENT_BY_NUMBER, params).one_or_none()
    if row is None and connection.execute(_IS_BARRED, params).first():
        raise AgentBarred(number=number)
    return Agent.of(row) if row else None


@dataclass(frozen=True, slots=True)
class Agency:
    """A place where cash is taken.

    `weekdays` is None where the hours are not known, `saturday` where it is closed.
    `network_name` is the network as people see it; `among_several`: there are other networks too.
    """

    code: str
    name: str
    network_name: str
    among_several: bool
    town_code: str
    address: str
    weekdays: Hours | None
    saturday: Hours | None


_AGENCY = (
    agency.c.code,
    agency.c.name,
    shown_network(agency.c.network).label("network_name"),
    is_one_of_several().label("among_several"),
    agency.c.town_code,
    agency.c.address,
    agency.c.weekday_opens,
    agency.c.weekday_closes,
    agency.c.saturday_opens,
    agency.c.saturday_closes,
    agency.c.weekday_pause_begins,
    agency.c.weekday_pause_ends,
    agency.c.saturday_pause_begins,
    agency.c.saturday_pause_ends,
)
_AGENCIES = (
    select(*_AGENCY)
    .where(agency.c.town_code == bindparam("town"), agency.c.active)
    .order_by(agency.c.code)
    .limit(_MOST_AGENCIES)
)
_FIRST_AGENCIES = (
    select(*_AGENCY)
    .ext(distinct_on(agency.c.town_code))
    .where(agency.c.town_code == any_(bindparam("towns", type_=ARRAY(Text))), agency.c.active)
    .order_by(agency.c.town_code, agency.c.code)
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
    """Returns the agencies open to the public in a town, by code."""
    return [_read_agency(row) for row in connection.execute(_AGENCIES, {"town": town_code})]


def find_first_agencies(connection: Connection, town_codes: Collection[str]) -> dict[str, Agency]:
    """Returns the first of `list_agencies` of each town that has one, by the town's code."""
    rows = connection.execute(_FIRST_AGENCIES, {"towns": list(town_codes)})
    return {row.town_code: _read_agency(row) for row in rows}


def find_agency(connection: Connection, code: str) -> Agency | None:
    """Returns an agency open to the public, by its code."""
    row = connection.execute(_ONE_AGENCY, {"agency": code}).one_or_none()
    return _read_agency(row) if row else None


def regions_of_towns(connection: Connection) -> dict[str, str]:
    """Returns every town with an agency, with its region: their codes."""
    return {row.code: row.region for row in connection.execute(_TOWNS)}


def _read_agency(row: Row[*tuple[object, ...]]) -> Agency:
    return Agency(
        code=row.code,
        name=row.name,
        network_name=row.network_name,
        among_several=row.among_several,
        town_code=row.town_code,
        address=row.address or "",
        weekdays=_read_hours(row, "weekday"),
        saturday=_read_hours(row, "saturday"),
    )


def _read_hours(row: Row[*tuple[object, ...]], days: str) -> Hours | None:
    opens, closes, begins, ends = (
        getattr(row, f"{days}_{name}") for name in ("opens", "closes", "pause_begins", "pause_ends")
    )
    return Hours(opens, closes, (begins, ends) if begins else None) if opens else None
