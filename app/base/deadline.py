"""Waits for PostgreSQL no longer than a person on the phone would."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from time import monotonic
from typing import Any, ParamSpec, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Engine, event

from app.base.errors import Late, Unavailable

P = ParamSpec("P")
R = TypeVar("R")

# When the work of this thread has to be over; absent or None: whenever.
_this = threading.local()


class Deadline:
    """Ends what runs under it at a wait for PostgreSQL later than `seconds` after it began.

    A server that stands still answers nothing, not even with a statement's own time limit. What
    is given up may still finish there: it must be safe to ask for again.
    """

    def __init__(self, seconds: float, threads: int) -> None:
        self._seconds = seconds
        self._connecting = ThreadPoolExecutor(threads, thread_name_prefix="connecting")

    def watch(self, engine: Engine) -> None:
        """The connections that `engine` opens from now on keep the deadline."""
        event.listen(engine, "do_connect", self._connect)

    def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Its result, or Late when it takes longer, from now."""
        return self.run_since(monotonic(), work, *args, **kwargs)

    def run_since(self, began: float, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Its result, or Late when it is not there so long after `began` (monotonic seconds).

        A wait cut short is the driver's OperationalError, which base.database tells as Unavailable.
        """
        _this.ends = ends = began + self._seconds
        try:
            result = _again_if_dropped(work, *args, **kwargs)
        except Unavailable as error:
            if monotonic() >= ends:
                raise Late(what=error.params.get("what")) from error
            raise
        finally:
            _this.ends = None
        if monotonic() > ends:
            raise Late(what="action")
        return result

    def limit_each_wait(self) -> None:
        """From now on each wait of this thread is that short, until `lift_limit`.

        For pages: their own work may take longer (a PIN is slow to compare on purpose).
        """
        _this.each = self._seconds

    def lift_limit(self) -> None:
        _this.each = None

    def _connect(
        self, _dialect: object, _record: object, args: tuple[Any, ...], options: dict[str, Any]
    ) -> psycopg.Connection[Any]:
        """A new connection; a thread of its own waits for it, for the driver waits 2 s at least."""
        opening = self._connecting.submit(_Connection.connect, *args, **options)
        try:
            return opening.result(_seconds_left())
        except TooLate:
            if not opening.cancel():
                opening.add_done_callback(_close)
            raise psycopg.OperationalError("too late to connect") from None


def _again_if_dropped(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Once more where the pool's connection was dead: a restart is over when it is over."""
    try:
        return work(*args, **kwargs)
    except Unavailable as error:
        if not error.params.get("dropped"):
            raise
    return work(*args, **kwargs)


class _Connection(psycopg.Connection[Any]):
    def wait(self, gen: PQGen[R], interval: float = 0.1, timeout: float | None = None) -> R:
        try:
            return super().wait(gen, interval, _seconds_left() if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if error.sqlstate is None:
                # Not the server's word: its answer may yet come, and nobody must take it for
                # that to the next statement.
                self.close()
            raise


def _seconds_left() -> float | None:
    ends: float | None = getattr(_this, "ends", None)
    if ends is not None:
        return max(0.0, ends - monotonic())
    each: float | None = getattr(_this, "each", None)
    return each


def _close(opened: Future[_Connection]) -> None:
    """Gives back a connection that came too late."""
    if not opened.exception():
        opened.result().close()
