"""Agencies and agents of a network: added, limited, dismissed, unlocked; one-time PINs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Response, request
from psycopg.errors import UniqueViolation
from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.agents.agencies import NewAgency, add_agency, replace_agencies
from app.agents.agency_file import read_agencies
from app.agents.errors import PhoneTaken
from app.agents.lists import (
    AGENCY_SORTING,
    AGENT_SORTING,
    AgentSheet,
    find_agency,
    find_agent_sheet,
    list_agencies,
    list_agent_sheets,
)
from app.agents.locks import unlock_agent
from app.agents.models import agency, agent, agent_network
from app.agents.networks import list_networks
from app.agents.pins import ONE_TIME_FOR, draw_one_time_pin
from app.agents.rules import LONGEST_ADDRESS, LONGEST_NAME, read_agency_code, read_hours, read_line
from app.agents.sessions import end_sessions_of, list_sessions
from app.agents.staff import NewAgent, add_agent, dismiss_agent, limit_agent
from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.base.phone import Phone
from app.files.names import read_file_name
from app.files.recognition import NAMED_ENCODINGS
from app.office.rights import RIGHTS, Right
from app.runtime import runtime
from app.web.office.desk import act_on, add_to, here, look, own
from app.web.office.fields import done, read_amount, read_needed, read_text
from app.web.office.frame import may, office_page, pages
from app.web.office.shown_once import show_once
from app.web.office.tables import show_table

_AGENT = "/agents/<number>"
_AGENCY = "/agents/agencies/<code>"


@pages.get("/agents")
@may(Right.SEE_AGENTS)
def agents() -> Response:
    now = runtime().clock()
    with look() as connection:
        seen = own(agency)
        agencies = show_table(
            AGENCY_SORTING, lambda asked: list_agencies(connection, seen, asked), "agency_"
        )
        working = show_table(
            AGENT_SORTING, lambda asked: list_agent_sheets(connection, seen, None, asked, now)
        )
        networks = list_networks(connection, own(agent_network))
    return office_page(
        "agents.html",
        agencies=agencies,
        agents=working,
        networks=networks,
        encodings=NAMED_ENCODINGS,
        acts=_may_act(),
    )


@pages.post("/agents")
@may(Right.RUN_AGENTS)
def add_agent_here() -> Response:
    """Adds an agent of an agency of the reader's network, and shows the one-time PIN once."""
    number, code = read_needed("number", 12), read_needed("agency", 16)
    if not (number.isascii() and number.isdigit() and 3 <= len(number) <= 12):
        raise InvalidInput(what="number", why="no_agent_number")
    phone = _read_phone()
    pin = draw_one_time_pin(runtime().random, number, phone)
    new = NewAgent(number, code, pin, phone, read_amount("code_limit"), read_amount("day_limit"))
    with act_on(agency, code) as change:
        _store(change, new, only_new=True)
    return _show_pin(new)


@pages.get("/agents/agencies")
@may(Right.SEE_AGENTS)
def agencies_page() -> AnyResponse:
    return agents()


@pages.post("/agents/agencies")
@may(Right.RUN_AGENTS)
def add_agency_here() -> AnyResponse:
    network = here().scope.network or read_needed("network", 16)
    code = _read_code(read_needed("code", 16).upper())
    with add_to(agency, network) as change:
        add_agency(change, _read_agency(code, network), only_new=True)
    return done("agency_page", "agency_added", code=code)


@pages.post("/agents/agencies/file")
@may(Right.RUN_AGENTS)
def give_agencies() -> AnyResponse:
    """Adds or changes the agencies of a file, all or none, by the reader of the command."""
    network = here().scope.network or read_needed("network", 16)
    given = request.files.get("file")
    if given is None or not given.filename:
        raise InvalidInput(what="file", why="empty")
    encoding = request.form.get("encoding", "")
    with TemporaryDirectory(prefix="agencies-") as folder:
        path = Path(folder) / read_file_name(given.filename)
        given.save(path)
        known = encoding if encoding in NAMED_ENCODINGS else None
        rows = read_agencies(path, known, lambda _note: None)
    with add_to(agency, network) as change:
        replace_agencies(change, rows, network)
    return done("agents", "agencies_taken")


@pages.get(_AGENCY)
@may(Right.SEE_AGENTS)
def agency_page(code: str) -> Response:
    now = runtime().clock()
    with look() as connection:
        found = find_agency(connection, own(agency), code)
        working = show_table(
            AGENT_SORTING,
            lambda asked: list_agent_sheets(connection, own(agency), code, asked, now),
        )
    if found is None:
        raise NotFound
    return office_page(
        "agency.html",
        one=found,
        agents=working,
        acts=_may_act(),
    )


