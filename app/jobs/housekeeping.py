"""Tasks done by the clock: codes expire, reports time out, old data is deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import text

from app.agents.locks import forget_locks
from app.agents.sessions import forget_sessions
from app.audit.months import prepare_audit_months
from app.base.database import take_time
from app.base.operation import Operation, operation
from app.enrolment.registry_imports import forget_imports
from app.figures.picture_queue import forget_pictures
from app.figures.reports import forget_reports
from app.messaging.reports import apply_missed_reports, time_out_reports
from app.messaging.retention import forget_bodies
from app.observe.funnel import sum_funnel_days
from app.observe.hops import (
    FORGOTTEN_AT_ONCE,
    STORED_AT_ONCE,
    forget_hops,
    prepare_hop_days,
    store_hops,
)
from app.office.forms import forget_forms
from app.office.sessions import forget_office_sessions
from app.office.sign_in import forget_unknown_names
from app.payments.codes import expire_codes
from app.payments.payers import forget_looks
from app.people.presences import forget_presences
from app.runtime import Runtime

_EACH_MINUTE, _EACH_HOUR = 60.0, 3600.0
_BODIES_AT_ONCE = 1000
_REPORTS_AT_ONCE = 10_000
_LOOKS_AT_ONCE = 10_000
_log = structlog.get_logger("worker")


@dataclass(frozen=True, slots=True)
class HousekeepingTask:
    """A task that is due every `seconds`; `run` returns how much it did, logged as `event`.

    `at_once` is the most it does in one run; a run that did as much is followed by another. 0 means
    no limit.
    """

    event: str
    seconds: float
    run: Callable[[Operation], int]
    at_once: int = 0


class Housekeeping:
    """Runs each task when it is due, and again at once if more is left."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._tasks = (
            HousekeepingTask("codes_expired", _EACH_MINUTE, self._expire_codes),
            HousekeepingTask("reports_missed", _EACH_MINUTE, self._apply_missed_reports),
            HousekeepingTask("reports_timed_out", _EACH_HOUR, time_out_reports, _REPORTS_AT_ONCE),
            HousekeepingTask("hop_days_made", _EACH_HOUR, prepare_hop_days),
            HousekeepingTask("audit_months_made", _EACH_HOUR, prepare_audit_months),
            # Before the hops of old days are dropped.
            HousekeepingTask("funnel_days_summed", _EACH_HOUR, self._sum_funnel_days),
            HousekeepingTask("hops_forgotten", _EACH_HOUR, self._forget_hops, FORGOTTEN_AT_ONCE),
            HousekeepingTask("imports_forgotten", _EACH_HOUR, self._forget_imports),
            HousekeepingTask("agent_locks_forgotten", _EACH_HOUR, forget_locks),
            HousekeepingTask("agent_sessions_forgotten", _EACH_HOUR, forget_sessions),
            HousekeepingTask("looks_forgotten", _EACH_HOUR, self._forget_looks, _LOOKS_AT_ONCE),
            HousekeepingTask("office_sessions_forgotten", _EACH_HOUR, forget_office_sessions),
            HousekeepingTask("unknown_names_forgotten", _EACH_HOUR, forget_unknown_names),
            HousekeepingTask("office_forms_forgotten", _EACH_HOUR, forget_forms),
            HousekeepingTask("pictures_forgotten", _EACH_HOUR, forget_pictures),
            HousekeepingTask("lists_forgotten", _EACH_HOUR, forget_reports),
            HousekeepingTask("presences_forgotten", _EACH_HOUR, forget_presences),
            HousekeepingTask("bodies_forgotten", _EACH_HOUR, self._forget_bodies, _BODIES_AT_ONCE),
        )
        self._last_run = dict.fromkeys((task.event for task in self._tasks), 0.0)

    def do(self) -> int:
        """Stores hops that sessions left, and runs the tasks that are due.

        Returns the number of hops if more may wait; else 0, so that its loop waits.
        """
        stored = store_hops(self._runtime.database, self._runtime.redis)
        for task in self._tasks:
            if self._runtime.clock().timestamp() - self._last_run[task.event] >= task.seconds:
                self._run(task)
        return stored if stored >= STORED_AT_ONCE else 0

    def _run(self, task: HousekeepingTask) -> None:
        now = self._runtime.clock()
        with operation(self._runtime.database, now, "worker") as change:
            change.connection.execute(text("SET LOCAL statement_timeout = '30s'"))
            count = task.run(change)
        more = task.at_once and count >= task.at_once
        self._last_run[task.event] = 0.0 if more else now.timestamp()
        if count:
            _log.info(task.event, count=count)

    def _expire_codes(self, operation: Operation) -> int:
        return expire_codes(operation.connection, operation.now)

    def _apply_missed_reports(self, operation: Operation) -> int:
        return apply_missed_reports(operation, self._runtime.settings.sms_providers)

    def _forget_imports(self, operation: Operation) -> int:
        days = timedelta(days=self._runtime.settings.keep_imports_days)
        return forget_imports(operation, days)

    def _sum_funnel_days(self, operation: Operation) -> int:
        take_time(operation.connection)
        since = operation.now - timedelta(days=self._runtime.settings.keep_talks_days)
        return sum_funnel_days(operation, since, self._runtime.ussd.menu.answers)

    def _forget_hops(self, operation: Operation) -> int:
        days = timedelta(days=self._runtime.settings.keep_talks_days)
        return forget_hops(operation, operation.now - days)

    def _forget_looks(self, operation: Operation) -> int:
        return forget_looks(operation, _LOOKS_AT_ONCE)

    def _forget_bodies(self, operation: Operation) -> int:
        days = timedelta(days=self._runtime.settings.keep_bodies_days)
        return forget_bodies(operation, operation.now - days, _BODIES_AT_ONCE)
