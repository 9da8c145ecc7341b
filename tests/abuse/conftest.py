"""One server and one worker for all attacks; every attack finds them emptied."""

from __future__ import annotations

import pytest

from tests.payments.conftest import books, payments
from tests.shared_server import live_server, shared_server

__all__ = ["books", "live_server", "payments", "shared_server"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts all attacks into one process, where secrets cost what they cost."""
    for item in items:
        if "/abuse/" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("abuse"))
            item.add_marker(pytest.mark.slow_secrets)
