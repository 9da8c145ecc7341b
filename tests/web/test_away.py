"""Redis away, PostgreSQL away, PostgreSQL standing still: a screen within 2 s, no money moved."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from app import create_app
from app.base.buckets import LATE, find_bucket
from app.base.operation import operation
from app.base.phone import Phone
from app.embedded import (
    postgres_pid,
    start_postgres,
    start_redis,
    stop_postgres,
    stop_redis,
    using_engines,
)
from app.jobs.deferred_actions import answer_deferred_actions
from app.journeys.context import Dialogue
from app.journeys.facts import Answers, Facts
from app.messaging.queries import messages_to
from app.observe.outages import (
    end_redis_outage,
    note_database_away,
    note_redis_away,
    write_moment,
)
from app.runtime import Runtime
from app.settings import LONGEST_USSD_CODE, Settings
from app.text.encoding import fits
from app.ussd.deferred import DeferredAction
from tests.conftest import TestClock, load_sample_people
from tests.outages import without_reference
from tests.phone import TestPhone
from tests.waiting import add_action, count_waiting_actions

FATIMA, HASSAN = "+212600000001", "+212600000002"
AICHA, UNKNOWN = "+212600000005", "+212600000099"
pytestmark = pytest.mark.xdist_group("engines that go away")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own-engines")


@pytest.fixture(scope="module")
def own_runtime(data_dir: Path) -> Iterator[Runtime]:
    """A runtime on engines of its own, to stop and start."""
    with using_engines(data_dir, durable=False) as urls:
        settings = Settings(
            database_url=urls.database_url, redis_url=urls.redis_url, log_level="error"
        )
        runtime = Runtime(settings, clock=TestClock())
        app = create_app(runtime)
        assert app.test_cli_runner().invoke(args=["db", "upgrade"]).exit_code == 0
        load_sample_people(runtime, data_dir)
        yield runtime
        runtime.database.dispose()
        runtime.patient_services.database.dispose()
        runtime.redis.close()


@pytest.fixture
def caller(own_runtime: Runtime) -> TestPhone:
    return TestPhone(create_app(own_runtime).test_client())


def away(runtime: Runtime, *languages: str) -> str:
    """The answer the contract wants: one short END screen, in both scripts if nothing is known."""
    key = "away" if len(languages) == 1 else "away.short"
    return "END " + "\n".join(runtime.words.say(language, key) for language in languages)


def codes(runtime: Runtime) -> int:
    with runtime.database.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM payment_code")).scalar_one()


def timed_away(phone: TestPhone) -> str:
    """The words of an outage screen, which must come within the contract's 2 s."""
    return without_reference(timed(phone))


def timed(phone: TestPhone) -> str:
    """One hop's answer; it must come within the contract's 2 s."""
    began = time.monotonic()
    answer = phone.post()
    assert time.monotonic() - began < 2
    return answer


def test_phone_gets_a_screen_with_redis_away(
    own_runtime: Runtime, caller: TestPhone, data_dir: Path
) -> None:
    caller.dial(FATIMA)
    before = codes(own_runtime)
    stop_redis(data_dir)
    try:
        caller.chain = "2*1"
        assert timed_away(caller) == away(own_runtime, "fr")
        caller.number, caller.session = AICHA, "new"
        assert timed_away(caller) == away(own_runtime, "ar")
        caller.number = UNKNOWN
        assert timed_away(caller) == away(own_runtime, "fr", "ar")
        assert codes(own_runtime) == before
    finally:
        start_redis(data_dir)
    assert "Mon AMO" in caller.dial(FATIMA)


def test_phone_gets_no_code_with_redis_away_in_the_middle(
    own_runtime: Runtime, caller: TestPhone, data_dir: Path
) -> None:
    """The process that asks for the code remembers the dialogue."""
    caller.dial(HASSAN)
    caller.answer("2")
    before = codes(own_runtime)
    stop_redis(data_dir)
    try:
        caller.chain = "2*1"
        assert timed_away(caller) == away(own_runtime, "fr")
        assert codes(own_runtime) == before
    finally:
        start_redis(data_dir)


def test_outage_screen_says_since_when_where_it_is_known(
    own_runtime: Runtime, caller: TestPhone, data_dir: Path
) -> None:
    """A worker has seen it: PostgreSQL's outage stands in Redis, and Redis's in PostgreSQL."""
    caller.dial(FATIMA)
    words, began = own_runtime.words, own_runtime.clock()
    since = words.say("fr", "away.since", {"down_since": write_moment(began, began)})
    stop_postgres(data_dir)
    try:
        note_database_away(own_runtime.redis_calls, began)
        caller.chain = "2*1"
        assert timed_away(caller) == f"END {since}"
    finally:
        start_postgres(data_dir)
        own_runtime.redis.delete("outage")
    with operation(own_runtime.database, began, "worker") as change:
        note_redis_away(change, began)
    stop_redis(data_dir)
    try:
        assert timed_away(caller) == f"END {since}"
    finally:
        start_redis(data_dir)
    with operation(own_runtime.database, began, "worker") as change:
        end_redis_outage(change)


