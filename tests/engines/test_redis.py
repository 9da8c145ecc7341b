"""Talks, promises and limits on Redis under Sentinel and in a Cluster, while masters die."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from limits import RateLimitItemPerMinute
from redis.exceptions import RedisError

from app import create_app
from app.base import waits
from app.base.buckets import find_bucket
from app.base.errors import Unavailable
from app.base.phone import Phone
from app.base.redis_calls import Calls, make_calls
from app.base.redis_client import connect_redis, list_servers
from app.checks.clocks import check_clocks
from app.checks.engines import check_redis, check_redis_memory
from app.jobs.deferred_actions import answer_deferred_actions
from app.observe.hops import store_hops
from app.observe.workers import beat, count_alive
from app.rekeying.holdings import list_holdings
from app.runtime import Runtime
from app.web.rate_limits import take_try
from tests.doors.deployment import make_certificate
from tests.jobs.test_deferred_actions import defer_action
from tests.outages import without_reference
from tests.phone import TestPhone
from tests.redis_servers import Cluster, Pair, Tls, started, stop_for
from tests.waiting import add_action, list_waiting_hops

PHONES = [f"+2126000000{number:02d}" for number in (1, 2, 3, 5, 7, 8)]
FATIMA = PHONES[0]
# From a master's death on: it is found dead, another is chosen, phones have found that one.
_MOST_SECONDS = 5.0
# A wait for an answer and what may be tried around it, on a busy machine.
_SILENT_SECONDS = 1.0
pytestmark = [pytest.mark.usefixtures("sample_people"), pytest.mark.xdist_group("own Redis")]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with started(Pair(tmp_path_factory.mktemp("pair"), "a-secret-of-redis")) as pair:
        yield pair


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with started(Cluster(tmp_path_factory.mktemp("cluster"))) as cluster:
        yield cluster


def beside(runtime: Runtime, url: str) -> Runtime:
    """A runtime on the same database, whose Redis is another."""
    other = Runtime(runtime.settings.model_copy(update={"redis_url": url}), clock=runtime.clock)
    for name in ("database", "words", "network_names", "ussd", "deadline", "patient_services"):
        other.__dict__[name] = getattr(runtime, name)
    for server in list_servers(other.redis):
        server.flushdb()
    return other


def phone_of(maalem: Runtime) -> TestPhone:
    return TestPhone(create_app(maalem).test_client())


def check_everything(maalem: Runtime) -> None:
    """What the product does in Redis, once each."""
    phone = phone_of(maalem)
    for number in PHONES:
        home = phone.dial(number)
        assert phone.answer("2") != home
        assert phone.dial(number, "5*1") and phone.dial(number), "what broke off is offered"
    assert len(list_waiting_hops(maalem)) == 4 * len(PHONES)
    assert store_hops(maalem.database, maalem.redis) == 4 * len(PHONES)
    assert list_waiting_hops(maalem) == []
    action = defer_action(maalem, "look_at_dues", FATIMA, {})
    add_action(maalem, maalem.deferred_actions.sign(action))
    assert answer_deferred_actions(maalem, "one") == 1
    check_limits(maalem)
    beat(maalem.redis, "one", maalem.clock())
    assert count_alive(maalem.redis, maalem.clock()) == 1
    held = list_holdings(maalem.database, maalem.redis, maalem.keys, maalem.clock())
    assert {each.kind: sum(each.counts.values()) for each in held}["talks"] == 3 * len(PHONES)
    assert check_clocks(maalem) and check_redis(maalem) and check_redis_memory(maalem)


def check_limits(maalem: Runtime, whom: str = "one") -> None:
    rate = RateLimitItemPerMinute(3)
    with create_app(maalem).app_context():
        tries = [take_try((rate, "tests", f"{whom}{number}")) for number in range(8)]
        assert all(tries), "each has a node of its own"
        tries = [take_try((rate, "tests", f"{whom}0")) for _ in range(4)]
    assert tries == [True, True, False, False]


def count_outages(phone: TestPhone, seconds: float) -> list[float]:
    """When a phone that dials on and on got an outage, in seconds; each answer came within 2 s."""
    began, outages = time.monotonic(), []
    while time.monotonic() - began < seconds:
        phone.session, phone.chain = f"s{time.monotonic()}", ""
        asked = time.monotonic()
        answer = phone.post()
        assert time.monotonic() - asked < 2
        if answer.startswith("END "):
            outages.append(time.monotonic() - began)
        elif outages:
            break
        time.sleep(0.05)
    return outages


def test_everything_is_done_on_the_master_that_sentinel_names(pair: Pair, runtime: Runtime) -> None:
    check_everything(beside(runtime, pair.url))


@pytest.mark.parametrize("still", [True, False], ids=["stands still", "is killed"])
def test_phones_go_on_after_the_master_went(pair: Pair, runtime: Runtime, still: bool) -> None:
    maalem = beside(runtime, pair.url)
    phone, master = phone_of(maalem), pair.find_master()
    phone.dial(FATIMA, "2*2")
    month = phone.screen
    time.sleep(1)  # a replica is some milliseconds behind: what it has not got is lost
    stop_for(master, still=still)
    try:
        outages = count_outages(phone, 10)
        assert not outages or outages[-1] < _MOST_SECONDS
        pair.await_another(master)
        assert phone.dial(FATIMA) and phone.answer("1") == month, "the talk was kept"
        check_limits(maalem, "after ")
    finally:
        if still:
            master.signal(signal.SIGCONT)
        else:
            master.start()
    # The one of before is a replica by and by, and those that still ask it are sent on.
    for _ in range(20):
        assert not phone.post().startswith("END ")
        time.sleep(0.1)


def test_everything_is_done_by_tls_alone(runtime: Runtime, tmp_path: Path) -> None:
    """A certificate that is not trusted is refused, by Sentinel's and by the Cluster's servers."""
    make_certificate(tmp_path)
    tls = Tls(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with started(Pair(tmp_path / "pair", "a-secret-of-redis", tls)) as pair:
        check_everything(maalem := beside(runtime, pair.url))
        for _ in range(2):  # as hops ask it, which share a thread
            asked = waits.run(lambda: maalem.redis_calls.call(b"{b1}", "PING"))
            with ThreadPoolExecutor(1) as threads:
                assert threads.submit(asyncio.run, asked).result()
        master = pair.find_master()
        master.kill()
        pair.await_another(master)
        assert phone_of(maalem).dial(FATIMA), "the other one is found by TLS too"
        refuse_strangers(pair.url, tls)
    with started(Cluster(tmp_path / "cluster", tls)) as cluster:
        check_everything(beside(runtime, cluster.url))
        refuse_strangers(cluster.url, tls)


def refuse_strangers(url: str, tls: Tls) -> None:
    """Connects neither in the clear nor to whom nobody known vouches for."""
    for query in ("", "?ssl=true"):
        with pytest.raises(RedisError):
            connect_redis(url.replace(tls.query, query)).ping()


def test_everything_is_done_in_a_cluster(cluster: Cluster, runtime: Runtime) -> None:
    check_everything(beside(runtime, cluster.url))


def test_phones_go_on_while_their_slot_moves(cluster: Cluster, runtime: Runtime) -> None:
    maalem = beside(runtime, cluster.url)
    phone, bucket = phone_of(maalem), find_bucket(Phone(FATIMA))
    phone.dial(FATIMA, "2*2")
    month, holder = phone.screen, cluster.find_holder(bucket)
    (target, *_) = [master for master in cluster.masters[1:] if master is not holder]
    end = cluster.begin_move(bucket, target)
    # Some of its keys are here and some are to be there: it waits half a second, and is told.
    began = time.monotonic()
    phone.session = "half"
    phone.post()
    assert time.monotonic() - began < 2
    end()
    assert phone.dial(FATIMA) and phone.answer("1") == month, "it moved along"
    assert target.redis.keys(bucket + b"p*")


def test_phones_of_a_dead_master_go_on_with_its_replica(cluster: Cluster, runtime: Runtime) -> None:
    maalem = beside(runtime, cluster.url)
    number = next(
        phone
        for phone in numbers()
        if cluster.find_holder(find_bucket(Phone(phone))).port == cluster.masters[0].port
    )
    phone = phone_of(maalem)
    phone.dial(number)
    assert phone.answer("2")
    cluster.masters[0].kill()
    phone.number = number
    outages = count_outages(phone, 10)
    assert not outages or outages[-1] < _MOST_SECONDS
    assert phone.post().startswith("CON ")
    assert create_app(maalem).test_client().get("/readyz").status_code == 200
    check_limits(maalem, "after ")


def numbers() -> Iterator[str]:
    for number in range(10_000):
        yield f"+21261111{number:04d}"


def test_a_redis_that_says_no_opens_no_limit(pair: Pair, runtime: Runtime) -> None:
    """It is full; and it stands still, which is away: money and PINs have locks of their own."""
    maalem = beside(runtime, pair.url)
    master, rate = pair.find_master(), RateLimitItemPerMinute(3)
    assert maalem.limiter.hit(rate, "tests", "somebody")
    with create_app(maalem).app_context():
        master.run("CONFIG", "SET", "maxmemory", 1)
        try:
            assert not take_try((rate, "tests", "somebody"))
        finally:
            master.run("CONFIG", "SET", "maxmemory", 0)
        assert take_try((rate, "tests", "somebody"))


def test_a_sentinel_that_names_a_dead_master_costs_a_screen_within_two_seconds(
    pair: Pair, runtime: Runtime
) -> None:
    """It stands still, is asked anew, and names the one of before."""
    maalem, master = beside(runtime, pair.url), pair.find_master()
    phone = phone_of(maalem)
    assert phone.dial(FATIMA)
    pair.sentinel.signal(signal.SIGSTOP)
    master.kill()
    try:
        for number in range(3):
            phone.session, asked = f"dead{number}", time.monotonic()
            assert phone.post().startswith("END ")
            assert time.monotonic() - asked < 2
    finally:
        pair.sentinel.signal(signal.SIGCONT)
        master.start()
    assert not count_outages(phone, 10) or phone.post().startswith("CON ")


def test_three_sentinels_that_say_nothing_are_waited_for_as_one(runtime: Runtime) -> None:
    """The network to them is cut: they take what is sent, and answer nothing."""
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        hosts = ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in silent)
        redis = connect_redis(f"redis+sentinel://{hosts}/maalem/0")
        assert time_silence(make_calls(redis)) < _SILENT_SECONDS
        with pytest.raises(RedisError, match=r"^no Sentinel that answers"):
            redis.ping()


def test_a_cluster_that_says_nothing_keeps_nobody_waiting_for_where_slots_are(
    cluster: Cluster, runtime: Runtime
) -> None:
    """Nor does a hop wait for another hop's question, of which each node is asked in vain."""
    calls = beside(runtime, cluster.url).redis_calls
    alive = [server for server in cluster.servers if server.running]
    for server in alive:
        server.signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(4) as hops:
            for _ in range(2):
                assert max(hops.map(lambda _: time_silence(calls), range(4))) < _SILENT_SECONDS
    finally:
        for server in alive:
            server.signal(signal.SIGCONT)


