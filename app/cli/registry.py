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
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import select

from app.agents.agencies import replace_agencies
from app.agents.agency_file import SAMPLE_AGENCIES, read_agencies
from app.agents.clients import DEMO_CLIENT, DEMO_KEY, NewClient, add_client
from app.agents.networks import DEFAULT_NETWORK
from app.agents.samples import SAMPLE_AGENCY, SAMPLE_AGENT, SAMPLE_AGENT_PHONE, SAMPLE_PIN
from app.agents.signing_keys import draw_signing_key
from app.agents.staff import NewAgent, add_agent
from app.base.clock import local, local_date
from app.base.database import reading
from app.base.errors import Unavailable
from app.base.phone import Phone
from app.cli.acting import BY, SignedInUser, acting, sign_in_actor
from app.cli.options import ENCODING, NUMBER, show_note
from app.cli.sample_people import record_sample_answers
from app.cli.tables import JSON, print_json
from app.enrolment import registry as imports
from app.enrolment.errors import (
    ImportBuiltOn,
    ImportForgotten,
    ImportUndone,
    ImportUnknown,
    TooManyNew,
)
from app.enrolment.models import artisan
from app.enrolment.registry_file import rejected_path
from app.enrolment.registry_imports import list_imports
from app.enrolment.registry_undo import undo_import
from app.enrolment.sample_rows import MAX_ROWS, sample_rows
from app.enrolment.samples import sample_people_csv
from app.files.errors import FileRefused
from app.office.rights import Right
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
@click.option("--dry-run", is_flag=True, help="Look at the file: count, and change nothing.")
@click.option("--yes", is_flag=True, help="Create however many new people.")
@ENCODING
@BY
@with_appcontext
def import_command(
    file: Path, as_json: bool, dry_run: bool, yes: bool, encoding: str | None, by: str | None
) -> None:
    """Create and update artisans from FILE, by RNA number.

    Rows that cannot be taken are left out, and are in FILE.rejected.csv with line and reason.
    Ends with 1, nothing imported, when the file as a whole or the database cannot be used, or
    when nobody says yes to unusually many new people. `flask registry undo` takes it back.
    """
    try:
        report = _import_file(
            file, _ImportOptions(sign_in_actor(by, Right.RUN_SERVICE), dry_run, yes, encoding)
        )
    except FileRefused as refused:
        why = f"line {refused.params['line']}: {refused.params['why']}"
        _fail(f"{file}: {why} (see {rejected_path(file)})", why, as_json, rejected=1)
    except TooManyNew as many:
        _fail(why := _describe_new_people(**many.params), why, as_json)
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
    if dry_run and not as_json:
        click.echo("only looked at: nothing was imported", err=True)


def _describe_new_people(created: int, known: int, share: float) -> str:
    return (
        f"{created} new people in a register of {known} are more than {share:g}%: nothing was"
        " imported. Look at it with --dry-run; import it with --yes"
    )


@registry.command("imports")
@click.option("--most", default=20, show_default=True, type=NUMBER, help="How many, newest first.")
@JSON
@with_appcontext
def imports_command(most: int, as_json: bool) -> None:
    """List the imports that changed something, with the numbers that `undo` takes."""
    with reading(runtime().database) as connection:
        listed = list_imports(connection, most)
    if as_json:
        print_json([dataclasses.asdict(one) for one in listed])
        return
    for one in listed:
        state = f", undone by {one.undone_by}" if one.undone_by else ""
        kept = ", too old to undo" if one.forgotten_at and not one.undone_by else ""
        at = f"{local(one.imported_at):%Y-%m-%d %H:%M}"
        click.echo(
            f"{one.id}  {at}  {one.file_name}  by {one.imported_by}: "
            f"{one.created} created, {one.updated} updated, {one.unchanged} unchanged, "
            f"{one.rejected} rejected{state}{kept}"
        )


@registry.command("undo")
@click.argument("number", type=NUMBER)
@JSON
@BY
@with_appcontext
def undo_command(number: int, as_json: bool, by: str | None) -> None:
    """Take import NUMBER back as a whole: remove whom it created, restore whom it updated.

    Refused, naming what, if something was built on it since: a later import, a payment code, a
    tied phone. Ties that ended because a phone went to another person do not come back.
    """
    try:
        with acting(by, Right.RUN_SERVICE) as change:
            report = undo_import(change, number)
    except ImportBuiltOn as refused:
        raise click.ClickException(f"import {number} stays: {refused.params['built']}") from None
    except ImportUnknown:
        raise click.ClickException(f"no import {number}: see flask registry imports") from None
    except ImportUndone:
        raise click.ClickException(f"import {number} was undone before") from None
    except ImportForgotten:
        raise click.ClickException(
            f"import {number} is too old: what people were before it is not kept any more"
        ) from None
    sentence = f"import {number} undone: {report.removed} removed, {report.restored} restored"
    click.echo(json.dumps(dataclasses.asdict(report)) if as_json else sentence)


