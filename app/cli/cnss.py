"""`flask cnss`: exports payments to CNSS and imports its answers."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
from flask.cli import with_appcontext

from app.base.clock import local_date
from app.base.counts import write_count
from app.base.database import reading
from app.base.private_files import replacing
from app.cli.acting import BY, acting
from app.cli.days import DayParam
from app.cli.options import ENCODING, show_note
from app.cli.tables import JSON, print_json
from app.files.errors import FileRefused
from app.files.table import GivenFile
from app.office.rights import Right
from app.reconciliation.cnss_export import Batch, export_payments, find_batch
from app.reconciliation.cnss_import import import_answers
from app.runtime import runtime


@click.group()
def cnss() -> None:
    """Payments to CNSS and its answers, as CSV (docs/operations.md has the columns)."""


@cnss.command()
@click.option("--on", type=DayParam(), help="the last day sent; today if left out")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="also a file"
)
@click.option("--again", "name", help="a file that was written before, to the byte")
@BY
@with_appcontext
def export(on: date | None, folder: Path | None, name: str | None, by: str | None) -> None:
    """Writes to standard output what was received and not sent yet, once, with a control total.

    The file's name goes to standard error; it never comes twice. What was sent stands in the
    database before anything is written: a lost file is written again with --again.
    """
    maalem = runtime()
    if name:
        with reading(maalem.database) as connection:
            batch = find_batch(connection, name)
        if batch is None:
            raise click.BadParameter(f"no file {name} was written", param_hint="--again")
    else:
        day = on or local_date(maalem.clock())
        with acting(by, Right.POST_AT_CNSS) as change:
            batch = export_payments(change, day)
    if folder and batch.name:
        _save(folder, batch)
    click.echo(batch.content, nl=False)
    summary = f"{batch.name}: {write_count(batch.lines, 'payment')}, {batch.total} MAD"
    click.echo(summary if batch.name else "nothing new", err=True)


def _save(folder: Path, batch: Batch) -> None:
    """Writes the file whole under its name, or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / str(batch.name)) as file:
        file.write(batch.content)


@cnss.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@JSON
@ENCODING
@BY
@with_appcontext
def import_command(file: Path, as_json: bool, encoding: str | None, by: str | None) -> None:
    """Imports CNSS's answer FILE, whole or not: postings, rights, enrolment, family, claims."""
    maalem = runtime()
    try:
        with acting(by, Right.POST_AT_CNSS) as change:
            report = import_answers(change, maalem.services, GivenFile(file, encoding))
    except FileRefused as refused:
        where = f"{file.name}: line {refused.params['line']}"
        raise click.ClickException(f"{where}: {refused.params['why']}; nothing was taken") from None
    for note in report.notes:
        show_note(note)
    counts = ", ".join(f"{count} {name}" for name, count in report.counts.items())
    again = "" if report.new else " (taken before)"
    if as_json:
        print_json(report.counts)
    else:
        click.echo(f"{counts}{again}")