def test_hops_of_a_process_that_never_reached_its_cluster_wait_for_one_question(
    runtime: Runtime,
) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        hosts = ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in silent)
        settings = runtime.settings.model_copy(update={"redis_url": f"redis+cluster://{hosts}"})
        maalem = Runtime(settings, clock=runtime.clock)
        for name in ("database", "words", "network_names", "ussd", "deadline"):
            maalem.__dict__[name] = getattr(runtime, name)
        phones = [phone_of(maalem) for _ in range(4)]
        for number, phone in zip(PHONES, phones, strict=False):
            phone.number, phone.session = number, f"of {number}"
        hops, began = stack.enter_context(ThreadPoolExecutor(4)), time.monotonic()
        assert all(screen.startswith("END ") for screen in hops.map(TestPhone.post, phones))
        assert time.monotonic() - began < 2


def time_silence(calls: Calls) -> float:
    """Returns after how many seconds a call is told that nobody answers."""
    began = time.monotonic()
    with pytest.raises(Unavailable):
        calls.call(b"{b1}", "GET", "{b1}p")
    return time.monotonic() - began


def test_a_cluster_that_is_away_is_a_screen(runtime: Runtime) -> None:
    settings = runtime.settings.model_copy(update={"redis_url": "redis+cluster://127.0.0.1:1"})
    maalem = Runtime(settings, clock=runtime.clock)
    maalem.__dict__["database"] = runtime.database
    with pytest.raises(RedisError):
        assert maalem.redis
    phone = phone_of(maalem)
    phone.number, phone.session = FATIMA, "away"
    assert without_reference(phone.post()) == "END " + runtime.words.say("fr", "away")
