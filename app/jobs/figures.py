"""Makes figures, pictures and long lists, beside all other work of the worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import func, select

from app.base.database import reading
from app.base.months import Month
from app.base.operation import operation
from app.figures.drawing import DrawingFailed
from app.figures.files import FILE_FORMATS
from app.figures.picture_queue import ask_for_pictures, draw_asked_pictures
from app.figures.pictures import Picture, PictureWords, make_pictures
from app.figures.public_files import read_public_file
from app.figures.queries import PICTURE_CUTS, list_figures, list_published_months
from app.figures.reports import write_asked_reports
from app.figures.service import list_due_months, make_month
from app.messaging.errors import PricesWrong
from app.observe.progress import ProgressTeller
from app.runtime import Runtime

# Looks for months to make are so far apart, and so are two tries to make one.
_LOOK_EVERY = timedelta(minutes=10)
# The lock that lets one of several workers do all of this.
_LOCK_NUMBER = int.from_bytes(b"figures!", "big")
_log = structlog.get_logger("worker")


class FigureWork:
    """Makes figures as they are due, and what pages asked for at once; one worker at a time."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._asked_for: Month | None = None
        self._next_look = datetime.min.replace(tzinfo=UTC)

    def do(self) -> int:
        """Returns how many pictures and lists were made or asked for."""
        maalem, now = self._runtime, self._runtime.clock()
        # The lock is let go with this transaction, if the worker is killed too.
        with operation(maalem.database, now, "worker") as turn:
            lock = select(func.pg_try_advisory_xact_lock(_LOCK_NUMBER))
            if not turn.connection.execute(lock).scalar():
                return 0
            self._make_due_months(now)
            asked = write_asked_reports(
                maalem.database, maalem.figures_database, now, ProgressTeller(maalem.redis)
            )
            return asked + self._draw(now) + self._prepare_public_page(now)

    def _make_due_months(self, now: datetime) -> None:
        maalem = self._runtime
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_EVERY
        with reading(maalem.database) as connection:
            due = list_due_months(connection, now)
        for month in due:
            try:
                count = make_month(maalem.database, maalem.figure_books, month, now)
            except PricesWrong as error:
                _log.error("figures_not_made", month=str(month), why=str(error))
            else:
                _log.info("figures_made", month=str(month), count=count)

    def _draw(self, now: datetime) -> int:
        try:
            return draw_asked_pictures(self._runtime.database, now)
        except DrawingFailed as error:
            _log.error("pictures_not_drawn", why=str(error))
            return 0

    def _prepare_public_page(self, now: datetime) -> int:
        """Writes the public files and has the newest month's pictures drawn before anybody asks.

        Returns how many pictures there are, once for a month.
        """
        maalem = self._runtime
        with reading(maalem.database) as connection:
            newest = next(iter(list_published_months(connection)), None)
            if newest is None or newest == self._asked_for:
                return 0
            figures = list(list_figures(connection, months=[newest], cuts=PICTURE_CUTS))
        pictures: list[Picture] = []
        for language in maalem.office_words.languages:
            words = PictureWords(maalem.office_words, language)
            pictures += make_pictures(figures, newest, words)
        for file_format in FILE_FORMATS:
            read_public_file(maalem.redis, maalem.figures_database, file_format)
        with operation(maalem.database, now, "worker") as change:
            ask_for_pictures(change.connection, pictures, now)
        self._asked_for = newest
        return len(pictures)
