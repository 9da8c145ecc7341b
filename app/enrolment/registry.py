"""Imports the ministry's file: its good rows in one transaction, its bad rows into a file.

registry_rows checks rows, registry_file writes the rejected ones, registry_staging is the SQL.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from app.audit.service import record_audit
from app.base.clock import local_midnight
from app.base.database import AWAY
from app.base.errors import Unavailable
from app.base.keys import Keys
from app.base.operation import Operation
from app.enrolment import registry_staging as staging
from app.enrolment.errors import TooManyNew
from app.enrolment.hand_overs import hand_over_phones, note_phones
from app.enrolment.registry_file import replace_rejected, write_refusal
from app.enrolment.registry_imports import (
    add_import,
    complete_import,
    drop_import,
    select_updated,
)
from app.enrolment.registry_rows import (
    BORN_AT,
    DAYS_AT,
    FIELDS,
    REGION_AT,
    Stored,
    parse_row,
    read_earlier_cins,
)
from app.enrolment.sample_rows import is_made_up
from app.files.days import DayOrder
from app.files.errors import FileRefused
from app.files.lines import BadRow
from app.files.table import GivenFile, Table, open_table
from app.text.regions import find_region

# A step, how much of it is done, and of how much if known: bytes of the file in "reading".
Progress = Callable[[str, int, int | None], None]
_LINES_A_REPORT = 2000
_MADE_UP = "of `flask registry sample` or the sample people, and production takes none of them"
# From so many people on an import is asked about; the first filling is not.
ASKS_FROM = 50_000
_YEAR_ALONE = len("1962")
_MOST_SHOWN = 5
_NO_VALUES = (None,) * (len(staging.STORED) + 1)


@dataclass(frozen=True, slots=True)
class RegistryImportOptions:
    """The actor and the moment of an import, and how it is done.

    `may_create` is asked whether as many new people as `new_share` percent of the register may be
    created; it is told how many, and how many the register holds. `encoding` is the file's where
    its bytes do not tell; `note` takes what is not as usual and is no fault.
    """

    now: datetime
    actor: str = "worker"
    seat: str = ""
    dry_run: bool = False
    new_share: float = 5
    may_create: Callable[[int, int], bool] = lambda created, known: False
    refuses_made_up: bool = False
    encoding: str | None = None
    note: Callable[[str], None] = lambda told: None


@dataclass(frozen=True, slots=True)
class RegistryImportReport:
    """The number of rows read, and of each outcome."""

    read: int
    created: int
    updated: int
    unchanged: int
    rejected: int


def import_registry(
    engine: Engine,
    path: Path,
    *,
    keys: Keys,
    today: date,
    progress: Progress | None = None,
    options: RegistryImportOptions | None = None,
) -> RegistryImportReport:
    """Creates and updates artisans by RNA number from the file at `path`, on the day `today`.

    Rejected rows go to `registry_file.rejected_path(path)`; the others are stored all or none.
    Raises: FileRefused if the file is unusable as a whole; TooManyNew; OSError if a file cannot
    be read or written; Unavailable if the database is away, full or without its tables.
    """
    report = progress or (lambda step, done, total: None)
    options = options or RegistryImportOptions(local_midnight(today))
    try:
        with open_table(GivenFile(path, options.encoding), FIELDS) as table:
            job = _Import(path, table, keys, today, report, options)
            for note in table.notes:
                options.note(note)
            return _import_table(engine, job)
    except FileRefused as refused:
        write_refusal(path, refused.params["line"], refused.params["why"])
        raise


@dataclass(frozen=True, slots=True)
class _Import:
    """An import under way; `report` takes its progress."""

    path: Path
    table: Table
    keys: Keys
    today: date
    report: Progress
    options: RegistryImportOptions


def _import_table(engine: Engine, job: _Import) -> RegistryImportReport:
    options = job.options
    try:
        with engine.begin() as connection:
            change = Operation(connection, options.now, options.actor, options.seat)
            again = len(job.keys.ids) > 1 or staging.has_other_cins(connection, job.keys)
            return _import_rows(change, job, _read_rows(job, again))
    except IntegrityError as error:
        raise Unavailable(what="postgresql", why="changed meanwhile: import again") from error
    except (*AWAY, ProgrammingError, psycopg.OperationalError) as error:
        raise Unavailable(what="postgresql", why=_database_message(error)) from error


def _import_rows(
    change: Operation, job: _Import, rows: Iterator[tuple[staging.Staged, ...]]
) -> RegistryImportReport:
    connection = change.connection
    staging.make_staging(connection)
    staging.stage(connection, rows)
    job.report("checking", 0, None)
    staging.digest_cins_again(connection)
    staging.reject_duplicates(connection)
    staging.reject_merged(connection)
    staging.reject_forgotten(connection)
    staging.reject_taken(connection)
    with closing(staging.rejected_rows(connection)) as bad:
        rejected = replace_rejected(job.path, job.table, bad)
    counts = staging.count_rows(connection)
    _ask_for_new_people(connection, job.options, counts.created)
    if not job.options.dry_run:
        # Last: from here to the commit the rows are locked for callers.
        job.report("storing", 0, None)
        _store_rows(change, job, counts, rejected)
        job.report("stored", 1, 1)
    return RegistryImportReport(
        read=counts.created + counts.updated + counts.unchanged + rejected,
        created=counts.created,
        updated=counts.updated,
        unchanged=counts.unchanged,
        rejected=rejected,
    )


def _ask_for_new_people(
    connection: Connection, options: RegistryImportOptions, created: int
) -> None:
    """Asks whether so many new people may be created, where that is more than usual.

    Numbers that were mangled alike look like as many new people. Raises: TooManyNew.
    """
    known = staging.count_artisans(connection)
    if known < ASKS_FROM or created * 100 <= options.new_share * known:
        return
    if not options.may_create(created, known):
        raise TooManyNew(created=created, known=known, share=options.new_share)


def _store_rows(change: Operation, job: _Import, counts: staging.StoredRows, rejected: int) -> None:
    """Stores the accepted rows, with what undoing them needs, if they change anything."""
    connection, name = change.connection, job.path.name
    number = add_import(change, name, counts, rejected)
    moved = staging.keep_earlier(connection, number, job.today)
    last_before = note_phones(connection, select_updated(number))
    staging.store(connection, job.today)
    hand_over_phones(change, last_before)
    if counts.created or counts.updated or moved:
        complete_import(connection, number, last_before)
    else:
        drop_import(connection, number)
    record_audit(
        change,
        "register_imported",
        "register",
        file=name,
        number=number,
        created=counts.created,
        updated=counts.updated,
        unchanged=counts.unchanged,
        rejected=rejected,
    )


def _read_rows(job: _Import, again: bool) -> Iterator[tuple[staging.Staged, ...]]:
    """Yields a staging row for each line that is not blank: its values, or its faults.

    `again`: the register holds CINs under other keys than today's, to be found and stored anew.
    Raises: FileRefused behind the last line, if days of the file are in doubt, or its people are
    made up and none such are taken.
    """
    size, order = os.fstat(job.table.file.fileno()).st_size, DayOrder()
    good, made_up, unknown_regions = 0, 0, Counter[str]()
    for count, row in enumerate(job.table.read_rows(), 1):
        if count % _LINES_A_REPORT == 0:
            job.report("reading", row.start, size)
        if row.fault:
            yield row.line, row.start, row.fault, *_NO_VALUES
            continue
        for place in DAYS_AT:
            if row.cells[place][4:5] not in "-":  # in those that have the year first
                order.note(row.line, row.cells[place])
        try:
            values = parse_row(row.cells, job.keys, job.today)
        except BadRow as bad:
            yield row.line, row.start, str(bad), *_NO_VALUES
        else:
            earlier = read_earlier_cins(row.cells, job.keys) if again else None
            _set_birth_year_apart(values)
            yield row.line, row.start, None, *values, earlier
            good += 1
            if (region := values[REGION_AT]) and find_region(str(region)) is None:
                unknown_regions[str(region)] += 1
            made_up += job.options.refuses_made_up and is_made_up(row.cells)
    # A name or two of the made-up register are anybody's.
    if made_up * 2 > good:
        raise FileRefused(line=0, why=f"file: {made_up} of {good} people are {_MADE_UP}")
    order.refuse_doubtful()
    if unknown_regions:
        job.options.note(_describe_unknown(unknown_regions))


def _describe_unknown(regions: Counter[str]) -> str:
    """Names the most frequent regions that are kept as written: no chamber sees their people."""
    # Where columns are moved a cell may hold what is personal.
    shown = [
        f"{name!r} ({count})"
        for name, count in regions.most_common(_MOST_SHOWN)
        if name.isprintable() and not any(letter.isdigit() for letter in name)
    ]
    named = f", such as {', '.join(shown)}" if shown else ""
    return f"{regions.total()} people of regions that are none of the twelve{named}"


def _set_birth_year_apart(values: list[Stored]) -> None:
    """Adds the birth year at the end, where its column is: a birth date that is a year alone."""
    values.append(None)
    if len(str(values[BORN_AT])) == _YEAR_ALONE:
        values[-1], values[BORN_AT] = values[BORN_AT], None


def _database_message(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    message = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
    return message or "not reachable"
