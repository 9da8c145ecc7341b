"""P7: reminders for a whole register that owes, written down at once, and made messages of."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text

from app.base.database import take_time, transaction
from app.base.months import Month
from app.base.operation import operation
from app.contributions.rules import due_on
from app.reminders.dispatch import CampaignDispatcher
from app.reminders.rules import occasion_of
from app.reminders.service import plan_reminders, queue_reminders
from app.runtime import Runtime
from app.settings import Settings
from benchmarks.findings import Finding
from benchmarks.stage import Stage, read_peak_mb, run

_DISPATCHED = 5000


def measure(stage: Stage) -> list[Finding]:
    """Measures P7 with every artisan owing; each run has a month of its own."""
    stage.fill()
    with stage.runtime.database.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(_ALL_OWE))
    runs = [
        # The last line: logs may come before it.
        json.loads(
            run("benchmarks.reminders", str(ahead), environment=stage.environment).splitlines()[-1]
        )
        for ahead in range(1 if stage.quick else 2)
    ]
    assert all(one["queued"] == stage.rows and one["again"] == 0 for one in runs), runs
    what = f"reminders for {stage.rows:,} due"
    return [
        Finding("P7", f"{what}, queued", "s", [one["seconds"] for one in runs], at_most=60),
        Finding("P7", f"{what}: dry run", "s", [one["planning"] for one in runs]),
        Finding(
            "P7", f"{what}: queued again, none", "s", [one["repeating"] for one in runs], at_most=60
        ),
        Finding("P7", f"{what}: most memory", "MB", [one["peak_mb"] for one in runs], at_most=200),
        Finding(
            "P7",
            "reminders made messages, codes with them",
            "/s",
            [one["rate"] for one in runs],
            at_least=1000,
        ),
    ]


_ALL_OWE = """
    UPDATE artisan SET category = 'A', enrolled_on = coalesce(enrolled_on, '2024-01-01'),
        rights_until = NULL
"""


def _queue(ahead: int) -> None:
    """Queues reminders in the process of a run; prints its seconds and its peak memory."""
    clock = _StoppedClock(datetime.now(UTC))
    runtime = Runtime(Settings(), clock=clock)
    day = _day_of_week_step(runtime, ahead)
    clock.now = runtime.reminder_settings.calendar.opens(day) + timedelta(minutes=1)
    began = time.perf_counter()
    planned = _plan_day(runtime, day)
    planning, began = time.perf_counter() - began, time.perf_counter()
    queued = _queue_day(runtime, day)
    seconds, began = time.perf_counter() - began, time.perf_counter()
    again = _queue_day(runtime, day)
    repeating = time.perf_counter() - began
    assert planned == queued
    # Before the messages: theirs is another budget.
    peak_mb = read_peak_mb()
    told = {
        "queued": queued,
        "again": again,
        "planning": planning,
        "seconds": seconds,
        "repeating": repeating,
        "peak_mb": peak_mb,
        "rate": _dispatch(runtime),
    }
    print(json.dumps(told))


class _StoppedClock:
    """A clock that stands."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def _day_of_week_step(runtime: Runtime, ahead: int) -> date:
    month = Month.of(runtime.clock().date()) + 1 + ahead
    found = occasion_of(runtime.reminder_settings.calendar, "week", month)
    assert found and found.deadline == due_on(month)
    return found.opens_at.date()


def _plan_day(runtime: Runtime, day: date) -> int:
    now = runtime.clock()
    with transaction(runtime.database) as connection:
        take_time(connection)
        plans = plan_reminders(connection, runtime.reminder_settings, day, now)
    return sum(plan.queued for plan in plans)


def _queue_day(runtime: Runtime, day: date) -> int:
    with operation(runtime.database, runtime.clock(), "worker") as change:
        plans = queue_reminders(change, runtime.reminder_settings, day)
    return sum(plan.queued for plan in plans)


def _dispatch(runtime: Runtime) -> float:
    settings = replace(runtime.reminder_settings, providers=("africastalking",))
    dispatcher = CampaignDispatcher(runtime.services, settings, runtime.clock, backlog=1_000_000)
    # The month before is over by then: that it is noted is not what is measured.
    dispatcher.dispatch(0)
    began = time.perf_counter()
    assert dispatcher.dispatch(_DISPATCHED) == _DISPATCHED
    return _DISPATCHED / (time.perf_counter() - began)


if __name__ == "__main__":
    _queue(int(sys.argv[1]))
