"""One server and one worker of their own for all attacks; every attack finds them emptied."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.runtime import Runtime
from tests.conftest import free_port, load_sample_people
from tests.payments.conftest import books, payments
from tests.servers import await_ready, web, worker

__all__ = ["books", "payments"]


# No longer than the attacks: a worker that goes on would work in the tests that follow.
@pytest.fixture(scope="package")
def attacked_server(session_runtime: Runtime) -> Iterator[str]:
    """Starts server and worker on the real clock, once; yields the base address."""
    settings, port = session_runtime.settings, free_port()
    environment = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    processes, base = [web(port, environment), worker(environment)], f"http://127.0.0.1:{port}"
    try:
        for process in processes:
            process.start()
        await_ready(base, 120)
        yield base
    finally:
        for process in processes:
            process.end()


@pytest.fixture
def live_server(attacked_server: str, runtime: Runtime, tmp_path: Path) -> str:
    """Returns the base address of the running server, with the sample people and nothing else."""
    runtime.clock.now = datetime.now(UTC)  # type: ignore[attr-defined]
    load_sample_people(runtime, tmp_path)
    return attacked_server
