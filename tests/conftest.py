"""Real engines for every test: one PostgreSQL and one Redis a run, one database a test process."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from random import randrange

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, text

from app import create_app
from app.agents.agencies import replace_agencies
from app.agents.agency_file import SAMPLE_AGENCIES, read_agencies
from app.agents.clients import DEMO_CLIENT, DEMO_KEY, NewClient, add_client
from app.agents.staff import NewAgent, add_agent
from app.base import slow_hash
from app.base.clock import local_date
from app.base.database import CONNECTIONS, connect
from app.base.deadline import Deadline
from app.base.engine_urls import EngineUrls
from app.base.operation import operation
from app.base.phone import Phone
from app.cli.sample_people import record_sample_answers
from app.embedded import using_engines
from app.enrolment.registry import import_registry
from app.enrolment.samples import sample_people_csv
from app.migrating import upgrade
from app.runtime import Runtime
from app.settings import Settings
from tests.database import Snapshot, empty, is_empty, make_app_url
from tests.phone import TestPhone
from tests.servers import served

# With a database of its own a program must be told that this is no production.
os.environ["APP_ENV"] = "development"
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
AGENCY, AGENT, PIN = "W-RABAT-01", "1001", SecretStr("246813")


def _find_why_no_browser() -> str:
    """Returns why the browsers' tool cannot be loaded here, or nothing."""
    try:
        import_module("greenlet")
    except ImportError as error:
        return str(error)
    return ""


_WHY_NO_BROWSER = _find_why_no_browser()
# With CI=true they are tried and fail, as they must run there.
if _WHY_NO_BROWSER and not os.environ.get("CI"):
    collect_ignore = ["browser", "base/test_waits.py"]


# A PIN or a password is hashed for some hundredths of a second of a core, on purpose.
_AS_SERVED, _QUICK = slow_hash._hasher, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hashes quickly in this process, except for tests of what hashing costs."""
    slow = item.get_closest_marker("slow_secrets")
    slow_hash._hasher = _AS_SERVED if slow else _QUICK


class TestClock:
    """The clock of a runtime under test: it stands still until `now` is set."""

    __test__ = False

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineUrls]:
    """The engines of this run, shared by every test process."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with using_engines(shared / "engines", durable=False) as urls:
        yield urls


@pytest.fixture(scope="session")
def own_urls(engines: EngineUrls) -> EngineUrls:
    """A database and a Redis number of this test process alone, by the role that owns them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    name = f"test_{worker}"
    admin = create_engine(
        engines.database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    number = int(worker.removeprefix("gw"))
    redis = engines.redis_url
    return EngineUrls(
        engines.database_url.replace("/maalem?", f"/{name}?"),
        f"{redis}{'&' if '?' in redis else '?'}db={number}",
    )


@pytest.fixture(scope="session")
def owner(own_urls: EngineUrls) -> Iterator[Engine]:
    """The migrated database by the role that owns its tables, which no guard stops."""
    engine = connect(own_urls.database_url)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def clearing(owner: Engine) -> Iterator[Engine]:
    """The owner without triggers: switching them off for each test forgets every plan."""
    url = owner.url.update_query_dict({"options": "-c session_replication_role=replica"})
    engine = connect(url.render_as_string(hide_password=False))
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def session_runtime(owner: Engine, own_urls: EngineUrls) -> Iterator[Runtime]:
    """A runtime as production has it: its role owns no table and has its grants alone."""
    url = make_app_url(owner, own_urls.database_url)
    settings = Settings(
        database_url=url,
        migrations_database_url=own_urls.database_url,
        redis_url=own_urls.redis_url,
        log_level="error",
    )
    runtime = Runtime(settings, clock=TestClock())
    # A busy machine is no outage; the tests of outages and of lateness take a second of their own.
    runtime.deadline = Deadline(10, threads=CONNECTIONS)
    yield runtime
    runtime.database.dispose()
    runtime.office_database.dispose()
    runtime.owners_database.dispose()
    runtime.patient_services.database.dispose()
    runtime.redis.close()


@pytest.fixture
def runtime(session_runtime: Runtime, clearing: Engine) -> Runtime:
    """A runtime on emptied engines; set `runtime.clock.now` to move in time."""
    empty(clearing)
    session_runtime.redis.flushdb()
    session_runtime.clock.now = NOW  # type: ignore[attr-defined]
    session_runtime.network_names.forget()
    assert session_runtime.network_names("fr") == "Wafacash"
    return session_runtime


@pytest.fixture
def engine(runtime: Runtime) -> Engine:
    return runtime.database


def load_sample_people(runtime: Runtime, folder: Path) -> None:
    """Imports the sample people, and adds their agencies, the sample agent and the demo client."""
    today = local_date(runtime.clock())
    path = folder / "people.csv"
    path.write_text(sample_people_csv(today), encoding="utf-8")
    report = import_registry(runtime.database, path, keys=runtime.keys, today=today, progress=None)
    assert report.rejected == 0
    with operation(runtime.database, runtime.clock(), "operator") as change:
        replace_agencies(change, read_agencies(SAMPLE_AGENCIES))
        phone = Phone.parse("+212600000091")
        add_agent(change, runtime.services, NewAgent(AGENT, AGENCY, PIN, phone, own=True))
        record_sample_answers(change, runtime.services)
        add_client(change, NewClient(DEMO_CLIENT, "wafacash", DEMO_KEY))


_SAMPLES: dict[tuple[datetime, PasswordHasher], Snapshot] = {}


@pytest.fixture
def sample_people(runtime: Runtime, clearing: Engine, tmp_path: Path) -> None:
    """The sample people: loaded once in a test process, and copied for every other test."""
    made = runtime.clock(), slow_hash._hasher
    kept = _SAMPLES.get(made)
    if kept and is_empty(clearing, kept.tables):
        kept.restore(clearing)
        return
    fresh = is_empty(clearing)
    load_sample_people(runtime, tmp_path)
    if fresh:
        _SAMPLES[made] = Snapshot.take(clearing)


@pytest.fixture(scope="session")
def app(session_runtime: Runtime) -> Flask:
    return create_app(session_runtime)


@pytest.fixture
def client(app: Flask, runtime: Runtime) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def phone(client: FlaskClient) -> TestPhone:
    """A phone that sends every hop twice and measures every screen."""
    return TestPhone(client)


def free_port() -> int:
    """Returns a port that the system gives to no connection of others meanwhile."""
    while True:
        port = randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture
def live_server(runtime: Runtime, tmp_path: Path) -> Iterator[str]:
    """Starts the real server and worker on the real clock; yields the base address."""
    begin_today(runtime, tmp_path)
    with served(runtime, free_port()) as base:
        yield base


def begin_today(runtime: Runtime, folder: Path) -> None:
    """Sets the real clock and loads the sample people, as the processes of a server see them."""
    runtime.clock.now = datetime.now(UTC)  # type: ignore[attr-defined]
    load_sample_people(runtime, folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names last the browser tests that did not run, so that nobody takes them for passed."""
    if _WHY_NO_BROWSER:
        why = f"the tool cannot be loaded: {_WHY_NO_BROWSER}"
        terminalreporter.write_line(f"NOT RUN, no browser: tests/browser ({why})", red=True)
    for report in _browser_tests_not_run(terminalreporter):
        terminalreporter.write_line(f"NOT RUN, no browser: {report.nodeid}", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and os.environ.get("CI") == "true" and _browser_tests_not_run(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _browser_tests_not_run(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return [report for report in reporter.stats.get("skipped", []) if "/browser/" in report.nodeid]
