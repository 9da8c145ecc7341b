"""The worker's part: queues the day by itself, prepares in a thread of its own, and goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from app.jobs.reminders import ReminderWork
from app.runtime import Runtime
from app.settings import Settings
from tests.reminders.conftest import Reminding


@pytest.fixture
def work(reminding: Reminding) -> Iterator[ReminderWork]:
    one = ReminderWork(reminding.runtime)
    yield one
    one.stop()


def test_a_day_by_itself(work: ReminderWork, reminding: Reminding) -> None:
    reminding.at("2026-11-23T08:00")
    assert work.work() == 0
    assert len(reminding.states()) == 5
    reminding.at("2026-11-23T09:00")
    assert work.work() == 5
    assert work.work() == 0


def test_the_loop_never_waits_for_it(work: ReminderWork, reminding: Reminding) -> None:
    made, deadline = 0, time.monotonic() + 10
    while made < 5 and time.monotonic() < deadline:
        began = time.monotonic()
        made += work.do()
        assert time.monotonic() - began < 0.2
        time.sleep(0.01)
    assert made == 5


def test_a_fault_is_logged_and_the_worker_goes_on(work: ReminderWork, reminding: Reminding) -> None:
    """A table that is not there is nobody's fault here, and messages of other kinds go on."""
    reminding.run("ALTER TABLE campaign RENAME TO elsewhere")
    try:
        work.do()
        deadline = time.monotonic() + 10
        while work.under_way and time.monotonic() < deadline:
            time.sleep(0.01)
        assert work.do() == 0
    finally:
        reminding.run("ALTER TABLE elsewhere RENAME TO campaign")


def test_one_worker_of_several_queues(reminding: Reminding) -> None:
    """While another does, the rest leave it to that one and wait for nothing."""
    work = ReminderWork(reminding.runtime)
    held = int.from_bytes(b"reminder", "big")
    with reminding.runtime.database.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": held})
        with ThreadPoolExecutor(1) as beside:
            assert beside.submit(work.queue_today).result(5) == 0
    assert work.queue_today() == 5
    work.stop()


def test_it_can_be_left_to_the_command(runtime: Runtime, reminding: Reminding) -> None:
    settings = Settings(
        database_url=runtime.settings.database_url,
        redis_url=runtime.settings.redis_url,
        reminders_automatic=False,
    )
    other = Runtime(settings, clock=runtime.clock)
    work = ReminderWork(other)
    try:
        assert work.queue_today() == 0 and reminding.states() == {}
    finally:
        work.stop()
        other.database.dispose()


def test_the_settings_reach_it() -> None:
    settings = Settings(
        sms_day_budget="100.50", sms_campaign_budget="20", reminders_holdout_per_mille=50
    )
    means = Runtime(settings).reminding
    assert (str(means.day_budget), str(means.campaign_budget)) == ("100.50", "20")
    assert means.holdout_per_mille == 50
    assert means.holdout_key not in (settings.secret_key.get_secret_value().encode(), b"")
