"""Rehearses a restore beside the running service, and measures what would have been lost."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, func, insert, select, text

from app.audit.checking import find_broken_seals
from app.audit.service import record_audit
from app.backup.comparison import Digest, MissingRow, compute_digests, list_missing
from app.backup.errors import BackupFailed
from app.backup.models import backup_rehearsal
from app.backup.restoring import (
    RestoredServer,
    RestoreRequest,
    choose_base,
    find_recovered_moment,
    measure_since,
)
from app.backup.store import BackupStore
from app.base.clock import Clock
from app.base.database import connect, snapshot
from app.base.operation import Operation
from app.reconciliation.books_checks import BOOKS_RULES
from app.reconciliation.money_rules import find_broken_rules

_DUE_AFTER = timedelta(days=7)
# The rules of the books, the seals and the digests are looked at beside each other.
_LANES = 3
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class RehearsalFindings:
    """The findings of a rehearsal, and how long it took.

    `until` is the moment asked for, `recovered_to` the last change that came back. `missing` counts
    the rows lost by table, `older` the tables that differ where nothing can have been lost.
    """

    began_at: datetime
    until: datetime
    recovered_to: datetime
    base: str
    rpo_seconds: float
    restore_seconds: float
    verify_seconds: float
    compared: int
    missing: Mapping[str, int]
    older: tuple[str, ...]
    broken: Mapping[str, list[str]]

    @property
    def rto_seconds(self) -> float:
        """The seconds until the service could open again: restored, and its books looked at."""
        return round(self.restore_seconds + self.verify_seconds, 2)

    @property
    def sound(self) -> bool:
        return not self.broken and not self.older


@dataclass(frozen=True, slots=True)
class RunningService:
    """The service beside which a restore is rehearsed: its database, address and clock."""

    database: Engine
    url: str
    clock: Clock


def rehearse_restore(
    service: RunningService, store: BackupStore, folder: Path, until: datetime | None = None
) -> RehearsalFindings:
    """Restores to a moment in `folder`, verifies the books and compares with what was answered.

    `until` is None for all that the store has at this moment, as if the server were gone now.

    Raises: BackupFailed, Unavailable.
    """
    with _alone(folder), ThreadPoolExecutor(_LANES) as lanes:
        # The log first: what it has, the database has too.
        base = choose_base(store, until)
        log_files, began_at = store.list_log(base.first_segment), service.clock()
        moment = until or began_at
        ours = lanes.submit(_read_state, service.database, moment)
        server = RestoredServer(folder / "server", base.version)
        began = time.monotonic()
        server.restore(store, RestoreRequest(base, log_files, until))
        try:
            with server.running(service.url) as url:
                restore_seconds = measure_since(began)
                request = _LookRequest(service, url, ours.result(), base.began_at, moment)
                found = _look(request, lanes)
        finally:
            server.remove()
    recovered_to = found.recovered_to or base.ended_at
    return RehearsalFindings(
        began_at=began_at,
        until=moment,
        recovered_to=recovered_to,
        base=base.name,
        rpo_seconds=_measure_loss(found.missing, moment),
        restore_seconds=restore_seconds,
        verify_seconds=found.verify_seconds,
        compared=sum(digest.rows for digest in ours.result().digests.values()),
        missing=_count(found.missing),
        older=found.older,
        broken=found.broken,
    )


def keep_rehearsal(operation: Operation, found: RehearsalFindings) -> None:
    """Keeps what a rehearsal found, for its age and for whoever asks."""
    operation.connection.execute(
        insert(backup_rehearsal).values(
            began_at=found.began_at,
            until=found.until,
            base=found.base,
            rpo_seconds=found.rpo_seconds,
            rto_seconds=found.rto_seconds,
            missing=dict(found.missing),
            broken=dict(found.broken),
            sound=found.sound,
        )
    )
    seconds = {"rpo_seconds": found.rpo_seconds, "rto_seconds": found.rto_seconds}
    record_audit(operation, "restore_rehearsed", "backup", sound=found.sound, **seconds)


def find_last_rehearsal(connection: Connection) -> datetime | None:
    """Returns when a restore was last rehearsed and found sound; None if it never was."""
    columns = backup_rehearsal.c
    return connection.execute(select(func.max(columns.began_at)).where(columns.sound)).scalar()


def is_rehearsal_due(connection: Connection, now: datetime) -> bool:
    """True if no restore was rehearsed in a week."""
    last = connection.execute(select(func.max(backup_rehearsal.c.began_at))).scalar()
    return last is None or now - last >= _DUE_AFTER


@dataclass(frozen=True, slots=True)
class _Look:
    recovered_to: datetime | None
    missing: list[MissingRow]
    older: tuple[str, ...]
    broken: Mapping[str, list[str]]
    verify_seconds: float


@dataclass(frozen=True, slots=True)
class _State:
    digests: Mapping[str, Digest]
    revision: str | None


@dataclass(frozen=True, slots=True)
class _LookRequest:
    """A wish to look at the restored database at `url`, beside `ours` of the running service."""

    service: RunningService
    url: str
    ours: _State
    since: datetime
    moment: datetime


_REVISION = text("SELECT version_num FROM alembic_version")


def _read_state(database: Engine, until: datetime) -> _State:
    with snapshot(database) as connection:
        return _State(compute_digests(connection, until), _read_revision(connection))


def _read_revision(connection: Connection) -> str | None:
    """Returns the revision of a database's tables; None if it has none of ours."""
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    return connection.execute(_REVISION).scalar()


