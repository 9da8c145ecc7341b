"""A worker says that it lives while all its loops go round, and takes itself off when it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

from app.jobs.loops import Loop
from app.jobs.worker import Worker
from app.observe.workers import SILENT_AFTER, beat, count_alive, find_last_beat, list_turns
from app.runtime import Runtime
from tests.jobs.test_worker import wait_for

LOOPS = {
    "sending",
    "answering",
    "reminding",
    "housekeeping",
    "figures",
    "office",
    "sealing",
    "watching",
}


def test_worker_is_alive_from_its_start_to_its_end(runtime: Runtime) -> None:
    assert find_last_beat(runtime.redis) is None
    worker = Worker(runtime)
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(worker.run)
        wait_for(lambda: count_alive(runtime.redis, runtime.clock()) == 1)
        wait_for(lambda: list_turns(runtime.redis).keys() >= LOOPS)
        worker.stopping.set()
        running.result(10)
    assert count_alive(runtime.redis, runtime.clock()) == 0


def test_killed_worker_is_silent_after_a_minute(runtime: Runtime) -> None:
    now = runtime.clock()
    beat(runtime.redis, "one", now)
    beat(runtime.redis, "two", now - SILENT_AFTER - timedelta(seconds=1))
    assert count_alive(runtime.redis, now) == 1
    assert find_last_beat(runtime.redis) == now


def test_worker_with_a_loop_that_is_stuck_is_not_alive(runtime: Runtime) -> None:
    released, began = Event(), Event()

    def wait() -> int:
        began.set()
        released.wait(10)
        return 0

    loop = Loop("waiting", wait, Event())
    assert loop.is_stuck(60)
    loop.start()
    began.wait(10)
    try:
        assert loop.is_stuck(0) and not loop.is_stuck(60)
    finally:
        loop._stopping.set()
        released.set()
        loop.join()
    assert loop.is_stuck(60)
