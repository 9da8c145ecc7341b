"""`flask db`: migrations."""

from collections.abc import Iterable
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from app.backup.place import get_place
from app.backup.restoring import RestoredServer, RestoreRequest, choose_base
from app.base.database import connect
from app.cli.tables import JSON, print_json
from app.migrating import (
    downgrade,
    find_losses,
    list_contracts,
    rehearse_upgrade,
    renew_grants,
    upgrade,
)
from app.runtime import runtime
from app.way_back import Loss


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
@click.option("--lose", is_flag=True, help="yes, lose what is told to be lost")
@with_appcontext
def downgrade_command(revision: str, lose: bool) -> None:
    """Takes the tables back to REVISION (`base` for none).

    What would be lost is told first, and then nothing is done without --lose.
    """
    owner = runtime().owners_database
    losses = find_losses(owner, revision)
    _show_losses(losses)
    if any(loss.stopped for loss in losses):
        raise click.ClickException("it cannot be gone back: nothing was done")
    if losses and not lose:
        raise click.ClickException("nothing was done: --lose goes back all the same")
    click.echo(f"database at {downgrade(owner, revision)}")


def _show_losses(losses: Iterable[Loss]) -> None:
    for loss in losses:
        if loss.stopped:
            click.echo(f"going back over {loss.revision} is stopped by {', '.join(loss.stops)}")
        else:
            click.echo(f"going back over {loss.revision} loses {loss.what}")


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
        losses = [asdict(loss) for loss in found.losses]
        print_json(shown | {"losses": losses, "sound": found.sound})
    else:
        click.echo(f"{found.was_at} -> {found.newest} in {found.upgrade_seconds:g} s")
        click.echo(f"{found.newest} -> {found.back_to} in {found.back_seconds:g} s, and up again")
        for step in found.contracts:
            click.echo(f"ends the version before: {step}")
        _show_losses(found.losses)
        for table in found.changed:
            click.echo(f"WRONG  {table} is not as it was")
        for rule in found.broken:
            click.echo(f"not true: {rule}")
        click.echo("the books hold, and what was answered is as it was" if found.sound else "WRONG")
    raise SystemExit(0 if found.sound else 1)
