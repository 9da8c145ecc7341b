"""One server and one worker for all attacks; every attack finds them emptied."""

from __future__ import annotations

from tests.payments.conftest import books, payments
from tests.shared_server import live_server, shared_server

__all__ = ["books", "live_server", "payments", "shared_server"]
