"""`flask audit`: the audit trail outside the database, where its owner cannot change it."""

from __future__ import annotations

from pathlib import Path
from time import sleep

import click
from flask.cli import with_appcontext

from app.audit.checking import list_sealed_rows
from app.audit.copies import compare_copy, read_lines, write_line
from app.base.database import reading
from app.cli.tables import JSON, print_json
from app.runtime import runtime

_LOOK_AGAIN_SECONDS = 1.0


@click.group()
def audit() -> None:
    """The audit trail: streamed out, and compared with what was streamed."""


@audit.command()
@click.option("--after", default=0, help="the id of the last line that is there already")
@click.option("--follow", is_flag=True, help="goes on with the rows to come")
@with_appcontext
def stream(after: int, follow: bool) -> None:
    """Prints each sealed row as a line of JSON, with its link to the rows before."""
    while True:
        with reading(runtime().database) as connection:
            for row in list_sealed_rows(connection, after):
                click.echo(write_line(row))
                after = row.id
        if not follow:
            return
        sleep(_LOOK_AGAIN_SECONDS)


@audit.command()
@click.argument("copy", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@JSON
@with_appcontext
def check(copy: Path, as_json: bool) -> None:
    """Compares lines of `stream` with the database. Exits with 1 and names what differs."""
    differences = []
    with copy.open(encoding="utf-8", newline="\n") as lines, reading(runtime().database) as found:
        try:
            for difference in compare_copy(found, read_lines(lines)):
                differences.append(difference)
                if not as_json:
                    click.echo(difference)
        except ValueError as error:
            raise click.ClickException(f"{copy.name}: {error}") from None
    if as_json:
        print_json({"differences": differences, "ok": not differences})
    if differences:
        raise SystemExit(1)
    if not as_json:
        click.echo("the database has what the copy has")
