"""An installation with engines of its own, whose server may be copied, destroyed and replaced."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from time import sleep

import pytest
from click.testing import Result
from pydantic import SecretStr
from sqlalchemy import select

from app import create_app
from app.agents.models import agent
from app.agents.queries import find_agent
from app.backup.following import LogFollower
from app.backup.place import BackupPlace, find_place
from app.backup.programs import find_server
from app.embedded import start_postgres, stop_postgres, using_engines
from app.migrating import upgrade
from app.runtime import Runtime
from app.settings import Settings
from app.sms.loopback.options import Options, Reports
from app.sms.loopback.server import running
from tests.conftest import load_sample_people
from tests.payments.conftest import PaymentFixture


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests of a file into one process: they share an installation."""
    for item in items:
        if "/backup/" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group(f"backup {item.path.stem}"))


@dataclass
class BackedUp:
    """A service of its own: payments go on, it is copied, its server is destroyed."""

    runtime: Runtime
    payments: PaymentFixture
    place: BackupPlace
    data: Path

    def run(self, *words: str) -> Result:
        """Runs `flask backup ...`."""
        return create_app(self.runtime).test_cli_runner().invoke(args=["backup", *words])

    def rehearse(self, *words: str) -> dict[str, object]:
        done = self.run("rehearse", "--json", *words)
        assert done.stdout.startswith("{"), (done.output, done.exception)
        told: dict[str, object] = json.loads(done.stdout)
        return told

    def follow(self) -> LogFollower:
        server = find_server(self.runtime.urls.database_url)
        return LogFollower(server, self.place.open_store(server.number), self.place.work / "log")

    def replace_server(self, restored: Path) -> None:
        """Destroys the server and its files, and starts it on a restored data folder."""
        files = self.data / "postgres" / "data"
        self.runtime.database.dispose()
        stop_postgres(self.data)
        shutil.rmtree(files)
        shutil.move(restored / "data", files)
        start_postgres(self.data, durable=False)


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackedUp]:
    folder = tmp_path_factory.mktemp("backed_up")
    data = folder / "data"
    # Twilio's reports go nowhere: the log is asked.
    with (
        running(Options(reports=Reports(delay_ms=1))) as sms,
        using_engines(data, durable=False) as urls,
    ):
        settings = Settings(
            app_env="development",
            database_url=urls.database_url,
            redis_url=urls.redis_url,
            data_dir=data,
            backup_folder=folder / "backups",
            backup_key=SecretStr(token_hex(32)),
            log_level="error",
            sms_providers=("twilio",),
            twilio_account_sid="AC1",
            twilio_auth_token=SecretStr("tw-token"),
            twilio_from="+15005550006",
            twilio_url=sms,
            public_url="http://127.0.0.1:9",
        )
        with installed(settings, folder) as made:
            yield made


@contextmanager
def installed(settings: Settings, folder: Path) -> Iterator[BackedUp]:
    """Yields a service with the sample people on engines that are there."""
    runtime = Runtime(settings)
    upgrade(runtime.owners_database)
    load_sample_people(runtime, folder)
    with runtime.database.connect() as connection:
        number = connection.execute(select(agent.c.id)).scalar_one()
        found = find_agent(connection, number)
    place = find_place(settings)
    assert found and place
    yield BackedUp(runtime, PaymentFixture(runtime, found), place, settings.data_dir)
    runtime.database.dispose()
    runtime.patient_services.database.dispose()
    runtime.redis.close()


def await_log(backed_up: BackedUp) -> None:
    """Waits until pg_receivewal has been sent all that the server has written."""
    sent = (
        "SELECT coalesce(bool_and(write_lsn >= pg_current_wal_flush_lsn()), false)"
        " FROM pg_stat_replication WHERE application_name = 'pg_receivewal'"
    )
    for _ in range(200):
        if backed_up.payments.read_value(sent):
            return
        sleep(0.1)
    raise AssertionError("the log is not received")
