"""The documented deployment and a server alone, once for all these tests, which share a process."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest

from app.agents.staff import NewAgent, add_agent
from app.base.operation import operation
from app.runtime import Runtime
from app.settings import Settings
from tests.conftest import AGENCY, free_port
from tests.doors.deployment import OWN_PIN, PRODUCTION, Entrance, deployed
from tests.servers import await_ready, web


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts all tests of this folder into one process, where secrets cost what they cost."""
    for item in items:
        if "/doors/" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("doors"))
            item.add_marker(pytest.mark.slow_secrets)


@pytest.fixture(autouse=True, scope="package")
def _many_files() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))


@pytest.fixture(scope="package")
def _server(session_runtime: Runtime) -> Iterator[Entrance]:
    port, settings = free_port(), session_runtime.settings
    process = web(port, {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url})
    process.start()
    try:
        await_ready(f"http://127.0.0.1:{port}")
        yield Entrance(port, "127.0.0.1")
    finally:
        process.end()


@pytest.fixture(scope="package")
def _deployment(
    session_runtime: Runtime, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Entrance]:
    settings, folder = session_runtime.settings, tmp_path_factory.mktemp("door")
    with deployed(folder, settings.database_url, settings.redis_url) as entrance:
        yield entrance


@pytest.fixture
def alone(_server: Entrance, sample_people: None) -> Entrance:
    """The web process of `make run`, with no door in front of it."""
    return _server


@pytest.fixture
def door(_deployment: Entrance, runtime: Runtime, sample_people: None) -> Entrance:
    settings = {name.lower(): value for name, value in PRODUCTION.items()}
    urls = runtime.settings
    own_urls = {"database_url": urls.database_url, "redis_url": urls.redis_url}
    there = Settings.model_validate(settings | own_urls)
    with operation(runtime.database, runtime.clock(), "office") as change:
        add_agent(change, Runtime(there).services, NewAgent("2002", AGENCY, OWN_PIN, own=True))
    return _deployment


@pytest.fixture(scope="package")
def seconds_of_attack() -> float:
    """How long an attack goes on: a moment, and ABUSE_SECONDS in `make abuse`."""
    return float(os.environ.get("ABUSE_SECONDS", "1.5"))
