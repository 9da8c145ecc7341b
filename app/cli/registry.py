"""`flask registry`: makes up a register, imports the ministry's, loads the sample people."""

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import click
from flask.cli import with_appcontext
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import select

from app.agents.agency_file import SAMPLE_AGENCIES, read_agencies
from app.agents.clients import DEMO_CLIENT, DEMO_KEY, NewClient, add_client
from app.agents.networks import DEFAULT_NETWORK
from app.agents.service import NewAgent, add_agent, replace_agencies
from app.base.clock import local_date
from app.base.database import reading
from app.base.errors import Unavailable
from app.base.phone import Phone
from app.cli.acting import BY, acting, sign_in_actor
from app.cli.sample_people import record_sample_answers
from app.enrolment import registry as imports
from app.enrolment.models import artisan
from app.enrolment.registry_file import RegistryRefused, rejected_path
from app.enrolment.sample_rows import MAX_ROWS, sample_rows
from app.enrolment.samples import sample_people_csv
from app.office.service import add_sample_users
from app.runtime import runtime

_LINES_A_WRITE = 1000


@click.group()
def registry() -> None:
    """The national register of artisans (RNA)."""


@registry.command()
@click.option("--rows", required=True, type=click.IntRange(0, MAX_ROWS), help="How many artisans.")
@click.option("--seed", default=0, show_default=True, help="The same seed, the same rows.")
def sample(rows: int, seed: int) -> None:
    """Write a made-up register as CSV to standard output."""
    out = sys.stdout.buffer
    lines = sample_rows(rows, seed)
    while piece := list(islice(lines, _LINES_A_WRITE)):
        out.write(("\n".join(piece) + "\n").encode())
    out.flush()


@registry.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The counts for programs.")
@BY
@with_appcontext
def import_command(file: Path, as_json: bool, by: str | None) -> None:
    """Create and update artisans from FILE, by RNA number.

    Rows that cannot be taken are left out, and are in FILE.rejected.csv with line and reason.
    Ends with 1, nothing imported, when the file as a whole or the database cannot be used.
    """
    try:
        sign_in_actor(by)
        report = _import_file(file)
    except RegistryRefused as refused:
        why = f"line {refused.params['line']}: {refused.params['why']}"
        _fail(f"{file}: {why} (see {rejected_path(file)})", why, as_json, rejected=1)
    except OSError as error:
        why = error.strerror or str(error)
        _fail(f"{error.filename or file}: {why}", why, as_json)
    except Unavailable as away:
        why = f"{away.params['what']}: {away.params.get('why', 'not reachable')}"
        _fail(why, why, as_json)
    counts = dataclasses.asdict(report)
    sentence = ", ".join(f"{many} {what}" for what, many in counts.items())
    click.echo(json.dumps(counts) if as_json else sentence)
    if report.rejected:
        click.echo(f"rejected rows: {rejected_path(file)}", err=True)


@registry.command()
@with_appcontext
def load_sample_people() -> None:
    """Load the sample people and their agent into an empty database, never in production."""
    if runtime().settings.production:
        raise click.ClickException("sample people are for development only")
    with reading(runtime().database) as connection:
        if connection.execute(select(artisan.c.id).limit(1)).first():
            click.echo("the register holds artisans: no sample people loaded")
            _record_sample_answers()
            return
    # The artisans come last: if this is killed before, the next start does all of it again.
    with acting(None) as change:
        add_sample_users(change)
        replace_agencies(change, read_agencies(SAMPLE_AGENCIES))
        phone = Phone.parse("+212600000091")
        add_agent(change, NewAgent("1001", "W-RABAT-01", SecretStr("246813"), phone))
    with TemporaryDirectory() as directory:
        file = Path(directory, "sample-people.csv")
        file.write_text(sample_people_csv(local_date(runtime().clock())), encoding="utf-8")
        report = _import_file(file)
    _record_sample_answers()
    click.echo(f"{report.created} sample people and agent 1001 loaded")


def _record_sample_answers() -> None:
    """Records CNSS's answers; after a killed start the next start does it."""
    with acting(None) as change:
        record_sample_answers(change, runtime().services)
        add_client(change, NewClient(DEMO_CLIENT, DEFAULT_NETWORK, DEMO_KEY))


def _import_file(file: Path) -> imports.RegistryImportReport:
    with _show_progress() as tell:
        return imports.import_registry(
            runtime().database,
            file,
            cin_key=runtime().secret,
            today=local_date(runtime().clock()),
            progress=tell,
        )


@contextmanager
def _show_progress() -> Iterator[imports.Progress]:
    """Shows a bar on standard error if that is a terminal, else nothing."""
    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    console = Console(file=sys.stderr)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("reading", total=None)

        def tell(step: str, done: int, total: int | None) -> None:
            bar.update(task, description=step, completed=done, total=total)

        yield tell


def _fail(sentence: str, why: str, as_json: bool, rejected: int = 0) -> NoReturn:
    """Prints one line on standard error and exits with 1; programs get counts and reason as well.

    `rejected` is the number of lines in the rejected file.
    """
    click.echo(sentence, err=True)
    if as_json:
        counts = imports.RegistryImportReport(0, 0, 0, 0, rejected)
        click.echo(json.dumps(dataclasses.asdict(counts) | {"error": why}))
    sys.exit(1)
