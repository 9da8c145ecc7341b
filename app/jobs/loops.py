"""A worker's loops, each in a thread of its own, so that a slow loop delays no other."""

from __future__ import annotations

import time
from collections.abc import Callable
from secrets import token_hex
from threading import Event, Thread

import structlog

from app.base.database import name_cause
from app.base.errors import Unavailable
from app.base.spans import note, trace

_IDLE_SECONDS = 0.5
_AWAY_SECONDS = 2.0
_log = structlog.get_logger("worker")


class Loop:
    """Calls `work` again and again until `stopping` is set.

    `work` returns how much it did; after 0 the loop waits `idle` seconds.
    """

    def __init__(
        self, name: str, work: Callable[[], int], stopping: Event, *, idle: float = _IDLE_SECONDS
    ) -> None:
        self.name = name
        self._work, self._stopping, self._idle = work, stopping, idle
        self._thread = Thread(target=self.run, name=name)
        self._began = time.monotonic()
        self._ended: float | None = None

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def is_stuck(self, seconds: float) -> bool:
        """True if the work that is going on began more than `seconds` ago, or the thread ended."""
        return not self._thread.is_alive() or time.monotonic() - self._began > seconds

    def seconds_since_turn(self) -> float | None:
        """Returns how long ago a turn last came to its end without an error; None before one."""
        return None if self._ended is None else time.monotonic() - self._ended

    def run(self) -> None:
        """Runs until `stopping` is set. Errors are logged and retried after 2 s."""
        while not self._stopping.is_set():
            self._began = time.monotonic()
            try:
                with trace("turn", token_hex(8), loop=self.name):
                    count = self._work()
                    note(count=count)
            except Unavailable as error:
                told = {"what": error.params.get("what"), "cause": name_cause(error)}
                _log.error("away", loop=self.name, **told)
                self._stopping.wait(_AWAY_SECONDS)
                continue
            except Exception:
                _log.exception("failed", loop=self.name)
                self._stopping.wait(_AWAY_SECONDS)
                continue
            self._ended = time.monotonic()
            if not count:
                self._stopping.wait(self._idle)
