"""`flask agents add`, `list`, `dismiss`, `unlock`, `sessions`: the people at the tills."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from flask.cli import with_appcontext
from psycopg.errors import UniqueViolation
from pydantic import SecretStr
from rich.table import Table
from sqlalchemy.exc import IntegrityError

from app.agents.errors import PhoneTaken
from app.agents.locks import unlock_agent
from app.agents.pins import ONE_TIME_FOR, draw_one_time_pin
from app.agents.sessions import end_sessions_of, list_sessions
from app.agents.staff import ListedAgent, NewAgent, add_agent, dismiss_agent, list_agents
from app.base.clock import local
from app.base.database import reading
from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.cli.acting import BY, acting
from app.cli.options import read_limit
from app.cli.tables import print_table
from app.runtime import runtime


@click.command()
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
    one_time = SecretStr(pin) if pin else draw_one_time_pin(runtime().random)
    try:
        new = NewAgent(
            number,
            agency_code,
            one_time,
            Phone.parse(phone) if phone else None,
            code_limit=read_limit(limits["code_limit"]),
            day_limit=read_limit(limits["day_limit"]),
        )
        with acting(by) as change:
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


@click.command("list")
@click.option("--json", "as_json", is_flag=True)
@with_appcontext
def list_all(as_json: bool) -> None:
    """Lists every agent: state, whose choice the PIN is, locked doors, open sessions."""
    with reading(runtime().database) as connection:
        agents = list_agents(connection, runtime().clock())
    if as_json:
        click.echo(json.dumps([_describe(agent) for agent in agents]))
        return
    table = Table("number", "agency", "network", "phone", "state", "PIN", "locked", "sessions")
    for agent in agents:
        table.add_row(
            agent.number,
            agent.agency_code,
            agent.network,
            str(agent.phone or ""),
            _state_of(agent),
            agent.pin,
            ", ".join(agent.locked),
            str(agent.sessions),
        )
    print_table(table)


@click.command()
@click.argument("number")
@BY
@with_appcontext
def dismiss(number: str, by: str | None) -> None:
    """Dismisses agent NUMBER: at once nothing goes under it, at till, phone and API."""
    with acting(by) as change:
        ended = dismiss_agent(change, number)
    click.echo(f"agent {number} dismissed, {ended} sessions ended")


@click.command()
@click.argument("number")
@BY
@with_appcontext
def unlock(number: str, by: str | None) -> None:
    """Opens every door that wrong PINs have locked for agent NUMBER."""
    with acting(by) as change:
        opened = unlock_agent(change, number)
    click.echo(f"agent {number}: {opened} doors unlocked")


@click.command()
@click.argument("number")
@click.option("--end", is_flag=True, help="ends them all, at till and phone")
@click.option("--json", "as_json", is_flag=True)
@BY
@with_appcontext
def sessions(number: str, end: bool, as_json: bool, by: str | None) -> None:
    """Lists the open sessions of agent NUMBER, or ends them."""
    if end:
        with acting(by) as change:
            ended = end_sessions_of(change, number)
        click.echo(json.dumps({"ended": ended}) if as_json else f"{ended} sessions ended")
        return
    with reading(runtime().database) as connection:
        opened = list_sessions(connection, number, runtime().clock())
    if as_json:
        click.echo(json.dumps([asdict(each) for each in opened], default=str))
        return
    table = Table("session", "began", "last used")
    for each in opened:
        table.add_row(
            str(each.id),
            f"{local(each.began_at):%d/%m %H:%M}",
            f"{local(each.seen_at):%d/%m %H:%M}",
        )
    print_table(table)


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
