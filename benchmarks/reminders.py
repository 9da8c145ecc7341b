"""P7: reminders for a whole register that owes, written down at once, and made messages of."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text

from app.base.database import transaction
from app.base.months import Month
from app.contributions.rules import due_on
from app.reminders.dispatch import Preparing
from app.reminders.rules import occasion_of
from app.reminders.service import plan_reminders, queue_reminders
from app.runtime import Runtime
from app.settings import Settings
from benchmarks.findings import Finding
from benchmarks.stage import Stage, run

_PREPARED = 300


def measure(stage: Stage) -> list[Finding]:
    """Every artisan of the register owes here; each run has a month of its own."""
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
        Finding("P7", f"{what}: queued again, none", "s", [one["repeating"] for one in runs]),
        Finding("P7", f"{what}: most memory", "MB", [one["peak_mb"] for one in runs], at_most=200),
        Finding(
            "-", "reminders made messages, codes with them", "/s", [one["rate"] for one in runs]
        ),
    ]


_ALL_OWE = """
    UPDATE artisan SET category = 'A', enrolled_on = coalesce(enrolled_on, '2024-01-01'),
        rights_until = NULL
"""


def _queue(ahead: int) -> None:
    """What the process of a run does, and says: its times, and the most memory it ever had."""
    clock = _At(datetime.now(UTC))
    runtime = Runtime(Settings(), clock=clock)
    day = _day_of_week_step(runtime, ahead)
    clock.now = runtime.reminding.calendar.opens(day) + timedelta(minutes=1)
    began = time.perf_counter()
    planned = _decide(runtime, plan_reminders, day)
    planning, began = time.perf_counter() - began, time.perf_counter()
    queued = _decide(runtime, queue_reminders, day)
    seconds, began = time.perf_counter() - began, time.perf_counter()
    again = _decide(runtime, queue_reminders, day)
    repeating = time.perf_counter() - began
    assert planned == queued
    # Before the messages: theirs is another budget.
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    told = {
        "queued": queued,
        "again": again,
        "planning": planning,
        "seconds": seconds,
        "repeating": repeating,
        "peak_mb": peak_mb,
        "rate": _prepare(runtime),
    }
    print(json.dumps(told))


class _At:
    """A clock that stands."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def _day_of_week_step(runtime: Runtime, ahead: int) -> date:
    month = Month.of(runtime.clock().date()) + 1 + ahead
    found = occasion_of(runtime.reminding.calendar, "week", month)
    assert found and found.deadline == due_on(month)
    return found.opens_at.date()


def _decide(runtime: Runtime, decide: object, day: date) -> int:
    with transaction(runtime.database) as connection:
        planned = decide(connection, runtime.reminding, day, runtime.clock())  # type: ignore[operator]
    return sum(one.queued for one in planned)


def _prepare(runtime: Runtime) -> float:
    means = replace(runtime.reminding, providers=("africastalking",))
    preparing = Preparing(runtime.database, means, runtime.clock, backlog=1_000_000)
    # The month before is over by then: that it is noted is not what is measured.
    preparing.prepare(0)
    began = time.perf_counter()
    assert preparing.prepare(_PREPARED) == _PREPARED
    return _PREPARED / (time.perf_counter() - began)


if __name__ == "__main__":
    _queue(int(sys.argv[1]))
