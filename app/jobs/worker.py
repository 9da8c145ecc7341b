"""The worker: all that is done without a caller, in loops side by side, until told to stop."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from types import FrameType

import structlog

from app.base.database import transaction
from app.jobs.api import ApiWork
from app.jobs.lanes import Lane
from app.jobs.late import answer_late_actions
from app.jobs.sending import Sender
from app.observe.hops import FORGOTTEN_AT_ONCE, forget_hops, store_hops
from app.payments.service import expire_codes
from app.runtime import Runtime

_EXPIRE_EVERY_SECONDS = 60
_FORGET_EVERY_SECONDS = 3600
_log = structlog.get_logger("worker")


class Worker:
    """One process's work; several may run beside each other."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._api = ApiWork(runtime)
        self._sender = Sender(runtime, runtime.sms_providers)
        self.stopping = Event()
        self._expired_at = self._forgot_at = 0.0
        self._name = f"{socket.gethostname()}-{os.getpid()}"

    def run(self) -> None:
        """Until `stopping` is set: then what is on its way is finished, and nothing new begun."""
        self._open_engines()
        lanes = [
            Lane("sending", self._sender.do, self.stopping),
            Lane("answering", self._answer, self.stopping),
            Lane("keeping", self._keep, self.stopping),
        ]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        self._sender.stop()
        self._api.stop()

    def _open_engines(self) -> None:
        """Made by one thread, before many ask for them."""
        maalem = self._runtime
        _ = maalem.database, maalem.redis, maalem.words, maalem.patient_desk, maalem.late_actions

    def _answer(self) -> int:
        return answer_late_actions(self._runtime, self._name) + self._api.do()

    def _keep(self) -> int:
        self._expire()
        self._keep_hops()
        return 0

    def _expire(self) -> None:
        now = self._runtime.clock()
        if now.timestamp() - self._expired_at < _EXPIRE_EVERY_SECONDS:
            return
        with transaction(self._runtime.database) as connection:
            expired = expire_codes(connection, now)
        self._expired_at = now.timestamp()
        if expired:
            _log.info("codes_expired", count=expired)

    def _keep_hops(self) -> None:
        """Stores what talks left; once a while forgets what is older than it may be kept."""
        maalem, now = self._runtime, self._runtime.clock()
        store_hops(maalem.database, maalem.redis)
        if now.timestamp() - self._forgot_at < _FORGET_EVERY_SECONDS:
            return
        oldest = now - timedelta(days=maalem.settings.keep_talks_days)
        with transaction(maalem.database) as connection:
            forgotten = forget_hops(connection, oldest)
        # As many as may be forgotten at once: there are more.
        self._forgot_at = 0.0 if forgotten >= FORGOTTEN_AT_ONCE else now.timestamp()


@contextmanager
def stopping_on_signals(worker: Worker) -> Iterator[None]:
    """SIGTERM and Ctrl-C ask the worker to finish and stop."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
