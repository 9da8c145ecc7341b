"""A new version comes while people call: other words, a wider table, and not one hop fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from app.base.database import connect, snapshot
from app.base.engine_urls import EngineUrls
from app.reconciliation.books_checks import verify_books
from benchmarks.messages import PROVIDERS, loopback
from tests.conftest import free_port
from tests.doors.deployment import make_certificate
from tests.rolling.versions import end_before, make_tomorrow, unpack_before
from tests.servers import await_ready, web, worker
from tests.storm.books import check_messages, check_payments
from tests.storm.engines import Door
from tests.storm.installation import ALL_OWE, CALLERS, UNLIMITED
from tests.storm.lines import Answer, Told
from tests.storm.traffic import Traffic

ARTISANS, HOPS_A_SECOND = 200, 5.0
_BESIDE_SECONDS = 1.0
_SENT_AFTER_SECONDS = 30
# Leases are of 45 s, and the provider takes 0.7 s to answer.
_JUST_TAKEN = """SELECT least(count(*), 1) FROM message
    WHERE leased_until > now() + interval '44.7 seconds'"""
_NOT_SENT = "SELECT count(*) FROM message WHERE state IN ('queued', 'sending')"
_RUN_OUT = "UPDATE message SET leased_until = '2020-01-01' WHERE state = 'sending'"
# Run by the version before, with its own code and tests.
_FILL = """
import sys
from pathlib import Path
from app.enrolment.registry import import_registry
from app.enrolment.sample_rows import sample_rows
from app.migrating import upgrade
from app.runtime import Runtime
from app.settings import Settings
from tests.conftest import load_sample_people

folder, url, redis = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
maalem = Runtime(Settings(database_url=url, redis_url=redis, log_level="error"))
upgrade(maalem.database)
load_sample_people(maalem, folder)
register = folder / "register.csv"
register.write_text("\\n".join(sample_rows(int(sys.argv[4]))) + "\\n", encoding="utf-8")
import_registry(maalem.database, register, keys=maalem.keys, today=maalem.clock().date())
"""
_NOTHING_KNOWN = re.compile(r"^END Panne\..*عطل.*\n[^\n]* \d{6}$", re.DOTALL)
_WORDS = re.compile(r"Mon AMO\+?")


@pytest.fixture
def urls(engines: EngineUrls) -> Iterator[EngineUrls]:
    """A database that no other test has, by its owner, and a Redis number."""
    name = f"rolling_{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')}"
    with psycopg.connect(engines.database_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield EngineUrls(
                engines.database_url.replace("/maalem?", f"/{name}?"),
                f"{engines.redis_url}{'&' if '?' in engines.redis_url else '?'}db=15",
            )
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_new_version_comes_without_one_failed_hop(urls: EngineUrls, tmp_path: Path) -> None:
    before = unpack_before(tmp_path / "before")
    tomorrow = make_tomorrow(tmp_path / "tomorrow")
    make_certificate(tmp_path)
    phones = fill(before, urls, tmp_path)
    ports = [free_port(), free_port()]
    door = Door(tmp_path / "door", ports, tmp_path / "door.pem")
    traffic = Traffic([door.base], str(tmp_path / "certificate.pem"), phones, HOPS_A_SECOND, ())
    settings = {"DATABASE_URL": urls.database_url, "REDIS_URL": urls.redis_url}
    settings |= PROVIDERS | {"SMS_PROVIDERS": "africastalking"}
    with loopback(settings, "--latency-ms=700") as sms_url:
        environment = settings | {"AFRICASTALKING_URL": sms_url}
        old, new = Side(before, environment, ports), Side(tomorrow, environment, ports)
        try:
            for each in (old.webs[0], old.worker, door):
                each.start()
            await_ready(f"http://127.0.0.1:{ports[0]}")
            await_seen(door, 0)
            with ThreadPoolExecutor(1) as threads:
                playing = threads.submit(traffic.run)
                try:
                    roll(old, new, door, urls)
                finally:
                    traffic.end()
                playing.result()
            await_count(urls, _NOT_SENT, 0)
            check_talks(traffic.told, door.log.read_text())
            check_books(urls, sms_url, traffic.told)
            end_before(tomorrow)
            assert "ends the version before: 9999_narrower" in new.run("db", "upgrade")
        finally:
            for process in (*old.webs, old.worker, *new.webs, new.worker):
                process.end()
            door.kill()


class Side:
    """The processes of one version; both have the same ports."""

    def __init__(self, folder: Path, environment: dict[str, str], ports: list[int]) -> None:
        self.webs = [web(port, environment, folder=folder) for port in ports]
        self.worker = worker(environment, folder)
        self.ports, self._folder, self._environment = ports, folder, environment

    def run(self, *command: str) -> str:
        """Runs a `flask` command of this version; returns what it says beside its answer."""
        flask = Path(sys.executable).with_name("flask")
        done = subprocess.run(
            [str(flask), *command],
            cwd=self._folder,
            env=os.environ | self._environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr


def roll(old: Side, new: Side, door: Door, urls: EngineUrls) -> None:
    """Widens the tables, then exchanges process after process, as docs/scale.md says."""
    time.sleep(_BESIDE_SECONDS)
    new.run("db", "upgrade")
    # One of the version before that begins now finds tables that it does not know.
    start(old, 1, door)
    for number in range(2):
        old.webs[number].end()
        start(new, number, door)
    exchange_workers(old, new, urls)
    time.sleep(_BESIDE_SECONDS)


def exchange_workers(old: Side, new: Side, urls: EngineUrls) -> None:
    """Kills the worker of before in the midst of sending: its leases pass on to the new one.

    They are run out by hand, to save waiting.
    """
    await_count(urls, _JUST_TAKEN, 1)
    old.worker.kill()
    with psycopg.connect(urls.database_url) as books:
        assert books.execute(_RUN_OUT).rowcount > 0
    new.worker.start()


def await_count(urls: EngineUrls, statement: str, wanted: int) -> None:
    deadline = time.monotonic() + _SENT_AFTER_SECONDS
    with psycopg.connect(urls.database_url, autocommit=True) as books:
        while (row := books.execute(statement.encode()).fetchone()) != (wanted,):
            assert time.monotonic() < deadline, row
            time.sleep(0.02)


def start(side: Side, number: int, door: Door) -> None:
    """Starts a web process, waits until it is ready and the door sees it, and goes on beside it."""
    side.webs[number].start()
    await_ready(f"http://127.0.0.1:{side.ports[number]}")
    time.sleep(_BESIDE_SECONDS)
    await_seen(door, number)


def await_seen(door: Door, number: int) -> None:
    deadline = time.monotonic() + 30
    while not is_seen(door, number):
        assert time.monotonic() < deadline, door.log.read_text()
        time.sleep(0.2)


def is_seen(door: Door, number: int) -> bool:
    """True if the door's log says last that a server is up; of one that was never down, nothing."""
    said = [line for line in door.log.read_text().splitlines() if f"/web{number + 1} is " in line]
    return not said or " is UP" in said[-1]