@registry.command()
@with_appcontext
def load_sample_people() -> None:
    """Load the sample people and their agent into an empty database, never in production."""
    if runtime().settings.production:
        raise click.ClickException("sample people are for development only")
    with reading(runtime().database) as connection:
        if connection.execute(select(artisan.c.id).limit(1)).first():
            click.echo("The register holds artisans: the data of the last run stay")
            _record_sample_answers()
            return
    # The artisans come last: if this is killed before, the next start does all of it again.
    with acting(None, Right.RUN_SERVICE) as change:
        add_sample_users(change)
        replace_agencies(change, read_agencies(SAMPLE_AGENCIES))
        phone = Phone.parse(SAMPLE_AGENT_PHONE)
        new = NewAgent(SAMPLE_AGENT, SAMPLE_AGENCY, SAMPLE_PIN, phone, own=True)
        add_agent(change, runtime().services, new)
    with TemporaryDirectory() as directory:
        file = Path(directory, "sample-people.csv")
        file.write_text(sample_people_csv(local_date(runtime().clock())), encoding="utf-8")
        report = _import_file(file, _ImportOptions(sign_in_actor(None, Right.RUN_SERVICE)))
    _record_sample_answers()
    click.echo(f"{report.created} sample people and agent 1001 are loaded")


def _record_sample_answers() -> None:
    """Records CNSS's answers; after a killed start the next start does it."""
    with acting(None, Right.RUN_SERVICE) as change:
        record_sample_answers(change, runtime().services)
        signing_key = draw_signing_key(runtime().random, runtime().keys)
        demo = NewClient(DEMO_CLIENT, DEFAULT_NETWORK, DEMO_KEY, signing_key=signing_key)
        add_client(change, demo)


@dataclasses.dataclass(frozen=True, slots=True)
class _ImportOptions:
    """The user who imports, and what the command was told."""

    actor: SignedInUser
    dry_run: bool = False
    yes: bool = False
    encoding: str | None = None


def _import_file(file: Path, chosen: _ImportOptions) -> imports.RegistryImportReport:
    maalem = runtime()
    now = maalem.clock()
    with _show_progress() as bar:
        task = bar.add_task("reading", total=None)

        def tell(step: str, done: int, total: int | None) -> None:
            bar.update(task, description=step, completed=done, total=total)

        def may_create(created: int, known: int) -> bool:
            bar.stop()
            return _may_create(chosen, created, known)

        options = imports.RegistryImportOptions(
            now,
            chosen.actor.name,
            chosen.actor.seat,
            dry_run=chosen.dry_run,
            new_share=maalem.settings.registry_new_share,
            may_create=may_create,
            refuses_made_up=maalem.settings.production,
            encoding=chosen.encoding,
            note=show_note,
        )
        return imports.import_registry(
            maalem.database,
            file,
            keys=maalem.keys,
            today=local_date(now),
            progress=tell,
            options=options,
        )


def _may_create(chosen: _ImportOptions, created: int, known: int) -> bool:
    """Asks on a terminal; elsewhere --yes is the only yes. A look says that it would be asked."""
    told = f"{created} new people in a register of {known}"
    if chosen.dry_run:
        click.echo(f"{told}: needs --yes", err=True)
        return True
    if chosen.yes or not sys.stdin.isatty():
        return chosen.yes
    return click.confirm(f"{told}. Create them all?", err=True)


@contextmanager
def _show_progress() -> Iterator[Progress]:
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
        yield bar


def _fail(sentence: str, why: str, as_json: bool, rejected: int = 0) -> NoReturn:
    """Prints one line on standard error and exits with 1; programs get counts and reason as well.

    `rejected` is the number of lines in the rejected file.
    """
    click.echo(sentence, err=True)
    if as_json:
        counts = imports.RegistryImportReport(0, 0, 0, 0, rejected)
        click.echo(json.dumps(dataclasses.asdict(counts) | {"error": why}))
    sys.exit(1)
