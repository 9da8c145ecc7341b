"""Reads agencies, agents and clients in pages of a table, for the office; no key and no PIN."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from app.agents.locks import list_all_locks
from app.agents.models import agency, agent, agent_session, api_client
from app.agents.sessions import STARTED, started_params
from app.base.money import Money, read_stored_amount
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.base.phone import Phone


@dataclass(frozen=True, slots=True)
class AgencySheet:
    """An agency as the office lists it, with how many agents work there."""

    code: str
    network: str
    name: str
    town: str
    on_phones: bool
    address: str | None
    float_limit: Money | None
    active: bool
    agents: int


@dataclass(frozen=True, slots=True)
class AgentSheet:
    """An agent as the office sees one; `pin` is `own` or `one-time`, until when is beside it."""

    id: int
    number: str
    agency_code: str
    network: str
    phone: Phone | None
    active: bool
    agency_active: bool
    pin_expires_at: datetime | None
    code_limit: Money | None
    day_limit: Money | None
    locked: tuple[str, ...]
    sessions: int


@dataclass(frozen=True, slots=True)
class ClientSheet:
    """A network's system that calls the payments API, with its limits."""

    id: str
    network: str
    requests_a_minute: int
    bills_a_day: int
    day_limit: Money | None
    agencies: tuple[str, ...]
    addresses: tuple[str, ...]
    callback_hosts: tuple[str, ...]
    polling: bool
    old_key_until: datetime | None
    created_at: datetime
    revoked_at: datetime | None


AGENCY_SORTING = Sorting(
    {"code": agency.c.code, "name": agency.c.name, "town": agency.c.town},
    agency.c.code,
    "code",
)
AGENT_SORTING = Sorting(
    {"number": agent.c.number, "agency": agent.c.agency_code}, agent.c.number, "number"
)
CLIENT_SORTING = Sorting(
    {"id": api_client.c.id, "network": api_client.c.network, "bills": api_client.c.bills_a_day},
    api_client.c.id,
    "id",
)


def list_agencies(
    connection: Connection, own: ColumnElement[bool], asked: RowsAsked
) -> PageOfRows[AgencySheet]:
    """Returns those of one's own agencies that are asked for."""
    statement = _select_agencies().where(own)
    return read_page(connection, statement, AGENCY_SORTING, asked, _read_agency)


def find_agency(connection: Connection, own: ColumnElement[bool], code: str) -> AgencySheet | None:
    """Returns one of one's own agencies; None if there is none of this code."""
    row = connection.execute(_select_agencies().where(own, agency.c.code == code)).one_or_none()
    return _read_agency(row) if row else None


def list_agent_sheets(
    connection: Connection,
    own: ColumnElement[bool],
    agency_code: str | None,
    asked: RowsAsked,
    now: datetime,
) -> PageOfRows[AgentSheet]:
    """Returns those of one's own agents that are asked for, of an agency or of all."""
    statement = _select_agents().where(own)
    if agency_code is not None:
        statement = statement.where(agent.c.agency_code == agency_code)
    params = started_params(now)
    page = read_page(connection, statement, AGENT_SORTING, asked, lambda row: row, params)
    locks = list_all_locks(connection, now, [row.number for row in page.rows])
    sheets = [_read_agent(row, locks) for row in page.rows]
    return page.with_rows(sheets)


def find_agent_sheet(
    connection: Connection, own: ColumnElement[bool], number: str, now: datetime
) -> AgentSheet | None:
    """Returns one of one's own agents; None if there is none of this number."""
    statement = _select_agents().where(own, agent.c.number == number)
    row = connection.execute(statement, started_params(now)).one_or_none()
    return _read_agent(row, list_all_locks(connection, now, [number])) if row else None


def list_client_sheets(
    connection: Connection, own: ColumnElement[bool], asked: RowsAsked
) -> PageOfRows[ClientSheet]:
    """Returns those of one's own clients that are asked for, those shut out too."""
    statement = _select_clients().where(own)
    return read_page(connection, statement, CLIENT_SORTING, asked, _read_client)


def find_client_sheet(
    connection: Connection, own: ColumnElement[bool], identity: str
) -> ClientSheet | None:
    """Returns one of one's own clients; None if there is none of this id."""
    statement = _select_clients().where(own, api_client.c.id == identity)
    row = connection.execute(statement).one_or_none()
    return _read_client(row) if row else None


def _select_agencies() -> Select[Any]:
    working = select(func.count()).where(agent.c.agency_code == agency.c.code, agent.c.active)
    return select(agency, working.scalar_subquery().label("agents"))


def _read_agency(row: Row[Any]) -> AgencySheet:
    return AgencySheet(
        code=row.code,
        network=row.network,
        name=row.name,
        town=row.town,
        on_phones=row.town_code is not None,
        address=row.address,
        float_limit=read_stored_amount(row.float_limit_centimes),
        active=row.active,
        agents=row.agents,
    )


def _select_agents() -> Select[Any]:
    opened = select(func.count()).select_from(agent_session)
    sessions = opened.where(agent_session.c.agent_id == agent.c.id, *STARTED)
    return select(
        agent.c.id,
        agent.c.number,
        agent.c.agency_code,
        agency.c.network,
        agent.c.phone,
        agent.c.active,
        agency.c.active.label("agency_active"),
        agent.c.pin_expires_at,
        agent.c.code_limit_centimes,
        agent.c.day_limit_centimes,
        sessions.scalar_subquery().label("sessions"),
    ).join(agency, agency.c.code == agent.c.agency_code)


def _read_agent(row: Row[Any], locks: dict[str, list[str]]) -> AgentSheet:
    return AgentSheet(
        id=row.id,
        number=row.number,
        agency_code=row.agency_code,
        network=row.network,
        phone=Phone(row.phone) if row.phone else None,
        active=row.active,
        agency_active=row.agency_active,
        pin_expires_at=row.pin_expires_at,
        code_limit=read_stored_amount(row.code_limit_centimes),
        day_limit=read_stored_amount(row.day_limit_centimes),
        locked=tuple(locks.get(row.number, ())),
        sessions=row.sessions,
    )


def _select_clients() -> Select[Any]:
    columns = api_client.c
    return select(
        columns.id,
        columns.network,
        columns.requests_a_minute,
        columns.bills_a_day,
        columns.day_limit_centimes,
        columns.agencies,
        columns.addresses,
        columns.callback_hosts,
        columns.polling,
        columns.old_key_until,
        columns.created_at,
        columns.revoked_at,
    )


def _read_client(row: Row[Any]) -> ClientSheet:
    return ClientSheet(
        id=row.id,
        network=row.network,
        requests_a_minute=row.requests_a_minute,
        bills_a_day=row.bills_a_day,
        day_limit=read_stored_amount(row.day_limit_centimes),
        agencies=tuple(row.agencies or ()),
        addresses=tuple(row.addresses or ()),
        callback_hosts=tuple(row.callback_hosts),
        polling=row.polling,
        old_key_until=row.old_key_until,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
