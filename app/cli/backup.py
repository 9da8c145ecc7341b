"""`flask backup`: copies of the database, and the way back from them."""

from __future__ import annotations

import signal
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from types import FrameType

import click
import structlog
from flask.cli import with_appcontext

from app.backup.base_backups import is_copy_due, take_base_backup
from app.backup.checking import check_store
from app.backup.errors import BackupFailed
from app.backup.following import LogFollower
from app.backup.place import find_place, get_place
from app.backup.programs import find_server
from app.backup.rehearsal import (
    RehearsalFindings,
    RunningService,
    keep_rehearsal,
    rehearse_restore,
)
from app.backup.restored_books import find_owners_url, knows_gaps, mark_restored
from app.backup.restoring import (
    RestoredServer,
    RestoreRequest,
    choose_base,
    find_recovered_moment,
)
from app.backup.store import BackupStore, BaseBackup, list_servers
from app.base.clock import local
from app.base.counts import write_count
from app.base.database import connect, reading
from app.base.operation import operation
from app.cli.days import MomentParam
from app.cli.tables import JSON, print_json, print_rows
from app.embedded import engine_urls
from app.ledger.gaps import list_fresh_gaps
from app.reconciliation.lost_payments import LostPayments, gather_lost_payments
from app.reconciliation.told_messages import read_logs
from app.runtime import Runtime, runtime

_AGAIN_SECONDS = 5.0
_log = structlog.get_logger("backup")

_UNTIL = click.option(
    "--to", "until", type=MomentParam(), help="until that moment; all there is when left out"
)


@click.group(invoke_without_command=True)
@click.pass_context
@with_appcontext
def backup(context: click.Context) -> None:
    """Copies the database into BACKUP_FOLDER, encrypted, and forgets what is old enough.

    Beside it `flask backup follow` keeps each change some seconds after it was made.
    """
    if context.invoked_subcommand is None:
        maalem = runtime()
        click.echo(_describe_base(_take(maalem, _open_store(maalem))))


@backup.command("follow")
@click.option("--seconds", default=5.0, show_default=True, help="how often the store is renewed")
@with_appcontext
def follow(seconds: float) -> None:
    """Keeps the store up to date until it is ended: each change, and each day a whole copy."""
    maalem, stopping = runtime(), _stop_on_signals()
    while not stopping.is_set():
        try:
            _follow(maalem, stopping, seconds)
        except BackupFailed as failure:
            _log.error("backup_stands", what=failure.params["what"], why=failure.params["why"])
            stopping.wait(_AGAIN_SECONDS)


def _follow(maalem: Runtime, stopping: Event, seconds: float) -> None:
    """Follows the log; a copy is taken beside it, for that takes minutes. Raises: BackupFailed."""
    server = find_server(_find_url(maalem))
    store = get_place(maalem.settings).open_store(server.number)
    follower = LogFollower(server, store, get_place(maalem.settings).work / "log")
    with follower.receive() as line, ThreadPoolExecutor(1) as beside:
        copying: Future[BaseBackup] | None = None
        while not stopping.wait(seconds):
            follower.store_log()
            line.check()
            store.mark_followed()
            if copying is None and is_copy_due(store, server, maalem.clock()):
                copying = beside.submit(_take, maalem, store)
            if copying and copying.done():
                _log.info("base_backup", name=copying.result().name)
                copying = None


@backup.command("list")
@JSON
@with_appcontext
def list_command(as_json: bool) -> None:
    """Lists the base backups, and how far the log goes."""
    store = get_place(runtime().settings).open_newest()
    bases, until = store.list_bases(), store.find_log_moment()
    if as_json:
        shown = [{name: getattr(base, name) for name in base.__slots__} for base in bases]
        print_json({"server": store.server, "bases": shown, "log_until": until})
        return
    rows = [
        (base.name, _write(base.began_at), _write(base.ended_at), f"{base.stored_bytes:,}")
        for base in bases
    ]
    print_rows(("name", "began", "ended", "bytes"), rows)
    click.echo(f"log stored until {_write(until)}" if until else "no log: `flask backup follow`")


