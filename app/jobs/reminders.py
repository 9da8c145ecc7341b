"""The worker's part of telling many: each day's reminders queued once, then made messages of."""

from __future__ import annotations

import structlog
from sqlalchemy import func, select

from app.base.clock import local_date
from app.base.database import transaction
from app.reminders.dispatch import Preparing
from app.reminders.rules import occasions_on
from app.reminders.service import queue_reminders
from app.runtime import Runtime

_QUEUE_EVERY_SECONDS = 600
# So many between two looks at whether the worker stops.
_AT_ONCE = 50
# One of several workers queues; the others leave it to that one.
_ONE_AT_A_TIME = int.from_bytes(b"reminder", "big")
_log = structlog.get_logger("reminders")


class ReminderWork:
    """A lane of its own: queueing 360,000 takes seconds, and receipts must not wait for it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._queued_at = 0.0
        self._preparing: Preparing | None = None

    def do(self) -> int:
        """Queues what the day brings, now and then; then makes some messages: how many."""
        runtime, now = self._runtime, self._runtime.clock().timestamp()
        if now - self._queued_at >= _QUEUE_EVERY_SECONDS:
            self.queue_today()
            self._queued_at = now
        if self._preparing is None:
            self._preparing = Preparing(runtime.database, runtime.reminding, runtime.clock)
        return self._preparing.prepare(_AT_ONCE)

    def queue_today(self) -> int:
        """The reminders of today that nobody queued yet; how many."""
        runtime, now = self._runtime, self._runtime.clock()
        today = local_date(now)
        if not runtime.settings.reminders_by_worker:
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
