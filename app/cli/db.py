"""`flask db`: migrations."""

import click
from flask.cli import with_appcontext

from app.migrating import downgrade, renew_grants, upgrade
from app.runtime import runtime


@click.group()
def db() -> None:
    """The database's tables."""


@db.command("upgrade")
@with_appcontext
def upgrade_command() -> None:
    """Brings the tables to the newest migration, and gives the roles their grants."""
    owner = runtime().owners_database
    click.echo(f"database at {upgrade(owner)}")
    click.echo(renew_grants(owner))


@db.command("downgrade")
@click.argument("revision")
@with_appcontext
def downgrade_command(revision: str) -> None:
    """Takes the tables back to REVISION (`base` for none)."""
    click.echo(f"database at {downgrade(runtime().owners_database, revision)}")