@backup.command("check")
@JSON
@with_appcontext
def check(as_json: bool) -> None:
    """Reads all that is stored, and looks for gaps in the log; exit 1 if something is wrong."""
    store = get_place(runtime().settings).open_newest()
    wrong = check_store(store)
    if as_json:
        print_json({"wrong": wrong, "ok": not wrong})
    else:
        for each in wrong:
            click.echo(f"WRONG  {each}")
        copies, files = len(store.list_bases()), len(store.list_log())
        click.echo(
            f"{write_count(copies, 'base backup')} and {write_count(files, 'file')} of the log"
        )
    raise SystemExit(1 if wrong else 0)


@backup.command("restore")
@click.argument("folder", type=click.Path(path_type=Path))
@_UNTIL
@with_appcontext
def restore(folder: Path, until: datetime | None) -> None:
    """Makes in FOLDER the data folder of a server as it was; the service need not run."""
    maalem = runtime()
    store = get_place(maalem.settings).open_newest()
    base = choose_base(store, until)
    server = RestoredServer(folder, base.version)
    log_files = store.list_log(base.first_segment)
    server.restore(store, RestoreRequest(base, log_files, until, durable=True))
    settings = maalem.settings
    given = settings.migrations_database_url or settings.database_url
    with server.running(given or engine_urls(settings.data_dir).database_url) as url:
        recovered_to, marked = _mark(find_owners_url(url), maalem, base, store)
    server.give_back_settings()
    click.echo(f"restored from {base.name} to {_write(recovered_to)}")
    click.echo(f"start PostgreSQL {base.version} on {server.data}")
    again = "" if marked else f" --restored-to {recovered_to.isoformat()}"
    click.echo(f"then `flask db upgrade` and `flask backup reconcile{again}`")


def _mark(url: str, maalem: Runtime, base: BaseBackup, store: BackupStore) -> tuple[datetime, bool]:
    """Tells the restored books what they are, while nobody uses them.

    Returns the moment of their last change, and False if their tables are too old for that.
    """
    restored = connect(url, pool_size=1, statement_timeout_ms=0)
    try:
        with operation(restored, maalem.clock(), "backup") as change:
            recovered_to = find_recovered_moment(change.connection) or base.began_at
            marked = knows_gaps(change.connection)
            if marked:
                mark_restored(change, recovered_to, store)
    finally:
        restored.dispose()
    return recovered_to, marked


@backup.command("reconcile")
@click.option(
    "--restored-to",
    type=MomentParam(),
    help="the moment of the restore, where another program than `flask backup restore` did it",
)
@JSON
@with_appcontext
def reconcile(restored_to: datetime | None, as_json: bool) -> None:
    """Gathers, after a restore, the payments that went on and are not in the books.

    They come of the networks' files, of callers that repeat, and of what the SMS providers know.
    Give it again whenever a network's file of those days was matched.
    """
    maalem = runtime()
    if restored_to is not None:
        with operation(maalem.owners_database, maalem.clock(), "backup") as change:
            mark_restored(change, restored_to, _find_store(maalem))
    with reading(maalem.database) as connection:
        gaps = list_fresh_gaps(connection, maalem.clock())
    logs = read_logs(maalem.sms_providers, maalem.services.words, gaps)
    with operation(maalem.patient_services.database, maalem.clock(), "backup") as change:
        lost = gather_lost_payments(change, logs)
    if as_json:
        print_json({name: getattr(lost, name) for name in lost.__slots__} | {"gaps": _list(lost)})
        return
    if not lost.gaps:
        click.echo("no restore is known")
    for gap in lost.gaps:
        click.echo(f"restored to {_write(gap.begins_at)}; in use again {_write(gap.ends_at)}")
    for kind, count in lost.breaks.items():
        click.echo(f"{kind}: {write_count(count, 'break')} for two people (`flask breaks list`)")
    for provider, why in lost.unread.items():
        click.echo(f"the log of {provider} could not be read ({why}): give the command again")
    for network, days in lost.awaited.items():
        if days:
            click.echo(f"still to come from {network}: {', '.join(map(str, days))}")


