"""Makes figures, pictures and long lists, beside all other work of the worker."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import text

from app.base.clock import local_date
from app.base.database import reading
from app.base.months import Month
from app.base.operation import operation
from app.figures.drawing import DrawingFailed
from app.figures.picture_queue import ask_for_pictures, draw_asked_pictures, forget_pictures
from app.figures.pictures import Picture, PictureWords, make_pictures
from app.figures.public_files import PUBLIC_FILES, read_public_file
from app.figures.queries import PICTURE_CUTS, list_figures, list_published_months
from app.figures.reports import forget_reports, write_asked_reports
from app.figures.service import make_month
from app.messaging.errors import PricesWrong
from app.runtime import Runtime

# The running month's figures are made so often, by one worker for all: the last time of a month is
# on the evening of its last day.
_MAKING_SECONDS = 6 * 3600
_MADE = "figures:made"
_log = structlog.get_logger("worker")


class FigureWork:
    """Makes the running month's figures four times a day, and what pages asked for at once."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._asked_for: Month | None = None

    def do(self) -> int:
        """Returns how many pictures and lists were made."""
        now = self._runtime.clock()
        if self._runtime.redis.set(_MADE, 1, nx=True, ex=_MAKING_SECONDS):
            self._make(now)
        self._prepare_public_page(now)
        return self._draw(now) + write_asked_reports(
            self._runtime.database, self._runtime.figures_database, now
        )

    def _make(self, now: datetime) -> None:
        month = Month.of(local_date(now))
        try:
            count = make_month(self._runtime.database, self._runtime.figure_books, month, now)
        except PricesWrong as error:
            _log.error("figures_not_made", month=str(month), why=str(error))
            return
        with operation(self._runtime.database, now, "worker") as change:
            change.connection.execute(text("SET LOCAL statement_timeout = '30s'"))
            forgotten = forget_pictures(change.connection, now) + forget_reports(
                change.connection, now
            )
        _log.info("figures_made", month=str(month), count=count, forgotten=forgotten)

    def _draw(self, now: datetime) -> int:
        try:
            return draw_asked_pictures(self._runtime.database, now)
        except DrawingFailed as error:
            _log.error("pictures_not_drawn", why=str(error))
            return 0

    def _prepare_public_page(self, now: datetime) -> None:
        """Writes the public files and has the newest month's pictures drawn before anybody asks."""
        maalem = self._runtime
        with reading(maalem.database) as connection:
            newest = next(iter(list_published_months(connection)), None)
            if newest is None or newest == self._asked_for:
                return
            figures = list(list_figures(connection, months=[newest], cuts=PICTURE_CUTS))
        pictures: list[Picture] = []
        for language in maalem.office_words.languages:
            words = PictureWords(maalem.office_words, language)
            pictures += make_pictures(figures, newest, words)
        for kind in PUBLIC_FILES:
            read_public_file(maalem.redis, maalem.figures_database, kind)
        with operation(maalem.database, now, "worker") as change:
            ask_for_pictures(change.connection, pictures, now)
        self._asked_for = newest
