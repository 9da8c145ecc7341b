"""`flask db`: migrations."""

import click
from flask.cli import with_appcontext

from app.backup.place import get_place
from app.backup.restoring import RestoredServer, RestoreRequest, choose_base
from app.base.database import connect
from app.cli.tables import JSON, print_json
from app.migrating import downgrade, list_contracts, rehearse_upgrade, renew_grants, upgrade
from app.runtime import runtime


@click.group()
def db() -> None:
    """The database's tables."""


@db.command("upgrade")
@with_appcontext
def upgrade_command() -> None:
    """Brings the tables to the newest migration, and gives the roles their grants."""
    owner = runtime().owners_database
    for step in list_contracts(owner):
        click.echo(f"ends the version before: {step}", err=True)
    click.echo(f"database at {upgrade(owner)}")
    click.echo(renew_grants(owner))


@db.command("downgrade")
@click.argument("revision")
@with_appcontext
def downgrade_command(revision: str) -> None:
    """Takes the tables back to REVISION (`base` for none)."""
    click.echo(f"database at {downgrade(runtime().owners_database, revision)}")


@db.command("rehearse")
@click.option("--back", metavar="REVISION", help="how far back; where the copy was when left out")
@JSON
@with_appcontext
def rehearse_command(back: str | None, as_json: bool) -> None:
    """Upgrades a copy of the newest backup, takes it back, and upgrades it again.

    Exit 1 if the books do not hold, or what was answered is not as it was.
    """
    maalem = runtime()
    place = get_place(maalem.settings)
    store = place.open_newest()
    base = choose_base(store, None)
    server = RestoredServer(place.work / "upgrade", base.version)
    server.restore(store, RestoreRequest(base, store.list_log(base.first_segment)))
    try:
        owner = maalem.settings.migrations_database_url or maalem.urls.database_url
        with server.running(owner) as url:
            copy = connect(url, pool_size=2, statement_timeout_ms=0)
            found = rehearse_upgrade(copy, back, maalem.clock())
            copy.dispose()
    finally:
        server.remove()
    if as_json:
        shown = {name: getattr(found, name) for name in found.__slots__}
        print_json(shown | {"sound": found.sound})
    else:
        click.echo(f"{found.was_at} -> {found.newest} in {found.upgrade_seconds:g} s")
        click.echo(f"{found.newest} -> {found.back_to} in {found.back_seconds:g} s, and up again")
        for step in found.contracts:
            click.echo(f"ends the version before: {step}")
        for table in found.changed:
            click.echo(f"WRONG  {table} is not as it was")
        for rule in found.broken:
            click.echo(f"not true: {rule}")
        click.echo("the books hold, and what was answered is as it was" if found.sound else "WRONG")
    raise SystemExit(0 if found.sound else 1)
