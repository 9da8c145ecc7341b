"""What is done by the clock: codes expire, reports are given up, what is old is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, text

from app.base.database import transaction
from app.base.operation import Operation
from app.messaging.reports import apply_missed_reports, time_out_reports
from app.messaging.retention import forget_bodies
from app.observe.hops import FORGOTTEN_AT_ONCE, forget_hops, store_hops
from app.payments.codes import expire_codes
from app.runtime import Runtime

_EACH_MINUTE, _EACH_HOUR = 60.0, 3600.0
_BODIES_AT_ONCE = 1000
# The most of each at once; as many done means that there are more.
_REPORTS_AT_ONCE = 10_000
_log = structlog.get_logger("worker")
_Task = Callable[[Connection, datetime], int]


class Keeping:
    """One process: each task when its time has come, and again at once if more is left."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        # What it is called, how often, how many at once, and what does it.
        self._tasks: tuple[tuple[str, float, int, _Task], ...] = (
            ("codes_expired", _EACH_MINUTE, 0, expire_codes),
            ("reports_missed", _EACH_MINUTE, 0, self._apply_missed),
            ("reports_timed_out", _EACH_HOUR, _REPORTS_AT_ONCE, self._time_out_reports),
            ("hops_forgotten", _EACH_HOUR, FORGOTTEN_AT_ONCE, self._forget_hops),
            ("bodies_forgotten", _EACH_HOUR, _BODIES_AT_ONCE, self._forget_bodies),
        )
        self._done_at = dict.fromkeys((name for name, *_ in self._tasks), 0.0)

    def do(self) -> int:
        """Stores what talks left, and does what is due; always 0: nobody is in a hurry."""
        store_hops(self._runtime.database, self._runtime.redis)
        for name, every, most, task in self._tasks:
            now = self._runtime.clock()
            if now.timestamp() - self._done_at[name] >= every:
                self._run(name, most, task, now)
        return 0

    def _run(self, name: str, most: int, task: _Task, now: datetime) -> None:
        with transaction(self._runtime.database) as connection:
            connection.execute(text("SET LOCAL statement_timeout = '30s'"))
            done = task(connection, now)
        more = most and done >= most
        self._done_at[name] = 0.0 if more else now.timestamp()
        if done:
            _log.info(name, count=done)

    def _apply_missed(self, connection: Connection, now: datetime) -> int:
        names = self._runtime.settings.sms_providers
        return apply_missed_reports(Operation(connection, now, "worker"), names)

    def _time_out_reports(self, connection: Connection, now: datetime) -> int:
        return time_out_reports(Operation(connection, now, "worker"))

    def _forget_hops(self, connection: Connection, now: datetime) -> int:
        days = timedelta(days=self._runtime.settings.keep_talks_days)
        return forget_hops(connection, now - days)

    def _forget_bodies(self, connection: Connection, now: datetime) -> int:
        days = timedelta(days=self._runtime.settings.keep_bodies_days)
        return forget_bodies(connection, now - days, _BODIES_AT_ONCE)
