"""The worker's part of messages to many: queues each day's reminders once, then dispatches them."""

from __future__ import annotations

import structlog
from sqlalchemy import func, select

from app.base.clock import local_date
from app.base.operation import operation
from app.reminders.dispatch import CampaignDispatcher
from app.reminders.rules import occasions_on
from app.reminders.service import queue_reminders
from app.runtime import Runtime

_QUEUE_EVERY_SECONDS = 600
# The most messages between two checks if the worker is to stop.
_AT_ONCE = 1000
# The lock that lets one of several workers queue.
_LOCK_NUMBER = int.from_bytes(b"reminder", "big")
_log = structlog.get_logger("reminders")


class ReminderWork:
    """Runs in a loop of its own: queueing 360,000 takes seconds, and receipts must not wait."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._queued_at = 0.0
        self._dispatcher: CampaignDispatcher | None = None

    def do(self) -> int:
        """Queues the day's reminders now and then, and dispatches some; returns how many."""
        runtime, now = self._runtime, self._runtime.clock().timestamp()
        if now - self._queued_at >= _QUEUE_EVERY_SECONDS:
            self.queue_today()
            self._queued_at = now
        if self._dispatcher is None:
            settings = runtime.reminder_settings
            self._dispatcher = CampaignDispatcher(runtime.services, settings, runtime.clock)
        return self._dispatcher.dispatch(_AT_ONCE)

    def queue_today(self) -> int:
        """Queues today's reminders that nobody queued yet; returns how many."""
        runtime, now = self._runtime, self._runtime.clock()
        settings, today = runtime.reminder_settings, local_date(now)
        if not runtime.settings.reminders_by_worker:
            return 0
        if not occasions_on(settings.calendar, today):
            return 0
        with operation(runtime.database, now, "worker") as change:
            lock = select(func.pg_try_advisory_xact_lock(_LOCK_NUMBER))
            if not change.connection.execute(lock).scalar():
                return 0
            plans = queue_reminders(change, settings, today)
        for plan in plans:
            if plan.queued:
                _log.info("reminders_queued", campaign=plan.occasion.name, count=plan.queued)
        return sum(plan.queued for plan in plans)
