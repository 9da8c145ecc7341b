"""What a page costs: processor time of the web process and its database, and wall time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine, event


@dataclass(frozen=True)
class PageCost:
    """Milliseconds of a page; `work` is processor time here and in the database."""

    work: float
    wall: float

    def __str__(self) -> str:
        return f"{self.work:.0f} ms of work, {self.wall:.0f} ms on the wall"


def measure_page(browser: FlaskClient, database: Engine, address: str, times: int = 5) -> PageCost:
    """Returns the least of some tries: whatever else runs on the machine only adds."""
    with watched_backends(database) as backends:
        costs = [measure_once(browser, backends, address) for _ in range(times)]
    return PageCost(min(one.work for one in costs), min(one.wall for one in costs))


def measure_once(browser: FlaskClient, backends: set[int], address: str) -> PageCost:
    before = {pid: read_work(pid) for pid in backends}
    began, here = time.perf_counter(), time.thread_time()
    assert browser.get(address).status_code == 200, address
    wall, work = time.perf_counter() - began, time.thread_time() - here
    # A connection that was opened meanwhile is new: its whole work was for this page, or more.
    there = sum(read_work(pid) - before.get(pid, 0) for pid in backends)
    return PageCost((work + there) * 1000, wall * 1000)


@contextmanager
def watched_backends(database: Engine) -> Iterator[set[int]]:
    """Collects the server processes that the pool's connections speak to."""
    backends: set[int] = set()

    def note(connection: Any, *_: Any) -> None:
        backends.add(connection.info.backend_pid)

    event.listen(database, "checkout", note)
    try:
        yield backends
    finally:
        event.remove(database, "checkout", note)


def read_work(pid: int) -> float:
    """Returns the seconds that a process worked; 0 where the system does not tell."""
    told = Path(f"/proc/{pid}/schedstat")
    return int(told.read_text().split()[0]) / 1e9 if told.exists() else 0.0
