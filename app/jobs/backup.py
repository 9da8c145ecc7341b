"""What a worker does for backups: rehearses a restore each week, where the settings say so."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from threading import Event

import structlog

from app.backup.place import find_place
from app.backup.rehearsal import is_rehearsal_due
from app.backup.store import list_servers
from app.base.database import reading
from app.runtime import Runtime

_REHEARSE = (sys.executable, "-m", "flask", "--app", "app", "backup", "rehearse", "--json")
_POLL_SECONDS = 1.0
_BETWEEN_TRIES = timedelta(hours=1)
_log = structlog.get_logger("worker")


class BackupWork:
    """Rehearses a restore when a week has passed since the last one, in a process of its own."""

    def __init__(self, runtime: Runtime, stopping: Event) -> None:
        self._runtime, self._stopping = runtime, stopping
        self._next_try: datetime | None = None

    def do(self) -> int:
        """Returns 0, so that its loop waits before the next look."""
        maalem = self._runtime
        if not maalem.settings.backup_rehearsals:
            return 0
        now = maalem.clock()
        if self._next_try and now < self._next_try:
            return 0
        place = find_place(maalem.settings)
        if place and not list_servers(place.folder):
            return 0  # the first copy is the follower's to make: a worker may not write there
        with reading(maalem.database) as connection:
            if not is_rehearsal_due(connection, now):
                return 0
        # One that cannot even begin is not kept as a rehearsal, and copies a whole database.
        self._next_try = now + _BETWEEN_TRIES
        with subprocess.Popen(_REHEARSE, stdin=subprocess.DEVNULL) as rehearsal:
            while rehearsal.poll() is None:
                if self._stopping.wait(_POLL_SECONDS):
                    rehearsal.terminate()
                    return 0
        if rehearsal.returncode:
            raise RuntimeError("the rehearsal of a restore failed: `flask backup rehearse`")
        _log.info("restore_rehearsed")
        return 0
