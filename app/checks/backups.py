"""Checks of backups: that they are made, reach to this minute, and were rehearsed."""

from __future__ import annotations

from datetime import timedelta

from app.backup.place import find_place
from app.backup.rehearsal import find_last_rehearsal
from app.backup.store import find_gaps
from app.base.database import reading
from app.runtime import Runtime

_NIGHTLY, _LOG_LATE, _REHEARSED = timedelta(hours=26), timedelta(minutes=10), timedelta(days=8)


def check_backups(maalem: Runtime) -> str:
    """Returns how old the newest copy is. Raises: RuntimeError if one cannot rely on it."""
    place = find_place(maalem.settings)
    if maalem.settings.backup_folder is None or place is None:
        return "none of ours: BACKUP_FOLDER is not set"
    store, now = place.open_newest(), maalem.clock()
    newest, until = store.list_bases()[-1], store.find_log_moment()
    if now - newest.ended_at > _NIGHTLY:
        raise RuntimeError(f"the newest copy is of {newest.ended_at:%Y-%m-%d %H:%MZ}")
    if until is None or now - until > _LOG_LATE:
        raise RuntimeError("the log is not kept: `flask backup follow` does not run")
    if gaps := find_gaps(store.list_log(newest.first_segment)):
        raise RuntimeError(f"the log after {gaps[0]} is missing: take a new copy, `flask backup`")
    with reading(maalem.database) as connection:
        rehearsed = find_last_rehearsal(connection)
    if maalem.settings.backup_rehearsals and (rehearsed is None or now - rehearsed > _REHEARSED):
        raise RuntimeError("no restore was rehearsed and found sound in a week")
    return f"newest copy of {newest.ended_at:%Y-%m-%d %H:%MZ}, the log until {until:%H:%M:%SZ}"
