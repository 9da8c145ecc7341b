"""`flask db`: migrations."""

import click
from flask.cli import with_appcontext

from app.migrating import downgrade, upgrade
from app.runtime import runtime


@click.group()
def db() -> None:
    """The database's tables."""


@db.command("upgrade")
@with_appcontext
def upgrade_command() -> None:
    """Brings the tables to the newest migration."""
    click.echo(f"database at {upgrade(runtime().database)}")


@db.command("downgrade")
@click.argument("revision")
@with_appcontext
def downgrade_command(revision: str) -> None:
    """Takes the tables back to REVISION (`base` for none)."""
    click.echo(f"database at {downgrade(runtime().database, revision)}")
