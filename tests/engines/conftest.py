"""A PostgreSQL of its own with a standby, migrated once; what tests change they put back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.base.database import connect
from app.migrating import upgrade
from tests.database import empty, make_app_url
from tests.pg_servers import PgBouncer, PgServer, folder_for_engines, opened, read_role


@pytest.fixture(scope="package")
def engine_folder() -> Iterator[Path]:
    with folder_for_engines() as folder:
        yield folder


@pytest.fixture(scope="package")
def primary(engine_folder: Path) -> Iterator[PgServer]:
    server = PgServer(engine_folder / "primary")
    server.make()
    try:
        server.start("fsync=off", "wal_level=replica")
        owner = connect(server.url)
        upgrade(owner)
        make_app_url(owner, server.url)
        owner.dispose()
        yield server
    finally:
        server.kill()


@pytest.fixture
def app_url(primary: PgServer) -> str:
    """The address of the app's own role; the database is empty."""
    owner = connect(primary.url)
    try:
        empty(owner)
        return make_app_url(owner, primary.url)
    finally:
        owner.dispose()


@pytest.fixture
def pooler(primary: PgServer, engine_folder: Path, app_url: str) -> Iterator[PgBouncer]:
    with opened(engine_folder, primary, read_role(app_url)) as pooler:
        yield pooler
