"""The worker: every message goes out, once, whoever is killed and whatever is away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from app.base.database import transaction
from app.base.phone import Phone
from app.jobs.worker import Worker
from app.messaging.sending import GIVEN_UP_AFTER, LEASE, claim_messages, send_claimed
from app.messaging.service import queue_message
from app.runtime import Runtime
from app.settings import ROOT
from app.sms.provider import NotSent, OutgoingSms

VALUES = {
    "receipt": "10000017",
    "total": "163,52 DH",
    "received_on": "23/11/2026",
    "period": "11/2026",
    "agency": "W-RABAT-01",
}


class Refusing:
    """A provider that refuses as told, and cannot be asked."""

    name = "refusing"

    def __init__(self, refusal: NotSent | None) -> None:
        self.refusal = refusal
        self.taken: list[str] = []

    def send(self, sms: OutgoingSms) -> str:
        if self.refusal:
            raise self.refusal
        self.taken.append(sms.reference)
        return "their-reference"

    def find(self, reference: str) -> str | None:
        raise LookupError


def queue(runtime: Runtime, count: int) -> None:
    with transaction(runtime.database) as connection:
        for number in range(count):
            queue_message(
                connection,
                runtime.words,
                kind="receipt",
                event=str(number),
                phone=Phone("+212600000001"),
                language="fr",
                values=VALUES,
                now=runtime.clock(),
            )


def states(runtime: Runtime) -> dict[str, int]:
    with runtime.database.connect() as connection:
        rows = connection.execute(text("SELECT state, count(*) FROM message GROUP BY 1"))
        return {row[0]: row[1] for row in rows}


def test_an_event_is_told_once(runtime: Runtime) -> None:
    queue(runtime, 3)
    queue(runtime, 3)
    assert states(runtime) == {"queued": 3}


def test_two_workers_never_claim_the_same(runtime: Runtime) -> None:
    queue(runtime, 40)

    def claim(_number: int) -> list[int]:
        with transaction(runtime.database) as connection:
            return [message.id for message in claim_messages(connection, runtime.clock(), 10)]

    with ThreadPoolExecutor(4) as workers:
        claimed = [one for batch in workers.map(claim, range(4)) for one in batch]
    assert len(claimed) == len(set(claimed)) == 40


def test_a_refusal_is_tried_again_later_and_given_up_in_the_end(runtime: Runtime) -> None:
    queue(runtime, 1)
    provider = Refusing(NotSent("throttled", again="here"))
    begun = runtime.clock()
    state = "queued"
    while state == "queued":
        with transaction(runtime.database) as connection:
            (claimed,) = claim_messages(connection, runtime.clock(), 5)
        state = send_claimed(runtime.database, provider, claimed, runtime.clock)
        with transaction(runtime.database) as connection:
            assert claim_messages(connection, runtime.clock(), 5) == []
        runtime.clock.now += timedelta(hours=1)  # type: ignore[attr-defined]
    assert state == "failed"
    assert GIVEN_UP_AFTER < runtime.clock() - begun < GIVEN_UP_AFTER + timedelta(hours=3)


def test_a_final_refusal_is_final(runtime: Runtime) -> None:
    queue(runtime, 1)
    with transaction(runtime.database) as connection:
        (claimed,) = claim_messages(connection, runtime.clock(), 5)
    provider = Refusing(NotSent("invalid number", again="never"))
    assert send_claimed(runtime.database, provider, claimed, runtime.clock) == "failed"


@pytest.mark.parametrize("asked_first", [True, False])
def test_a_message_of_a_dead_worker_is_taken_over(runtime: Runtime, asked_first: bool) -> None:
    """Killed after sending: a provider that can be asked is asked, and sends nothing twice."""
    queue(runtime, 1)
    with transaction(runtime.database) as connection:
        (claimed,) = claim_messages(connection, runtime.clock(), 5)
    provider = runtime.sms_provider if asked_first else Refusing(None)
    provider.send(OutgoingSms(claimed.reference, claimed.phone, claimed.body))
    runtime.clock.now += LEASE  # type: ignore[attr-defined]
    with transaction(runtime.database) as connection:
        assert claim_messages(connection, runtime.clock(), 5) == []
    runtime.clock.now += timedelta(seconds=1)  # type: ignore[attr-defined]
    with transaction(runtime.database) as connection:
        (heir,) = claim_messages(connection, runtime.clock(), 5)
    assert heir.taken_over
    assert send_claimed(runtime.database, provider, heir, runtime.clock) == "sent"
    if asked_first:
        assert runtime.redis.get(f"sms:log:{claimed.reference}") == b"1"
    else:
        assert len(provider.taken) == 2  # type: ignore[attr-defined]


def test_a_worker_thought_dead_does_not_overwrite_its_heir(runtime: Runtime) -> None:
    queue(runtime, 1)
    with transaction(runtime.database) as connection:
        (slow,) = claim_messages(connection, runtime.clock(), 5)
    runtime.clock.now += LEASE + timedelta(seconds=1)  # type: ignore[attr-defined]
    with transaction(runtime.database) as connection:
        (heir,) = claim_messages(connection, runtime.clock(), 5)
    send_claimed(runtime.database, runtime.sms_provider, heir, runtime.clock)
    refusing = Refusing(NotSent("late", again="here"))
    send_claimed(runtime.database, refusing, slow, runtime.clock)
    assert states(runtime) == {"sent": 1}


def test_a_stopping_worker_finishes_what_it_holds(runtime: Runtime) -> None:
    queue(runtime, 30)
    worker = Worker(runtime, at_once=4)
    with ThreadPoolExecutor(1) as beside, ThreadPoolExecutor(4) as senders:
        running = beside.submit(worker.run)
        deadline = time.monotonic() + 10
        while states(runtime).get("sent", 0) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        worker.stopping.set()
        running.result(10)
        assert "sending" not in states(runtime)
        while worker.send_waiting(senders):
            pass
    assert states(runtime) == {"sent": 30}


def spawn(runtime: Runtime) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "DATABASE_URL": runtime.settings.database_url,
        "REDIS_URL": runtime.settings.redis_url,
        "LOG_LEVEL": "error",
    }
    flask = Path(sys.executable).parent / "flask"
    return subprocess.Popen([str(flask), "worker"], env=environment, cwd=ROOT)


def test_killed_at_any_moment_loses_none_and_doubles_none(runtime: Runtime) -> None:
    """kill -9 in the middle, again and again; leases are run out by hand to save waiting."""
    total = 400
    queue(runtime, total)
    random = Random(20261123)
    for _ in range(4):
        worker = spawn(runtime)
        before = states(runtime).get("sent", 0)
        wait_for(lambda before=before: states(runtime).get("sent", 0) > before)  # type: ignore[misc]
        time.sleep(random.random() / 20)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        with transaction(runtime.database) as connection:
            connection.execute(
                text("UPDATE message SET leased_until = '2020-01-01' WHERE state = 'sending'")
            )
    worker = spawn(runtime)
    wait_for(lambda: states(runtime) == {"sent": total})
    worker.terminate()
    assert worker.wait(10) == 0
    times = [runtime.redis.get(key) for key in runtime.redis.scan_iter("sms:log:*")]
    assert times == [b"1"] * total


def wait_for(happened: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
