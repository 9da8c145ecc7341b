"""Proves that what the store has can be read, and that no part of the log is missing."""

from __future__ import annotations

from collections.abc import Iterable

from app.backup.errors import BackupFailed
from app.backup.store import BackupStore, find_gaps


def check_store(store: BackupStore) -> list[str]:
    """Reads every file of a store. Returns what is wrong, a sentence each."""
    bases = store.list_bases()
    wrong = [] if bases else ["there is no base backup"]
    for base in bases:
        wrong += _read_through(base.name, store.read_base(base))
    log = store.list_log()
    for name in log:
        wrong += _read_through(name, store.read_log(name))
    first = min((base.first_segment for base in bases), default="")
    needed = [name for name in log if name[8:24] >= first[8:]]
    wrong += [f"the log after {segment} is missing" for segment in find_gaps(needed)]
    if bases and needed and min(name[8:24] for name in needed) > bases[-1].first_segment[8:]:
        wrong.append(f"the log that {bases[-1].name} begins with is missing")
    return wrong


def _read_through(name: str, content: Iterable[bytes]) -> list[str]:
    try:
        for _ in content:
            pass
    except BackupFailed as failure:
        return [f"{name}: {failure.params['why']}"]
    return []
