"""Limits every wait for PostgreSQL to the time a person on the phone would wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from time import monotonic
from typing import Any, ParamSpec, TypeVar

import psycopg
from psycopg.abc import PQGen

from app.base import waits
from app.base.database import DatabaseConnection, OpenAs
from app.base.errors import Late, Unavailable

P = ParamSpec("P")
R = TypeVar("R")

# A connection that came too late is of use for so long; then its server may be a replica.
_KEPT_SECONDS = 5.0
# Of each piece of work: the moment it must end, and the seconds of each wait, or None.
_ends: ContextVar[float | None] = ContextVar("ends", default=None)
_each: ContextVar[float | None] = ContextVar("each", default=None)


class Deadline:
    """Ends work at its first wait for PostgreSQL past the deadline, `seconds` after the work began.

    A server that hangs does not apply its own statement timeout. The server may still finish work
    that ended here, so the work must be safe to repeat.
    """

    def __init__(self, seconds: float, threads: int) -> None:
        self._seconds = seconds
        self._connecting = ThreadPoolExecutor(threads, thread_name_prefix="connecting")
        # Connections that came too late for who asked for them, for who asks next.
        self._late: deque[tuple[float, psycopg.Connection[Any]]] = deque(maxlen=threads)

    def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Returns the result of `work`, which begins now. Raises: Late, Unavailable."""
        return self.run_since(monotonic(), work, *args, **kwargs)

    def run_since(self, began: float, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Returns the result of `work`. `began` is in seconds of the monotonic clock.

        Raises: Late if the result comes after the deadline, Unavailable.
        """
        return self.run_until(began + self._seconds, work, *args, **kwargs)

    def run_until(self, ends: float, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Returns the result of `work`. `ends` is in seconds of the monotonic clock.

        A wait cut short is the driver's OperationalError; base.database makes it Unavailable.

        Raises: Late if the result comes after `ends`, Unavailable.
        """
        _ends.set(ends)
        try:
            result = _run_again_if_dropped(work, *args, **kwargs)
        except Unavailable as error:
            if monotonic() >= ends:
                raise Late(what=error.params.get("what")) from error
            raise
        finally:
            _ends.set(None)
        if monotonic() > ends:
            raise Late(what="action")
        return result

    def limit_each_wait(self, seconds: float = 0) -> None:
        """Limits each wait of this thread to the deadline's seconds, or more, until `lift_limit`.

        Pages need this, because their own work, such as comparing a PIN, may take longer.
        """
        _each.set(max(self._seconds, seconds))

    def lift_limit(self) -> None:
        _each.set(None)

    def open(self, open_as: OpenAs) -> psycopg.Connection[Any]:
        """Opens a connection that keeps to the deadline, for `base.database.connect`.

        In a thread of its own, because the driver waits for at least 2 s.
        """
        with suppress(IndexError):
            while True:
                at, late = self._late.popleft()
                if not late.closed and monotonic() < at + _KEPT_SECONDS:
                    return late
                late.close()
        opening = self._connecting.submit(open_as, _Connection)
        try:
            return waits.wait_for(opening, _seconds_left())
        except TimeoutError:
            if not opening.cancel():
                opening.add_done_callback(self._keep_late)
            raise psycopg.OperationalError("too late to connect") from None

    def _keep_late(self, opening: Future[psycopg.Connection[Any]]) -> None:
        """Keeps a connection: where a host is gone, each takes longer than a person waits."""
        if not opening.exception():
            self._late.append((monotonic(), opening.result()))


def _run_again_if_dropped(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs `work`, and again if its pooled connection was dead, as after PostgreSQL's restart."""
    try:
        return work(*args, **kwargs)
    except Unavailable as error:
        if not error.params.get("dropped"):
            raise
    return work(*args, **kwargs)


class _Connection(DatabaseConnection):
    _incoming: waits.Incoming | None = None

    def __del__(self, *_warn: object) -> None:
        """Ends one that came too late and that nobody came for: that is no mistake of ours."""
        if hasattr(self, "pgconn"):
            self.close()

    def wait(self, gen: PQGen[R], interval: float = 0.1, timeout: float | None = None) -> R:
        try:
            seconds = _seconds_left() if timeout is None else timeout
            if waits.find_lane():
                return self._wait_in_lane(gen, seconds)
            return super().wait(gen, interval, seconds)
        except psycopg.OperationalError as error:
            if error.sqlstate is None:
                # The error is not the server's: its answer may still come, and must not be read as
                # the answer to the next statement.
                self.close()
            raise

    def _wait_in_lane(self, gen: PQGen[R], seconds: float | None) -> R:
        if self._incoming is None:
            self._incoming = waits.Incoming(self.pgconn.socket)
        try:
            return self._incoming.wait_for_driver(gen, seconds)
        except TimeoutError:
            raise psycopg.OperationalError("no answer in time") from None


def _seconds_left() -> float | None:
    if (ends := _ends.get()) is not None:
        return max(0.0, ends - monotonic())
    return _each.get()
