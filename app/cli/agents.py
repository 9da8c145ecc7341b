"""`flask agents`: agencies and agents of the network."""

from pathlib import Path

import click
from flask.cli import with_appcontext

from app.agents.agency_file import read_agencies
from app.agents.errors import AgenciesRefused
from app.agents.networks import DEFAULT_NETWORK
from app.agents.rules import LONGEST_ADDRESS, LONGEST_NAME, read_agency_code, read_hours, read_line
from app.agents.service import NewAgency, add_agency, replace_agencies
from app.agents.towns import find_town
from app.base.errors import InvalidInput
from app.cli.acting import BY, acting
from app.cli.options import read_limit
from app.cli.staff import add, dismiss, list_all, sessions, unlock


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


for each in (add, list_all, dismiss, unlock, sessions):
    agents.add_command(each)
