"""Do workers live, and do files come."""

from __future__ import annotations

from collections.abc import Iterator

from app.backup.following import is_log_followed
from app.backup.rehearsal import find_last_rehearsal
from app.gauges.reading import Gauge, Reading, Row, Source
from app.observe.workers import count_alive, list_turns
from app.reconciliation.last_files import list_last_files


def _read_alive(source: Source) -> Iterator[Row]:
    yield (), (count_alive(source.redis, source.now),)


def _read_turns(source: Source) -> Iterator[Row]:
    for loop, moment in list_turns(source.redis).items():
        yield (loop,), (moment.timestamp(),)


def _read_files(source: Source) -> Iterator[Row]:
    for file in list_last_files(source.connection):
        yield (file.kind, file.network), (file.taken_at.timestamp(),)


def _read_rehearsal(source: Source) -> Iterator[Row]:
    if moment := find_last_rehearsal(source.connection):
        yield (), (moment.timestamp(),)


def _read_followed(source: Source) -> Iterator[Row]:
    followed = is_log_followed(source.connection)
    if followed is not None:
        yield (), (float(followed),)


ALIVE = Reading((Gauge("maalem_workers_alive", "Workers heard in the last minute"),), _read_alive)
TURNS = Reading(
    (
        Gauge(
            "maalem_worker_turn_timestamp_seconds",
            "When a loop of any worker last came to the end of a turn",
        ),
    ),
    _read_turns,
    ("loop",),
)
FILES = Reading(
    (Gauge("maalem_file_taken_timestamp_seconds", "When the last file of a kind was taken"),),
    _read_files,
    ("kind", "network"),
)
REHEARSAL = Reading(
    (
        Gauge(
            "maalem_restore_rehearsed_timestamp_seconds",
            "When a restore was last rehearsed and its books held; absent if never",
        ),
    ),
    _read_rehearsal,
)
FOLLOWED = Reading(
    (
        Gauge(
            "maalem_backup_log_followed",
            "1 if a backup receives the database's log, 0 if it stands still; absent if none began",
        ),
    ),
    _read_followed,
)
