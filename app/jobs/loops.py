"""Loops of a worker, each in a thread of its own: what is slow in one keeps no other waiting."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import structlog

from app.base.errors import Unavailable

_IDLE_SECONDS = 0.5
_AWAY_SECONDS = 2.0
_log = structlog.get_logger("worker")


class Lane:
    """Does `work` again and again until `stopping`; work gives how much there was to do."""

    def __init__(
        self, name: str, work: Callable[[], int], stopping: Event, *, idle: float = _IDLE_SECONDS
    ) -> None:
        self._name, self._work, self._stopping, self._idle = name, work, stopping, idle
        self._thread = Thread(target=self.run, name=name)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def run(self) -> None:
        """What is wrong is told and waited for; only `stopping` ends it."""
        while not self._stopping.is_set():
            try:
                done = self._work()
            except Unavailable as error:
                _log.error("away", lane=self._name, what=error.params.get("what"))
                self._stopping.wait(_AWAY_SECONDS)
                continue
            except Exception:
                _log.exception("failed", lane=self._name)
                self._stopping.wait(_AWAY_SECONDS)
                continue
            if not done:
                self._stopping.wait(self._idle)