def is_late(answer: Answer) -> bool:
    """True of a promise, and of what a server says in both scripts: it knows nothing of the talk.

    The door's own screen has no reference under it.
    """
    return answer.cause == "promise" or bool(_NOTHING_KNOWN.search(answer.text))


def check_books(urls: EngineUrls, sms_url: str, told: Told) -> None:
    """The books balance and are what was told; each message came, once or counted."""
    engine = connect(urls.database_url)
    with snapshot(engine) as connection:
        assert verify_books(connection).broken == {}
    engine.dispose()
    with psycopg.connect(urls.database_url) as books:
        assert list(check_payments(books, told)) == []
        assert list(check_messages(sms_url, books, told)) == []


def check_talks(told: Told, log: str) -> None:
    """No hop failed or was asked again, and each talk has the words with which it began.

    On a busy machine some are late: promised by SMS, or Redis, which nobody touches, took too long.
    """
    failed = [a for a in told.answers if a.tries > 1 or (a.cause and not is_late(a))]
    at_door = [line for line in log.splitlines() if not line.endswith(" --")]
    assert Counter((a.kind, a.cause, a.tries, a.text[:60]) for a in failed) == {}, at_door
    words = defaultdict(set)
    for answer in told.answers:
        words[answer.talk].update(_WORDS.findall(answer.text) if answer.kind == "hop" else ())
    assert {frozenset(each) for each in words.values() if each} == {
        frozenset({"Mon AMO"}),
        frozenset({"Mon AMO+"}),
    }


def fill(before: Path, urls: EngineUrls, folder: Path) -> list[str]:
    """Fills the database by the version before; returns the phones of people who owe."""
    subprocess.run(
        [sys.executable, "-c", _FILL, folder, urls.database_url, urls.redis_url, str(ARTISANS)],
        cwd=before,
        env=os.environ | {"APP_ENV": "development", "PYTHONPATH": str(before)},
        check=True,
    )
    with psycopg.connect(urls.database_url) as connection:
        connection.execute(ALL_OWE)
        connection.execute(UNLIMITED)
        return [str(phone) for (phone,) in connection.execute(CALLERS)]
