"""`flask agents`: agencies and agents of the network."""

from pathlib import Path

import click
from flask.cli import with_appcontext
from psycopg.errors import UniqueViolation
from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError

from app.agents.agency_file import read_agencies
from app.agents.errors import AgenciesRefused, PhoneTaken
from app.agents.networks import DEFAULT_NETWORK
from app.agents.rules import LONGEST_ADDRESS, LONGEST_NAME, read_agency_code, read_hours, read_line
from app.agents.service import NewAgency, NewAgent, add_agency, add_agent, replace_agencies
from app.agents.towns import find_town
from app.base.errors import InvalidInput
from app.base.money import Money
from app.base.phone import Phone
from app.cli.acting import BY, acting


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
            float_limit=_read_limit(options["float_limit"]),
            network=options["network"],
        )
        with acting(by) as change:
            add_agency(change, new)
    except InvalidInput as error:
        raise click.BadParameter(f"{error.params['what']}: {error.params['why']}") from None
    click.echo(f"agency {code}")
    if find_town(town) is None:
        click.echo(f"{town} is not one of app/agents/towns.csv: phones do not find it", err=True)


@agents.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--network", default=DEFAULT_NETWORK, show_default=True)
@BY
@with_appcontext
def import_agencies(file: Path, network: str, by: str | None) -> None:
    """Adds or changes the agencies of the CSV FILE; all of it, or nothing when a line is wrong."""
    try:
        rows = read_agencies(file)
    except AgenciesRefused as refused:
        raise click.ClickException(
            f"{file}: line {refused.params['line']}: {refused.params['why']}"
        ) from None
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror or error}") from None
    with acting(by) as change:
        changed = replace_agencies(change, rows, network)
    click.echo(f"{len(rows)} agencies read, {changed} new or changed")


@agents.command()
@click.argument("number")
@click.option("--agency", "agency_code", required=True)
@click.option("--phone", help="the agent's own phone, which gets the agent's menu")
@click.option("--code-limit", help="dirhams of one code; 0 lifts the limit")
@click.option("--day-limit", help="dirhams of a day; 0 lifts the limit")
@click.option("--pin", prompt=True, hide_input=True, confirmation_prompt=True)
@BY
@with_appcontext
def add(
    number: str,
    agency_code: str,
    phone: str | None,
    pin: str,
    by: str | None,
    **limits: str | None,
) -> None:
    """Adds agent NUMBER, or gives a new PIN and unlocks the sign-in; limits left out stay."""
    try:
        new = NewAgent(
            number,
            agency_code,
            SecretStr(pin),
            Phone.parse(phone) if phone else None,
            code_limit=_read_limit(limits["code_limit"]),
            day_limit=_read_limit(limits["day_limit"]),
        )
        with acting(by) as change:
            add_agent(change, new)
    except PhoneTaken:
        raise click.ClickException("the phone is another agent's") from None
    except IntegrityError as error:
        raise click.ClickException(_explain_conflict(error, number, agency_code)) from None
    except InvalidInput as error:
        raise click.BadParameter(f"{error.params['what']}: {error.params['why']}") from None
    click.echo(f"agent {number} of {agency_code}")


def _explain_conflict(error: IntegrityError, number: str, agency_code: str) -> str:
    if isinstance(error.orig, UniqueViolation):
        return "the phone is another agent's"
    return f"agent {number} of {agency_code}: no such agency, or not a number of 3 to 12 digits"


def _read_limit(written: str | None) -> Money | None:
    if written is None:
        return None
    limit = Money.parse(written)
    if limit.centimes < 0:
        raise InvalidInput(what="limit", why="less than nothing")
    return limit
