"""Takes base backups: all files of the server as they are, with the log that makes them whole."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from app.backup.errors import BackupFailed
from app.backup.programs import DatabaseServer, find_program, run_for_output
from app.backup.store import BackupStore, BaseBackup, name_base
from app.base.clock import Clock

_START = re.compile(r"log start point: ([0-9A-F]+)/([0-9A-F]+) on timeline (\d+)")
_SEGMENT_BYTES = 16 << 20
_NIGHTLY = timedelta(days=1)


def is_copy_due(store: BackupStore, server: DatabaseServer, now: datetime) -> bool:
    """True if the newest copy is a day old, or of before a restore, where its log ends."""
    bases = store.list_bases()
    if not bases or bases[-1].timeline != server.timeline:
        return True
    return now - bases[-1].began_at >= _NIGHTLY


def take_base_backup(server: DatabaseServer, store: BackupStore, clock: Clock) -> BaseBackup:
    """Copies the running server into the store. Raises: BackupFailed."""
    program = find_program("pg_basebackup", server.version)
    store.make_folders()
    began_at = clock()
    name, said = name_base(began_at), []  # type: tuple[str, list[str]]
    # One stream with its own log in it: such a copy is whole even if nothing else was kept.
    options = ("--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast")
    content = run_for_output(program, (*options, "--verbose"), server.environment, said)
    stored_bytes = store.write_base(name, content)
    base = BaseBackup(
        name=name,
        began_at=began_at,
        ended_at=clock(),
        first_segment=_find_first_segment(said),
        version=server.version,
        stored_bytes=stored_bytes,
    )
    store.keep_base(base)
    return base


def _find_first_segment(said: list[str]) -> str:
    start = next(filter(None, map(_START.search, said)), None)
    if start is None:
        raise BackupFailed(what="pg_basebackup", why="it does not say where the log begins")
    high, low, timeline = int(start[1], 16), int(start[2], 16), int(start[3])
    return f"{timeline:08X}{high:08X}{low // _SEGMENT_BYTES:08X}"