def test_outage_screens_fit_every_phone_in_every_language(own_runtime: Runtime) -> None:
    """With the longest code that may be dialled."""
    words = own_runtime.words
    dial = {"dial": "*" + "8" * (LONGEST_USSD_CODE - 2) + "#"}
    number = {"reference": "100000"}
    screens = [
        words.say(one, "away", dial) + "\n" + words.say(one, "away.reference", number)
        for one in words.languages
    ]
    screens += [
        words.say(one, "away.since", dial | {"down_since": "28/11 22:59"})
        + "\n"
        + words.say(one, "away.reference", number)
        for one in words.languages
    ]
    both = [words.say(one, "away.short", dial) for one in ("fr", "ar")]
    screens.append("\n".join([*both, words.say("fr", "away.reference", number)]))
    for limits in own_runtime.limits.values():
        assert [screen for screen in screens if not fits(screen, limits)] == []


def test_phone_gets_a_screen_with_postgresql_away(
    own_runtime: Runtime, caller: TestPhone, data_dir: Path
) -> None:
    own_runtime.clock.now = own_runtime.clock().replace(minute=30)  # type: ignore[attr-defined]
    caller.dial(AICHA)
    before = codes(own_runtime)
    stop_postgres(data_dir)
    try:
        assert caller.answer("00"), "a hop that needs no new fact goes on"
        caller.chain += "*2*1"
        assert timed_away(caller) == timed_away(caller) == away(own_runtime, "ar")
        caller.number, caller.session, caller.chain = FATIMA, "first", "2*1"
        assert timed_away(caller) == away(own_runtime, "fr", "ar")
    finally:
        start_postgres(data_dir)
    assert codes(own_runtime) == before
    assert "Code " in caller.dial(AICHA, "2*1"), "the first hop after it returned"


def test_phone_gets_a_screen_with_postgresql_standing_still(
    own_runtime: Runtime, caller: TestPhone, data_dir: Path
) -> None:
    """A server that accepts and never answers is the worst kind of away."""
    caller.dial(FATIMA)
    processes = _family(postgres_pid(data_dir))
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        caller.session, caller.chain = "still", "2*1"
        assert timed(caller).startswith("END ")
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
    first = caller.dial(FATIMA, "2*1")
    assert first == caller.dial(FATIMA, "2*1")


def test_slow_action_is_answered_by_sms(
    own_runtime: Runtime, caller: TestPhone, data_dir: Path
) -> None:
    """The job is kept, really done, and done once; the talk it was asked in is over."""
    caller.dial(HASSAN)
    caller.answer("2")
    before = codes(own_runtime)
    processes = _family(postgres_pid(data_dir))
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        caller.chain = "2*1"
        promised = timed(caller)
        assert promised == timed(caller) == f"END {own_runtime.words.say('fr', 'deferred')}"
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
    assert answer_deferred_actions(own_runtime, "one") == 1
    assert answer_deferred_actions(own_runtime, "two") == 0
    assert codes(own_runtime) == before + 1
    with own_runtime.database.connect() as connection:
        (newest, *_) = messages_to(connection, Phone(HASSAN))
    assert newest.text.startswith("Maalem *384#: code ")
    shown = caller.dial(HASSAN, "2*1")
    assert " ".join(newest.text.split()[3:6]).rstrip(",") in shown


def test_deferred_action_of_a_dead_worker_is_claimed_again(own_runtime: Runtime) -> None:
    now, services = own_runtime.clock(), own_runtime.services
    dialogue = Dialogue(Phone(HASSAN), "fr", Facts(), Answers(), now, "k", services)
    deferred = DeferredAction.of("look_at_rights", dialogue)
    queue = own_runtime.deferred_actions
    add_action(own_runtime, queue.sign(deferred))
    assert [action for _, action in queue.claim("dead", 8)] == [deferred]
    assert list(queue.claim("alive", 8)) == []
    stream = find_bucket(Phone(FATIMA)) + LATE
    pending = own_runtime.redis.xpending_range(stream, "workers", "-", "+", 8)
    identities = [entry["message_id"] for entry in pending]
    own_runtime.redis.xclaim(stream, "workers", "dead", 0, identities, idle=90_000)
    taken = list(queue.claim("alive", 8))
    assert [action for _, action in taken] == [deferred]
    queue.mark_done(taken[0][0])
    assert list(queue.claim("alive", 8)) == []
    assert count_waiting_actions(own_runtime) == 0


def test_slow_pages_never_keep_a_phone_waiting(
    own_runtime: Runtime, caller: TestPhone, data_dir: Path
) -> None:
    """Pages give up as soon as phones do, and take no more threads than their share."""
    app = create_app(own_runtime)
    caller.dial(FATIMA)

    def look(_number: int) -> tuple[int, float]:
        began = time.monotonic()
        return app.test_client().get("/readyz").status_code, time.monotonic() - began

    processes = _family(postgres_pid(data_dir))
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(12) as pages:
            looked = pages.map(look, range(12))
            caller.session, caller.chain = "beside pages", "2*1"
            assert timed(caller).startswith("END ")
            answers = list(looked)
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < 2
    assert sum(seconds > 0.5 for _, seconds in answers) <= 1


def test_readyz_names_the_engines_away(own_runtime: Runtime, data_dir: Path) -> None:
    client = create_app(own_runtime).test_client()
    assert client.get("/readyz").status_code == 200
    stop_redis(data_dir)
    try:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json) == (503, {"status": "away", "away": ["redis"]})
        assert client.get("/healthz").status_code == 200
    finally:
        start_redis(data_dir)
    assert client.get("/readyz").status_code == 200


def _family(pid: int | None) -> list[int]:
    assert pid
    parent = psutil.Process(pid)
    return [child.pid for child in parent.children(recursive=True)] + [pid]