def _look(request: _LookRequest, lanes: Executor) -> _Look:
    """Looks at the restored database: its last change, its books, and what it lacks.

    Raises: BackupFailed if its tables are those of another version.
    """
    restored = connect(request.url, pool_size=1 + _LANES, statement_timeout_ms=0)

    # Nobody writes there, so that each of them sees the same.
    def look_at(find: Callable[[Connection], _Found]) -> Future[_Found]:
        return lanes.submit(_find_in, restored, find)

    try:
        with snapshot(restored) as theirs:
            if (revision := _read_revision(theirs)) != request.ours.revision:
                why = f"it was at revision {revision} then, and we are at {request.ours.revision}"
                raise BackupFailed(what="restored database", why=why)
            recovered_to = find_recovered_moment(theirs)
            began = time.monotonic()
            seals = look_at(find_broken_seals)
            rules = look_at(partial(find_broken_rules, rules=BOOKS_RULES))
            digests = look_at(partial(compute_digests, until=request.moment))
            broken = {**rules.result(), **seals.result()}
            verify_seconds = measure_since(began)
            back = digests.result()
            missing = _list_missing(request, theirs, back, recovered_to or request.since)
    finally:
        restored.dispose()
    older = _find_older(request.ours.digests, back, missing)
    return _Look(recovered_to, missing, older, broken, verify_seconds)


def _find_in(database: Engine, find: Callable[[Connection], _Found]) -> _Found:
    with snapshot(database) as connection:
        return find(connection)


def _list_missing(
    request: _LookRequest, theirs: Connection, back: Mapping[str, Digest], since: datetime
) -> list[MissingRow]:
    unlike = [table for table, digest in request.ours.digests.items() if back[table] != digest]
    if not unlike:
        return []
    with snapshot(request.service.database) as now:
        return list_missing(now, theirs, unlike, since, request.moment)


def _find_older(
    ours: Mapping[str, Digest], back: Mapping[str, Digest], missing: list[MissingRow]
) -> tuple[str, ...]:
    """Returns the tables that differ in more than the rows that are known to be lost."""
    lost = _count(missing)
    return tuple(
        table
        for table, digest in ours.items()
        if digest != back[table] and digest.rows - back[table].rows not in _upto(lost.get(table, 0))
    )


def _upto(lost: int) -> range:
    """Returns the differences in rows that so many lost ones explain; none explains a change."""
    return range(1, lost + 1)


def _measure_loss(missing: list[MissingRow], until: datetime) -> float:
    """Returns the seconds from the first row that is lost to the moment; 0 if none is."""
    first = min((row.at for row in missing), default=until)
    return round((until - first).total_seconds(), 2)


def _count(missing: list[MissingRow]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in missing:
        counts[row.table] = counts.get(row.table, 0) + 1
    return counts


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps two rehearsals in one folder apart. Raises: BackupFailed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupFailed(what=str(folder), why="another rehearsal is going on") from None
        yield
