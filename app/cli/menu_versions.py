"""`flask menus publish`, `approve`, `back`: another version is made live by two people."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import with_appcontext

from app.base.clock import local
from app.base.counts import write_count
from app.base.database import reading
from app.cli.acting import BY, OwnRow, acting
from app.cli.menus import menus
from app.cli.options import NUMBER
from app.cli.tables import JSON, print_json, print_rows
from app.office.rights import Right
from app.publishing.models import menu_version
from app.publishing.packing import MOST_BYTES, read_folder, read_zip
from app.publishing.queries import VERSION_SORTING, find_live, find_menu_version, list_menu_versions
from app.publishing.service import approve_menus, give_menus, go_back, refuse_menus
from app.runtime import runtime

_SHOWN = 50
_REASON = click.option("--reason", required=True, help="why; the audit keeps it")


@menus.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path), metavar="FILE|DIR")
@BY
@with_appcontext
def publish(source: Path, by: str | None) -> None:
    """Gives a version of the menus: a zip FILE, or a DIR such as menus/ of another version.

    It holds what changed; the rest is what is live. A worker checks it; nothing is on phones until
    a second person approves it: `flask menus approve NUMBER`.
    """
    if source.is_dir():
        files = read_folder(source)
    else:
        with source.open("rb") as file:
            files = read_zip(file.read(MOST_BYTES + 1))
    maalem = runtime()
    with acting(by, Right.RUN_SERVICE) as change:
        own = maalem.live_menus.own.pack()
        number = give_menus(change, source.resolve().name, files, own)
    click.echo(
        f"version {number} waits for a worker's check (flask menus versions), then for another"
        f" person: flask menus approve {number}"
    )


@menus.command()
@click.argument("number", type=NUMBER)
@BY
@with_appcontext
def approve(number: int, by: str | None) -> None:
    """Makes the checked version NUMBER live; not by who gave it."""
    maalem = runtime()
    with acting(by, Right.RUN_SERVICE, rows=(OwnRow(menu_version, number),)) as change:
        version = approve_menus(change, number, maalem.live_menus.own.engine.version)
    click.echo(f"{version} is live: whoever dials from now on sees it within seconds")


@menus.command()
@click.argument("number", type=NUMBER)
@_REASON
@BY
@with_appcontext
def refuse(number: int, reason: str, by: str | None) -> None:
    """Refuses version NUMBER, or takes it back; it never becomes live."""
    with acting(by, Right.RUN_SERVICE, rows=(OwnRow(menu_version, number),)) as change:
        refuse_menus(change, number, reason)
    click.echo(f"version {number} is refused")


@menus.command()
@click.argument("number", type=NUMBER, required=False)
@_REASON
@BY
@with_appcontext
def back(number: int | None, reason: str, by: str | None) -> None:
    """Makes the earlier version NUMBER live again; left out, the menus of the program itself.

    One person does it, as two people had published it before.
    """
    rows = () if number is None else (OwnRow(menu_version, number),)
    with acting(by, Right.RUN_SERVICE, rows=rows) as change:
        version = go_back(change, number, reason)
    named = "the program's own version" if number is None else version
    click.echo(f"{named} is live: whoever dials from now on sees it within seconds")


@menus.command()
@click.argument("number", type=NUMBER, required=False)
@JSON
@with_appcontext
def versions(number: int | None, as_json: bool) -> None:
    """Lists the versions that were given, newest first; of NUMBER, what its check found."""
    if number is not None:
        _print_version(number, as_json)
        return
    with reading(runtime().database) as connection:
        live = find_live(connection)
        found = list_menu_versions(connection, VERSION_SORTING.first(_SHOWN)).rows
    rows = [
        (
            *(str(one.id), one.version, "live" if one.id == live else one.state),
            *(one.given_by, f"{local(one.given_at):%d/%m/%Y %H:%M}", one.name),
        )
        for one in found
    ]
    headings = ("number", "version", "state", "given by", "at", "file")
    if as_json:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
        return
    print_rows(headings, rows)
    if live is None:
        click.echo("live: the program's own version")


def _print_version(number: int, as_json: bool) -> None:
    with reading(runtime().database) as connection:
        found = find_menu_version(connection, number)
    if found is None:
        raise click.ClickException(f"no version {number}")
    if as_json:
        told = {"number": found.id, "version": found.version, "state": found.state}
        print_json({**told, "faults": found.faults})
        return
    click.echo(f"{found.version}: {found.state}, {write_count(len(found.faults), 'fault')}")
    for fault in found.faults:
        click.echo("{screen} [{language}]: {why}".format(**fault))
