"""`flask agents`: agencies and agents of the network."""

import click
from flask.cli import with_appcontext
from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError

from app.agents.service import add_agency, add_agent
from app.base.database import transaction
from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.runtime import runtime


@click.group()
def agents() -> None:
    """Agencies and agents."""


@agents.command()
@click.argument("code")
@click.option("--name", required=True, help="shown at the till")
@click.option("--town", required=True)
@with_appcontext
def agency(code: str, name: str, town: str) -> None:
    """Adds or renames the agency CODE, such as W-RABAT-01."""
    with transaction(runtime().database) as connection:
        add_agency(connection, code, name, town)
    click.echo(f"agency {code}")


@agents.command()
@click.argument("number")
@click.option("--agency", "agency_code", required=True)
@click.option("--phone", help="the agent's own phone")
@click.option("--pin", prompt=True, hide_input=True, confirmation_prompt=True)
@with_appcontext
def add(number: str, agency_code: str, phone: str | None, pin: str) -> None:
    """Adds agent NUMBER, or gives a new PIN and unlocks the sign-in."""
    try:
        own = Phone.parse(phone) if phone else None
        with transaction(runtime().database) as connection:
            add_agent(connection, number, agency_code, SecretStr(pin), own)
    except IntegrityError:
        raise click.ClickException(
            f"agent {number} of {agency_code}: no such agency, or not a number of 3 to 12 digits"
        ) from None
    except InvalidInput as error:
        raise click.BadParameter(f"{error.params['what']}: {error.params['why']}") from None
    click.echo(f"agent {number} of {agency_code}")