@pages.post(_AGENCY)
@may(Right.RUN_AGENTS)
def change_agency(code: str) -> AnyResponse:
    with act_on(agency, code) as change:
        add_agency(change, _read_agency(code, None))
    return done("agency_page", "agency_changed", code=code)


@pages.get(_AGENT)
@may(Right.SEE_AGENTS)
def agent_page(number: str) -> Response:
    now = runtime().clock()
    with look() as connection:
        found = find_agent_sheet(connection, own(agency), number, now)
        sessions = list_sessions(connection, number, now) if found else []
    if found is None:
        raise NotFound
    return office_page("agent.html", one=found, sessions=sessions, acts=_may_act())


@pages.post(f"{_AGENT}/pin")
@may(Right.RUN_AGENTS)
def give_pin(number: str) -> Response:
    """Gives an agent a one-time PIN and unlocks every door; limits and phone stay."""
    found = _find(number)
    pin = draw_one_time_pin(runtime().random, number, found.phone)
    new = NewAgent(number, found.agency_code, pin, found.phone)
    with act_on(agent, number, agent.c.number) as change:
        _store(change, new)
    return _show_pin(new)


@pages.post(f"{_AGENT}/limits")
@may(Right.RUN_AGENTS)
def change_limits(number: str) -> AnyResponse:
    limits = read_amount("code_limit"), read_amount("day_limit")
    with act_on(agent, number, agent.c.number) as change:
        limit_agent(change, number, *limits)
    return done("agent_page", "limits_set", number=number)


@pages.post(f"{_AGENT}/unlock")
@may(Right.RUN_AGENTS)
def unlock(number: str) -> AnyResponse:
    with act_on(agent, number, agent.c.number) as change:
        unlock_agent(change, number)
    return done("agent_page", "agent_unlocked", number=number)


@pages.post(f"{_AGENT}/sessions")
@may(Right.RUN_AGENTS)
def end_agent_sessions(number: str) -> AnyResponse:
    with act_on(agent, number, agent.c.number) as change:
        end_sessions_of(change, number)
    return done("agent_page", "sessions_ended", number=number)


@pages.post(f"{_AGENT}/dismiss")
@may(Right.RUN_AGENTS)
def dismiss(number: str) -> AnyResponse:
    with act_on(agent, number, agent.c.number) as change:
        dismiss_agent(change, number)
    return done("agent_page", "agent_dismissed", number=number)


def _may_act() -> bool:
    return Right.RUN_AGENTS in RIGHTS[here().role]


def _find(number: str) -> AgentSheet:
    with look() as connection:
        found = find_agent_sheet(connection, own(agency), number, runtime().clock())
    if found is None:
        raise NotFound
    return found


def _store(change: Operation, new: NewAgent, *, only_new: bool = False) -> None:
    """Stores an agent; a phone that another took just now is refused like one taken before."""
    try:
        add_agent(change, runtime().services, new, only_new=only_new)
    except IntegrityError as error:
        if isinstance(error.orig, UniqueViolation):
            raise PhoneTaken() from None
        raise


def _show_pin(new: NewAgent) -> Response:
    until = runtime().clock() + ONE_TIME_FOR
    secrets: list[tuple[str, SecretStr]] = [("office.agents.pin", new.pin)]
    return show_once(
        "office.agents.pin_of", new.number, secrets, until, ("agent_page", {"number": new.number})
    )


def _read_phone() -> Phone | None:
    typed = read_text("phone", 30)
    if not typed:
        return None
    try:
        return Phone.parse(typed)
    except InvalidInput:
        raise InvalidInput(what="phone", why="no_phone") from None


def _read_code(typed: str) -> str:
    try:
        return read_agency_code(typed)
    except InvalidInput:
        raise InvalidInput(what="code", why="no_agency_code") from None


def _read_agency(code: str, network: str | None) -> NewAgency:
    """Returns the agency of the form; an empty limit or hours stay as they are."""
    address = read_text("address", 60)
    return NewAgency(
        code,
        read_line(read_needed("name"), "name", LONGEST_NAME),
        read_needed("town", 40),
        address=read_line(address, "address", LONGEST_ADDRESS) if address else None,
        weekdays=read_hours(read_text("weekdays")),
        saturday=read_hours(read_text("saturday")),
        float_limit=read_amount("float_limit"),
        network=network,
    )
