"""The worker's part: queues the day by itself, dispatches in a loop of its own, and goes on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from secrets import token_hex
from threading import Event

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.jobs.loops import Loop
from app.jobs.reminders import ReminderWork
from app.reminders.calendar import SHIPPED
from app.runtime import Runtime
from app.settings import Settings
from tests.reminders.conftest import Campaigns


@pytest.fixture(autouse=True)
def automatic(reminding: Campaigns) -> Iterator[None]:
    runtime = reminding.runtime
    before = runtime.settings
    runtime.settings = before.model_copy(update={"reminders_automatic": True})
    yield
    runtime.settings = before


def test_reminder_work_queues_and_dispatches_a_day(reminding: Campaigns) -> None:
    work = ReminderWork(reminding.runtime)
    reminding.at("2026-11-23T08:00")
    assert work.do() == 0
    assert len(reminding.states()) == 5
    reminding.at("2026-11-23T09:00")
    assert work.do() == 5
    assert work.do() == 0


def test_loop_goes_on_after_a_fault(reminding: Campaigns) -> None:
    """Reminders fail while a table is missing, and are queued once it is back."""
    stopping, tries = Event(), SimpleQueue[int]()
    work = ReminderWork(reminding.runtime)

    def once_more() -> int:
        tries.put(1)
        return work.do()

    reminding.run("ALTER TABLE campaign RENAME TO elsewhere")
    loop = Loop("reminding", once_more, stopping, idle=0.01)
    try:
        loop.start()
        tries.get(timeout=10)
    finally:
        reminding.run("ALTER TABLE elsewhere RENAME TO campaign")
        tries.get(timeout=10)
        stopping.set()
        loop.join()
    assert len(reminding.states()) == 5


def test_queue_today_leaves_it_to_the_worker_that_has_begun(reminding: Campaigns) -> None:
    """While one worker queues, the others do not queue and do not wait."""
    work = ReminderWork(reminding.runtime)
    held = int.from_bytes(b"reminder", "big")
    with reminding.runtime.database.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": held})
        with ThreadPoolExecutor(1) as beside:
            assert beside.submit(work.queue_today).result(5) == 0
    assert work.queue_today() == 5


def test_queue_today_does_nothing_where_it_is_left_to_the_command(
    runtime: Runtime, reminding: Campaigns
) -> None:
    settings = Settings(
        database_url=runtime.settings.database_url,
        redis_url=runtime.settings.redis_url,
        reminders_automatic=False,
    )
    other = Runtime(settings, clock=runtime.clock)
    try:
        assert ReminderWork(other).queue_today() == 0 and reminding.states() == {}
    finally:
        other.database.dispose()


def test_reminder_settings_read_another_calendar(tmp_path: Path) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text(SHIPPED.read_text("utf-8").replace('"19:00"', '"18:00"'), "utf-8")
    evening = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)
    assert Runtime(Settings()).reminder_settings.calendar.is_open(evening)
    theirs = Settings(reminders_calendar=path)
    assert not Runtime(theirs).reminder_settings.calendar.is_open(evening)


def test_reminder_settings_take_budgets_and_holdout() -> None:
    settings = Settings(
        sms_day_budget="100.50", sms_campaign_budget="20", reminders_holdout_per_mille=50
    )
    reminding = Runtime(settings).reminder_settings
    assert (str(reminding.day_budget), str(reminding.campaign_budget)) == ("100.50", "20")
    assert reminding.holdout_per_mille == 50
    assert not settings.reminders_by_worker, "in development nobody is reminded unasked"
    # A rotation in the midst of a trial draws nobody anew.
    other = settings.model_copy(update={"secret_key": SecretStr(token_hex(32))})
    assert Runtime(other).reminder_settings == reminding
