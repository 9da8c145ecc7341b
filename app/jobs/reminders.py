"""The worker's part of telling many: each day's reminders queued once, then made messages of."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import structlog
from sqlalchemy import func, select

from app.base.clock import local_date
from app.base.database import transaction
from app.base.errors import Unavailable
from app.reminders.preparing import Preparing
from app.reminders.rules import occasions_on
from app.reminders.service import queue_reminders
from app.runtime import Runtime

_QUEUE_EVERY_SECONDS = 600
# So many between two looks at whether the worker stops.
_AT_ONCE = 50
# When nobody waits, the next look is so much later.
_IDLE_SECONDS = 5
# One of several workers queues; the others leave it to that one.
_ONE_AT_A_TIME = int.from_bytes(b"reminder", "big")
_log = structlog.get_logger("reminders")


class ReminderWork:
    """In a thread of its own: queueing 360,000 takes seconds, and receipts must not wait for it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reminders")
        self._preparing = Preparing(runtime.database, runtime.reminding, runtime.clock)
        self._at_work: Future[int] | None = None
        self._queued_at = self._idle_since = 0.0

    def do(self) -> int:
        """Starts the next piece of work unless one is under way; how many messages the last made.

        Unavailable is raised here, to the worker's loop.
        """
        if self.under_way:
            return 0
        done, self._at_work = self._at_work, None
        made = self._made(done) if done else 0
        now = self._runtime.clock().timestamp()
        if done and not made:
            self._idle_since = now
        if now - self._idle_since >= _IDLE_SECONDS:
            self._at_work = self._thread.submit(self.work)
        return made

    @property
    def under_way(self) -> bool:
        return self._at_work is not None and not self._at_work.done()

    def stop(self) -> None:
        """Waits for what is under way: a few dozen messages, or the day's queueing."""
        self._thread.shutdown(wait=True)

    def _made(self, done: Future[int]) -> int:
        """Whatever went wrong is logged and tried again: messages of other kinds must go on."""
        try:
            return done.result()
        except Unavailable:
            raise
        except Exception:
            _log.exception("preparing_failed")
            return 0

    def work(self) -> int:
        """Queues what the day brings, now and then; then makes some messages: how many."""
        now = self._runtime.clock().timestamp()
        if now - self._queued_at >= _QUEUE_EVERY_SECONDS:
            self.queue_today()
            self._queued_at = now
        return self._preparing.prepare(_AT_ONCE)

    def queue_today(self) -> int:
        """The reminders of today that nobody queued yet; how many."""
        runtime, now = self._runtime, self._runtime.clock()
        today = local_date(now)
        if not runtime.settings.reminders_automatic:
            return 0
        if not occasions_on(runtime.reminding.calendar, today):
            return 0
        with transaction(runtime.database) as connection:
            lock = select(func.pg_try_advisory_xact_lock(_ONE_AT_A_TIME))
            if not connection.execute(lock).scalar():
                return 0
            queued = queue_reminders(connection, runtime.reminding, today, now)
        for one in queued:
            if one.queued:
                _log.info("reminders_queued", campaign=one.occasion.name, count=one.queued)
        return sum(one.queued for one in queued)
