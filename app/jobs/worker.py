"""The worker: all that is done without a caller, in loops side by side, until told to stop."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

from app.jobs.api import ApiWork
from app.jobs.deferred_actions import answer_late_actions
from app.jobs.housekeeping import Keeping
from app.jobs.loops import Lane
from app.jobs.reminders import ReminderWork
from app.jobs.sending import Sender
from app.reminders.service import cancel_settled
from app.runtime import Runtime

# Nobody waits for a reminder to the second.
_REMINDING_IDLE_SECONDS = 5.0


class Worker:
    """One process's work; several may run beside each other."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._api = ApiWork(runtime)
        self._sender = Sender(runtime, runtime.sms_providers, cancel_settled)
        self._reminders = ReminderWork(runtime)
        self._keeping = Keeping(runtime)
        self.stopping = Event()
        self._name = f"{socket.gethostname()}-{os.getpid()}"

    def run(self) -> None:
        """Until `stopping` is set: then what is on its way is finished, and nothing new begun."""
        self._open_engines()
        lanes = [
            Lane("sending", self._send, self.stopping),
            Lane("answering", self._answer, self.stopping),
            Lane("reminding", self._reminders.do, self.stopping, idle=_REMINDING_IDLE_SECONDS),
            Lane("keeping", self._keeping.do, self.stopping),
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
        _ = (
            maalem.database,
            maalem.redis,
            maalem.words,
            maalem.patient_services,
            maalem.deferred_actions,
        )
        _ = maalem.reminder_settings, maalem.limiter

    def _answer(self) -> int:
        return answer_late_actions(self._runtime, self._name) + self._api.do()

    def _send(self) -> int:
        """Messages to many go within their hours alone, whenever they were made."""
        maalem = self._runtime
        return self._sender.do(campaigns=maalem.reminder_settings.calendar.is_open(maalem.clock()))


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