def _list(lost: LostPayments) -> list[dict[str, datetime]]:
    return [{"begins_at": gap.begins_at, "ends_at": gap.ends_at} for gap in lost.gaps]


@backup.command("rehearse")
@_UNTIL
@JSON
@with_appcontext
def rehearse(until: datetime | None, as_json: bool) -> None:
    """Restores beside the running service, verifies the books, and says what would be lost.

    Exit 1 if the books of the restored database do not hold.
    """
    maalem = runtime()
    signal.signal(signal.SIGTERM, _leave)
    store = _open_store(maalem)
    if not store.list_bases():
        click.echo("No backup yet: taking the first one", err=True)
        _take(maalem, store)
    service = RunningService(maalem.database, _find_owner_url(maalem), maalem.clock)
    found = rehearse_restore(service, store, get_place(maalem.settings).work / "rehearsal", until)
    with operation(maalem.database, maalem.clock(), "backup") as change:
        keep_rehearsal(change, found)
    if as_json:
        print_json(_list_findings(found))
    else:
        _show_findings(found)
    raise SystemExit(0 if found.sound else 1)


def _list_findings(found: RehearsalFindings) -> dict[str, object]:
    named = {name: getattr(found, name) for name in found.__slots__}
    return named | {"rto_seconds": found.rto_seconds, "sound": found.sound}


def _show_findings(found: RehearsalFindings) -> None:
    click.echo(f"restored from {found.base} to {_write(found.recovered_to)}")
    for table, rows in found.missing.items():
        click.echo(f"lost: {write_count(rows, 'row')} of {table}")
    for table in found.older:
        click.echo(f"WRONG  {table} differs in rows that were there long before")
    for rule, rows_named in found.broken.items():
        click.echo(f"not true: {rule}: {', '.join(rows_named)}")
    click.echo(f"{found.compared:,} rows compared; the books {'hold' if found.sound else 'do NOT'}")
    click.echo(f"RPO {found.rpo_seconds:g} s: so much of what was answered would be lost")
    click.echo(
        f"RTO {found.rto_seconds:g} s: restored in {found.restore_seconds:g} s,"
        f" verified in {found.verify_seconds:g} s"
    )


def _take(maalem: Runtime, store: BackupStore) -> BaseBackup:
    """Takes a base backup, and forgets what its age lets be forgotten."""
    base = take_base_backup(find_server(_find_url(maalem)), store, maalem.clock)
    store.forget(maalem.clock(), timedelta(days=maalem.settings.backup_keep_days))
    return base


def _describe_base(base: BaseBackup) -> str:
    seconds = (base.ended_at - base.began_at).total_seconds()
    return f"base backup {base.name}: {base.stored_bytes:,} bytes in {seconds:.1f} s"


def _open_store(maalem: Runtime) -> BackupStore:
    return get_place(maalem.settings).open_store(find_server(_find_url(maalem)).number)


def _find_store(maalem: Runtime) -> BackupStore | None:
    """Returns the store of this installation's server, if it has one."""
    place = find_place(maalem.settings)
    return place.open_newest() if place and list_servers(place.folder) else None


def _find_url(maalem: Runtime) -> str:
    """Returns the address by which the server is copied."""
    return maalem.settings.backup_database_url or _find_owner_url(maalem)


def _find_owner_url(maalem: Runtime) -> str:
    """Returns the address of the tables' owner, as one who restores needs it."""
    _ = maalem.database  # the embedded one is there and migrated from here on
    return maalem.settings.migrations_database_url or maalem.urls.database_url


def _write(moment: datetime) -> str:
    return local(moment).isoformat(timespec="seconds")


def _leave(number: int, _frame: FrameType | None) -> None:
    """Ends the command so that the restored server ends with it."""
    raise SystemExit(128 + number)


def _stop_on_signals() -> Event:
    """Returns an event that SIGTERM or Ctrl-C sets."""
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    return stopping
