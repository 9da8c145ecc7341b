"""The worker: all work without a caller, in loops side by side, until it is asked to stop."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event
from types import FrameType

from redis.exceptions import RedisError

from app.audit.sealing import Sealer
from app.base.errors import Unavailable
from app.base.operation import operation
from app.jobs.api import ApiWork
from app.jobs.backup import BackupWork
from app.jobs.deferred_actions import answer_deferred_actions
from app.jobs.figures import FigureWork
from app.jobs.housekeeping import Housekeeping
from app.jobs.loops import Loop
from app.jobs.office import OfficeWork
from app.jobs.outages import OutageWatch
from app.jobs.reminders import ReminderWork
from app.jobs.sending import Sender
from app.observe.workers import BEAT_SECONDS, beat, keep_turns, leave
from app.publishing.following import LOOK_SECONDS
from app.reminders.service import cancel_settled
from app.runtime import Runtime

# A reminder may be some seconds late.
_REMINDING_IDLE_SECONDS = 5.0
# Longer than any honest work of a loop: queueing a month's reminders takes minutes.
_STUCK_SECONDS = 900.0
# Who gave a large file looks for it again in some seconds.
_OFFICE_IDLE_SECONDS = 2.0
# A restore is rehearsed once a week.
_REHEARSING_IDLE_SECONDS = 60.0
# A seal for each row, where rows are few, would be larger than they.
_SEALING_IDLE_SECONDS = 10.0


# A server that hangs keeps to no limit of its own: receipts and answers go on with the next one.
_HANGS_SECONDS = 60.0
# Two looks say that an engine is away.
_WATCHING_IDLE_SECONDS = 5.0
# Who asked for a picture or a list looks again after some seconds.
_FIGURES_IDLE_SECONDS = 2.0


class Worker:
    """Runs all loops of this process; several processes may run beside each other."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._api = ApiWork(runtime)
        self._sender = Sender(runtime, runtime.sms_providers, cancel_settled)
        self._reminders = ReminderWork(runtime)
        self._housekeeping = Housekeeping(runtime)
        self._figures = FigureWork(runtime)
        self._sealer = Sealer()
        self._office = OfficeWork(runtime)
        self._outages = OutageWatch(runtime)
        self.stopping = Event()
        self._name = f"{socket.gethostname()}-{os.getpid()}"

    def run(self) -> None:
        """Runs until `stopping` is set; then finishes what is on its way and begins nothing new."""
        self._open_engines()
        loops = [
            Loop("sending", self._send, self.stopping),
            Loop("answering", self._answer, self.stopping),
            Loop("reminding", self._reminders.do, self.stopping, idle=_REMINDING_IDLE_SECONDS),
            Loop("housekeeping", self._housekeeping.do, self.stopping),
            Loop("figures", self._figures.do, self.stopping, idle=_FIGURES_IDLE_SECONDS),
            Loop("office", self._office.do, self.stopping, idle=_OFFICE_IDLE_SECONDS),
            Loop("watching", self._outages.do, self.stopping, idle=_WATCHING_IDLE_SECONDS),
            Loop("menus", self._follow_menus, self.stopping, idle=LOOK_SECONDS),
            Loop("checking", self._office.check_menus, self.stopping, idle=_OFFICE_IDLE_SECONDS),
            Loop("sealing", self._seal, self.stopping, idle=_SEALING_IDLE_SECONDS),
        ]
        # As long as a restore takes, which may be longer than a loop that is stuck.
        rehearsing = Loop(
            "rehearsing",
            BackupWork(self._runtime, self.stopping).do,
            self.stopping,
            idle=_REHEARSING_IDLE_SECONDS,
        )
        beating = Loop("beating", lambda: self._beat(loops), self.stopping, idle=BEAT_SECONDS)
        for loop in (*loops, rehearsing, beating):
            loop.start()
        for loop in (*loops, rehearsing, beating):
            loop.join()
        self._sender.stop()
        self._api.stop()
        with suppress(RedisError):
            leave(self._runtime.redis, self._name)

    def _beat(self, loops: list[Loop]) -> int:
        """Says that this worker lives, unless a loop is stuck. Returns 0: its loop waits then."""
        now = self._runtime.clock()
        ago = {loop.name: loop.seconds_since_turn() for loop in loops}
        turns = {name: now - timedelta(seconds=s) for name, s in ago.items() if s is not None}
        with suppress(RedisError):
            keep_turns(self._runtime.redis, turns)
        if not any(loop.is_stuck(_STUCK_SECONDS) for loop in loops):
            with suppress(RedisError):  # the loops log that it is away
                beat(self._runtime.redis, self._name, now)
        return 0

    def _open_engines(self) -> None:
        """Makes the engines and services in one thread, before many threads use them."""
        runtime = self._runtime
        _ = runtime.database, runtime.words, runtime.patient_services
        with suppress(Unavailable):  # the loop shows what is live once it is there
            runtime.follow_menus()
        _ = runtime.reminder_settings, runtime.figure_books, runtime.office_words
        with suppress(RedisError):  # the loops log that it is away, and go on once it is there
            _ = runtime.redis, runtime.deferred_actions, runtime.limiter

    def _answer(self) -> int:
        self._runtime.deadline.limit_each_wait(_HANGS_SECONDS)
        return answer_deferred_actions(self._runtime, self._name) + self._api.do()

    def _follow_menus(self) -> int:
        self._runtime.follow_menus()
        return 0

    def _seal(self) -> int:
        with operation(self._runtime.database, self._runtime.clock(), "worker") as change:
            return self._sealer.seal(change)

    def _send(self) -> int:
        """Sends; messages to many go within their hours alone, whenever they were queued."""
        runtime = self._runtime
        runtime.deadline.limit_each_wait(_HANGS_SECONDS)
        return self._sender.do(
            campaigns=runtime.reminder_settings.calendar.is_open(runtime.clock())
        )


@contextmanager
def stopping_on_signals(worker: Worker) -> Iterator[None]:
    """Makes SIGTERM and Ctrl-C ask the worker to finish and stop, inside the block."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
