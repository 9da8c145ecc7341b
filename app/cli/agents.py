"""`flask agents`: agencies and agents of the networks, and what agents have open."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from flask.cli import with_appcontext
from psycopg.errors import UniqueViolation
from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError

from app.agents.agencies import NewAgency, add_agency, replace_agencies
from app.agents.agency_file import read_agencies
from app.agents.errors import PhoneTaken
from app.agents.locks import unlock_agent
from app.agents.models import agency as agency_table
from app.agents.models import agent, agent_network
from app.agents.networks import DEFAULT_NETWORK
from app.agents.pins import ONE_TIME_FOR, draw_one_time_pin
from app.agents.rules import LONGEST_ADDRESS, LONGEST_NAME, read_agency_code, read_hours, read_line
from app.agents.sessions import end_sessions_of, list_sessions
from app.agents.staff import (
    ListedAgent,
    NewAgent,
    add_agent,
    dismiss_agent,
    limit_agent,
    list_agents,
)
from app.agents.towns import find_town
from app.base.clock import local
from app.base.counts import write_count
from app.base.database import reading
from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.cli.acting import BY, OwnRow, acting
from app.cli.options import ENCODING, read_limit, show_note
from app.cli.tables import JSON, print_json, print_rows
from app.files.errors import FileRefused
from app.office.rights import Right
from app.runtime import runtime


@click.group()
def agents() -> None:
    """Agencies and agents."""


@agents.command()
@click.argument("code")
@click.option("--name", required=True, help="shown at the till and on phones")
@click.option("--town", required=True, help="in any script; app/agents/towns.csv has them")
@click.option("--address", help="short, in letters of GSM-7")
@click.option("--weekdays", help="opening hours, such as 8:30-18:00")
@click.option("--saturday", help="the same; left out is closed")
@click.option("--float-limit", help="dirhams it may take in a day; 0 lifts the limit")
@click.option("--network", help=f"of a new agency; left out it is {DEFAULT_NETWORK}")
@BY
@with_appcontext
def agency(
    code: str, name: str, town: str, address: str | None, by: str | None, **options: str | None
) -> None:
    """Adds or changes the agency CODE, such as W-RABAT-01. What is left out stays."""
    try:
        read_agency_code(code)
        new = NewAgency(
            code,
            read_line(name, "name", LONGEST_NAME),
            town,
            address=read_line(address, "address", LONGEST_ADDRESS) if address else None,
            weekdays=read_hours(options["weekdays"] or ""),
            saturday=read_hours(options["saturday"] or ""),
            float_limit=read_limit(options["float_limit"]),
            network=options["network"],
        )
        with acting(by, Right.RUN_AGENTS, rows=_name_agency(code, options["network"])) as change:
            add_agency(change, new)
    except InvalidInput as error:
        raise click.BadParameter(f"{error.params['what']}: {error.params['why']}") from None
    click.echo(f"agency {code}")
    if find_town(town) is None:
        click.echo(f"{town} is not one of app/agents/towns.csv: phones do not find it", err=True)


@agents.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--network", default=DEFAULT_NETWORK, show_default=True)
@ENCODING
@BY
@with_appcontext
def import_agencies(file: Path, network: str, encoding: str | None, by: str | None) -> None:
    """Adds or changes the agencies of the CSV FILE; all of it, or nothing when a line is wrong."""
    try:
        rows = read_agencies(file, encoding, show_note)
    except FileRefused as refused:
        raise click.ClickException(
            f"{file}: line {refused.params['line']}: {refused.params['why']}"
        ) from None
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror or error}") from None
    own = OwnRow(agent_network, network, only_seen=True)
    with acting(by, Right.RUN_AGENTS, rows=(own,)) as change:
        changed = replace_agencies(change, rows, network)
    click.echo(f"{write_count(len(rows), 'agency', 'agencies')} read, {changed} new or changed")


@agents.command()
@click.argument("number")
@click.option("--agency", "agency_code", required=True)
@click.option("--phone", help="the agent's own phone, which gets the agent's menu")
@click.option("--code-limit", help="dirhams of one code; 0 lifts the limit")
@click.option("--day-limit", help="dirhams of a day; 0 lifts the limit")
@click.option("--pin", help="a one-time PIN; left out, one is drawn and printed")
@BY
@with_appcontext
def add(
    number: str,
    agency_code: str,
    phone: str | None,
    pin: str | None,
    by: str | None,
    **limits: str | None,
) -> None:
    """Adds agent NUMBER, or gives one a one-time PIN and unlocks every door; limits left out stay.

    With the one-time PIN the agent chooses another, which nobody else ever knows.
    """
    try:
        own = Phone.parse(phone) if phone else None
        one_time = SecretStr(pin) if pin else draw_one_time_pin(runtime().random, number, own)
        new = NewAgent(
            number,
            agency_code,
            one_time,
            own,
            code_limit=read_limit(limits["code_limit"]),
            day_limit=read_limit(limits["day_limit"]),
        )
        with acting(
            by, Right.RUN_AGENTS, rows=(*_name_agency(agency_code), *_name_agent(number))
        ) as change:
            add_agent(change, runtime().services, new)
    except PhoneTaken:
        raise click.ClickException("the phone is another agent's") from None
    except IntegrityError as error:
        raise click.ClickException(_explain_conflict(error, number, agency_code)) from None
    except InvalidInput as error:
        raise click.BadParameter(f"{error.params['what']}: {error.params['why']}") from None
    click.echo(f"agent {number} of {agency_code}")
    if not pin:
        click.echo(f"one-time PIN: {one_time.get_secret_value()}")
    click.echo(f"good for {ONE_TIME_FOR.days} days, until the agent chooses another", err=True)


@agents.command()
@click.argument("number")
@click.option("--code-limit", help="dirhams of one code; 0 lifts the limit")
@click.option("--day-limit", help="dirhams of a day; 0 lifts the limit")
@BY
@with_appcontext
def limit(number: str, by: str | None, code_limit: str | None, day_limit: str | None) -> None:
    """Sets the limits of agent NUMBER; what is left out stays."""
    with acting(by, Right.RUN_AGENTS, rows=_name_agent(number)) as change:
        limit_agent(change, number, read_limit(code_limit), read_limit(day_limit))
    click.echo(f"agent {number} is limited")


@agents.command("list")
@JSON
@with_appcontext
def list_all(as_json: bool) -> None:
    """Lists every agent: state, whose choice the PIN is, locked doors, open sessions."""
    with reading(runtime().database) as connection:
        listed = list_agents(connection, runtime().clock())
    if as_json:
        print_json([_describe(agent) for agent in listed])
        return
    print_rows(
        ("number", "agency", "network", "phone", "state", "PIN", "locked", "sessions"),
        (
            (
                agent.number,
                agent.agency_code,
                agent.network,
                str(agent.phone or ""),
                _state_of(agent),
                agent.pin,
                ", ".join(agent.locked),
                str(agent.sessions),
            )
            for agent in listed
        ),
    )


@agents.command()
@click.argument("number")
@BY
@with_appcontext
def dismiss(number: str, by: str | None) -> None:
    """Dismisses agent NUMBER: at once nothing goes under it, at till, phone and API."""
    with acting(by, Right.RUN_AGENTS, rows=_name_agent(number)) as change:
        ended = dismiss_agent(change, number)
    click.echo(f"agent {number} dismissed, {write_count(ended, 'session')} ended")


@agents.command()
@click.argument("number")
@BY
@with_appcontext
def unlock(number: str, by: str | None) -> None:
    """Opens every door that wrong PINs have locked for agent NUMBER."""
    with acting(by, Right.RUN_AGENTS, rows=_name_agent(number)) as change:
        opened = unlock_agent(change, number)
    click.echo(f"agent {number}: {write_count(opened, 'door')} unlocked")


@agents.command()
@click.argument("number")
@click.option("--end", is_flag=True, help="ends them all, at till and phone")
@JSON
@BY
@with_appcontext
def sessions(number: str, end: bool, as_json: bool, by: str | None) -> None:
    """Lists the open sessions of agent NUMBER, or ends them."""
    if end:
        with acting(by, Right.RUN_AGENTS, rows=_name_agent(number)) as change:
            ended = end_sessions_of(change, number)
        if as_json:
            print_json({"ended": ended})
        else:
            click.echo(f"{write_count(ended, 'session')} ended")
        return
    with reading(runtime().database) as connection:
        opened = list_sessions(connection, number, runtime().clock())
    if as_json:
        print_json([asdict(each) for each in opened])
        return
    print_rows(
        ("session", "began", "last used"),
        (
            (
                str(each.id),
                f"{local(each.began_at):%d/%m %H:%M}",
                f"{local(each.seen_at):%d/%m %H:%M}",
            )
            for each in opened
        ),
    )


def _name_agency(code: str, network: str | None = None) -> tuple[OwnRow, ...]:
    own = OwnRow(agency_table, code)
    return (own, OwnRow(agent_network, network, only_seen=True)) if network else (own,)


def _name_agent(number: str) -> tuple[OwnRow, ...]:
    return (OwnRow(agent, number, agent.c.number),)


def _state_of(agent: ListedAgent) -> str:
    if not agent.active:
        return "dismissed"
    return "active" if agent.agency_active else "agency closed"


def _describe(agent: ListedAgent) -> dict[str, object]:
    """Returns an agent for machines; the phone only by its ends."""
    return {
        "number": agent.number,
        "agency": agent.agency_code,
        "network": agent.network,
        "phone": str(agent.phone) if agent.phone else None,
        "state": _state_of(agent),
        "pin": agent.pin,
        "locked": list(agent.locked),
        "sessions": agent.sessions,
    }


def _explain_conflict(error: IntegrityError, number: str, agency_code: str) -> str:
    if isinstance(error.orig, UniqueViolation):
        return "the phone is another agent's"
    return f"agent {number} of {agency_code}: no such agency, or not a number of 3 to 12 digits"
