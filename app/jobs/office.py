"""What workers do for the office: take files, check menus that people gave, and the books."""

from __future__ import annotations

from functools import partial

import structlog

from app.base.database import reading, snapshot
from app.base.errors import Unavailable
from app.base.operation import operation
from app.observe.progress import ProgressTeller
from app.publishing.checking import find_faults_of
from app.publishing.service import begin_check, keep_faults
from app.reconciliation.books_checks import hold_books, is_check_due, keep_check, verify_books
from app.reconciliation.uploads import find_waiting, give_up_upload, name_work, take_upload
from app.runtime import Runtime

_log = structlog.get_logger("worker")


class OfficeWork:
    """Takes one file, or checks the books, at a time."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def do(self) -> int:
        """Returns how many files were taken, and 1 more for a check of the books."""
        return self._take_file() + self._check_books()

    def _take_file(self) -> int:
        """Takes the oldest given file; one that fails in a way of ours is given up, and logged.

        A file waits on while the database is away.
        """
        maalem = self._runtime
        database = maalem.patient_services.database
        with reading(database) as connection:
            number = find_waiting(connection)
        if number is None:
            return 0
        try:
            with operation(database, maalem.clock(), "worker") as change:
                begin = partial(ProgressTeller(maalem.redis).begin, name_work(number))
                return int(take_upload(change, maalem.services, number, begin))
        except Unavailable:
            raise
        except Exception:
            _log.exception("given_file_failed", number=number)
            with operation(database, maalem.clock(), "worker") as change:
                give_up_upload(change, number)
            raise

    def check_menus(self) -> int:
        """Checks a version of the menus that somebody gave; returns how many were checked.

        A worker that is killed meanwhile is followed by another.
        """
        maalem = self._runtime
        with operation(maalem.database, maalem.clock(), "worker") as change:
            begun = begin_check(change)
        if begun is None:
            return 0
        number, content = begun
        faults = find_faults_of(content)
        with operation(maalem.database, maalem.clock(), "worker") as change:
            keep_faults(change, number, faults)
        return 1

    def _check_books(self) -> int:
        maalem = self._runtime
        now, database = maalem.clock(), maalem.patient_services.database
        with reading(database) as connection:
            if not is_check_due(connection, now):
                return 0
        with snapshot(database) as connection:
            if not hold_books(connection) or not is_check_due(connection, now):
                return 0
            found = verify_books(connection)
            # Kept before another worker may look again.
            with operation(maalem.database, now, "worker") as change:
                keep_check(change, found)
        if found.broken:
            _log.error("books_broken", rules=len(found.broken))
        return 1
