"""One server and one worker for all tests of a folder, or of a file; each finds them empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.runtime import Runtime
from tests.conftest import begin_today, free_port
from tests.servers import served


def _serve(session_runtime: Runtime) -> Iterator[str]:
    with served(session_runtime, free_port()) as base:
        yield base


# No longer than one folder: a worker that goes on would work in the tests that follow.
shared_server = pytest.fixture(scope="package")(_serve)
server_of_file = pytest.fixture(scope="module", name="shared_server")(_serve)


@pytest.fixture
def live_server(shared_server: str, runtime: Runtime, tmp_path: Path) -> str:
    """Returns the base address of the running server, with the sample people and nothing else."""
    begin_today(runtime, tmp_path)
    return shared_server
