"""Engines that refuse, begin, or swallow what is sent to them, while people call and pay."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest
from flask import Flask

from app import create_app
from app.runtime import Runtime
from app.web.slots import SLOT_SHARES, Kind
from tests.conftest import TestClock, load_sample_people
from tests.mobile_money.conftest import BASE, HEADERS, payment
from tests.pg_servers import PgBouncer, PgServer
from tests.phone import TestPhone
from tests.redis_servers import RedisServer
from tests.relay import Relay, relayed

PHONES = [f"+2126000000{number:02d}" for number in (1, 2, 3)]
FATIMA = PHONES[0]
# A phone waits for 2 s at most; a busy machine adds what it may.
_TROUBLE_SECONDS, _MOST_SECONDS, _WELL_AFTER_SECONDS = 2.0, 3.0, 5.0
# Of each language of the phones; the last three are promises.
_HONEST = re.compile(
    r"END (Service en panne|Panne|Service 7abes|العطل منا وليس منك|C'est long|Kaytte3ettel|الجواب)"
)
_CODE = re.compile(r"(\d{4}) (\d{4}) (\d{4})")
# Loads from its disk for some two seconds, and says so meanwhile.
_KEYS, _KEY_DELAY_US = 100, 20_000
# More phones at once than a process works on, so that some wait for those before them.
_AT_ONCE, _BUSY_SECONDS = 2 * SLOT_SHARES[Kind.PHONES].slots, 0.2
pytestmark = pytest.mark.xdist_group("own PostgreSQL")


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    loading = f"key-load-delay {_KEY_DELAY_US}", "loading-process-events-interval-bytes 1024"
    server = RedisServer(tmp_path_factory.mktemp("redis"), *loading)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def beside(runtime: Runtime, **settings: object) -> Iterator[Runtime]:
    """A runtime of other engines; what is not named is shared."""
    maalem = Runtime(runtime.settings.model_copy(update=settings), clock=TestClock())
    engines = {"database_url": "database", "redis_url": "redis"}
    shared = [name for setting, name in engines.items() if setting not in settings]
    for name in ("words", "ussd", "network_names", *shared):
        maalem.__dict__[name] = getattr(runtime, name)
    try:
        yield maalem
    finally:
        if "database_url" in settings:
            maalem.database.dispose()


def call_through(app: Flask, trouble: Callable[[], object]) -> None:
    """Has phones dial before, in and after a trouble; fails if one waits, or is told nonsense."""
    ended, well, outages = Event(), set[str](), list[float]()

    def call_on(number: str) -> float:
        phone, slowest, turn = TestPhone(app.test_client()), 0.0, 0
        phone.number = number
        while not ended.is_set():
            turn += 1
            phone.session, began = f"{number}-{turn}", time.monotonic()
            answer = phone.post()
            slowest = max(slowest, time.monotonic() - began)
            if answer.startswith("CON "):
                well.add(number)
            else:
                assert _HONEST.match(answer), answer
                outages.append(time.monotonic())
            time.sleep(0.02)
        return slowest

    with ThreadPoolExecutor(len(PHONES)) as callers:
        calling = [callers.submit(call_on, number) for number in PHONES]
        try:
            while len(well) < len(PHONES):
                assert not any(call.done() for call in calling)
                time.sleep(0.05)
            outages.clear()  # a first hop on a busy machine may have been one
            trouble()
            over = time.monotonic()
            for call in calling:
                assert not call.done() or call.result()
            assert outages, "the trouble was one"
            while time.monotonic() < max(over, outages[-1]) + 1:  # a second without one
                assert outages[-1] < over + _WELL_AFTER_SECONDS
                time.sleep(0.05)
        finally:
            ended.set()
    assert max(call.result() for call in calling) < _MOST_SECONDS


def be_read_only(server: RedisServer, _relay: Relay) -> None:
    server.run("REPLICAOF", "127.0.0.1", 1)
    time.sleep(_TROUBLE_SECONDS)
    server.run("REPLICAOF", "NO", "ONE")


def load(server: RedisServer, _relay: Relay) -> None:
    for number in range(_KEYS):
        server.run("SET", f"of before {number}", "x" * 100)
    server.run("SAVE")
    server.kill()
    began = time.monotonic()
    server.start()
    assert time.monotonic() - began > 1, "it was loading"


def be_full(server: RedisServer, _relay: Relay) -> None:
    """Who has an earlier talk is answered even so: a script that wrote may go on. Nobody has."""
    server.run("CONFIG", "SET", "maxmemory", 1)
    server.run("FLUSHALL")
    time.sleep(_TROUBLE_SECONDS)
    server.run("CONFIG", "SET", "maxmemory", 0)


def be_silent(_server: RedisServer, relay: Relay) -> None:
    swallow(relay)


def swallow(relay: Relay) -> None:
    relay.swallows = True
    time.sleep(_TROUBLE_SECONDS)
    relay.swallows = False


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize("trouble", [be_read_only, be_full, load, be_silent])
def test_phones_are_told_and_go_on_when_redis_is_back(
    runtime: Runtime, redis_server: RedisServer, trouble: Callable[[RedisServer, Relay], None]
) -> None:
    redis_server.run("FLUSHALL")
    with (
        relayed(redis_server.port) as relay,
        beside(runtime, redis_url=f"redis://127.0.0.1:{relay.port}/0") as maalem,
    ):
        call_through(create_app(maalem), lambda: trouble(redis_server, relay))


@pytest.fixture
def app_behind_relay(
    runtime: Runtime, pooler: PgBouncer, app_url: str, tmp_path: Path
) -> Iterator[tuple[Flask, Relay]]:
    """The service with a relay before its pooler."""
    with relayed(pooler.port) as relay:
        url = pooler.lead(app_url).replace(f":{pooler.port}/", f":{relay.port}/")
        with beside(runtime, database_url=url) as maalem:
            load_sample_people(maalem, tmp_path)
            yield create_app(maalem), relay


def test_phones_are_told_and_go_on_when_postgresql_is_back(
    app_behind_relay: tuple[Flask, Relay],
) -> None:
    app, relay = app_behind_relay
    call_through(app, lambda: swallow(relay))


def test_no_phone_waits_longer_than_two_seconds_whichever_engines_swallow_what_is_sent(
    runtime: Runtime, redis_server: RedisServer, primary: PgServer, app_url: str, tmp_path: Path
) -> None:
    """Both at once, then each alone, while some are in the midst of talks and some dial."""
    with ExitStack() as stack:
        redis, postgresql = (
            stack.enter_context(relayed(port)) for port in (redis_server.port, primary.port)
        )
        urls = {
            "redis_url": f"redis://127.0.0.1:{redis.port}/0",
            "database_url": app_url.replace(f":{primary.port}/", f":{postgresql.port}/"),
        }
        maalem = stack.enter_context(beside(runtime, **urls))
        load_sample_people(maalem, tmp_path)
        app = create_app(maalem)
        phones = [TestPhone(app.test_client()) for _ in range(_AT_ONCE)]
        callers = stack.enter_context(ThreadPoolExecutor(_AT_ONCE))
        for away in ((redis, postgresql), (redis,), (postgresql,)):
            for number, phone in enumerate(phones):
                phone.number, phone.session = PHONES[number % len(PHONES)], f"{away}-{number}"
                phone.chain = ""
                while not phone.post().startswith("CON "):
                    time.sleep(0.1)
                if number % 2:
                    phone.session += "-anew"
                else:
                    phone.chain = "2*1"
            for relay in away:
                relay.swallows = True
            try:
                answers = list(callers.map(time_answer, phones))
            finally:
                for relay in away:
                    relay.swallows = False
            assert max(seconds for seconds, _ in answers) < 2 + _BUSY_SECONDS
            others = [screen for _, screen in answers if not _HONEST.match(screen)]
            # With Redis there, what needs no new fact goes on.
            assert not others or (redis not in away and len(others) < _AT_ONCE)


def time_answer(phone: TestPhone) -> tuple[float, str]:
    began = time.monotonic()
    screen = phone.post()
    return time.monotonic() - began, screen


def test_a_pooler_that_dies_at_a_commit_leaves_one_code_and_one_deposit(
    app_behind_relay: tuple[Flask, Relay], primary: PgServer
) -> None:
    """The server has committed, and nobody is told."""
    app, relay = app_behind_relay
    client = app.test_client()
    phone = TestPhone(client)
    phone.number, phone.session, phone.chain = FATIMA, "cut", "2*1"
    relay.cut_when(lambda: count(primary, "payment_code") == 1)
    answers = [phone.post() for _ in range(2)]
    assert not relay.is_to_cut
    found = _CODE.search(answers[-1]) or _CODE.search(phone.dial(FATIMA, "2*1"))
    assert found, answers
    assert count(primary, "payment_code") == 1
    code = "".join(found.groups())
    (bill,) = client.get(f"{BASE}/accounts/linkref/{code}/bills", headers=HEADERS).json or []
    identity = HEADERS | {"X-CorrelationID": str(uuid4())}
    relay.cut_when(lambda: count(primary, "deposit") == 1)
    told = payment(bill["amountDue"])
    paid = [
        client.post(f"{BASE}/bills/{code}/payments", headers=identity, json=told) for _ in range(3)
    ]
    assert not relay.is_to_cut
    assert {answer.status_code for answer in paid} <= {201, 503}
    assert [answer.status_code for answer in paid[1:]] == [201, 201]
    assert paid[1].json == paid[2].json
    assert count(primary, "deposit") == 1


def count(primary: PgServer, table: str) -> int:
    ((many,),) = primary.run(f"SELECT count(*) FROM {table}")
    return int(str(many))
