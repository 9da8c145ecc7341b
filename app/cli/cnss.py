"""`flask cnss`: what CNSS is to post, and what it answers."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import click
from flask.cli import with_appcontext

from app.base.clock import local_date
from app.base.database import reading, transaction
from app.cli.days import DayParam
from app.reconciliation.cnss_export import Batch, export_payments, find_batch
from app.reconciliation.cnss_import import import_answers
from app.reconciliation.errors import FileRefused
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
@with_appcontext
def export(on: date | None, folder: Path | None, name: str | None) -> None:
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
        with transaction(maalem.database) as connection:
            batch = export_payments(connection, day, maalem.clock())
    if folder and batch.name:
        _save(folder, batch)
    click.echo(batch.content, nl=False)
    said = (
        f"{batch.name}: {batch.lines} payments, {batch.total} MAD" if batch.name else "nothing new"
    )
    click.echo(said, err=True)


def _save(folder: Path, batch: Batch) -> None:
    """Whole under its name, or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f".{batch.name}.{os.getpid()}"
    half.write_text(batch.content, "utf-8")
    half.rename(folder / str(batch.name))


@cnss.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True)
@with_appcontext
def import_command(file: Path, as_json: bool) -> None:
    """Takes CNSS's answer FILE, whole or not: postings, rights, enrolment, family, claims."""
    maalem = runtime()
    try:
        with transaction(maalem.database) as connection:
            report = import_answers(connection, file, words=maalem.words, now=maalem.clock())
    except FileRefused as refused:
        said = f"{file.name}: line {refused.params['line']}: {refused.params['why']}"
        raise click.ClickException(f"{said}; nothing was taken") from None
    told = ", ".join(f"{count} {what}" for what, count in report.counts.items())
    again = "" if report.new else " (taken before)"
    click.echo(json.dumps(report.counts) if as_json else f"{told}{again}")
