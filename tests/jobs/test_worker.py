"""The worker: every message goes out once, even if a worker is killed or an engine is away."""

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
from app.base.operation import operation
from app.base.phone import Phone
from app.jobs.sending import Sender
from app.jobs.worker import Worker
from app.messaging.models import ANSWER, CAMPAIGN
from app.messaging.opt_outs import record_provider_opt_out
from app.messaging.outbox import LEASE, ClaimedMessage, claim_messages, record_dispositions
from app.messaging.retries import GIVEN_UP_AFTER, Disposition
from app.messaging.routing import Capacity, RoutingPolicy
from app.messaging.service import OutboundMessage, queue_message
from app.runtime import Runtime
from app.settings import ROOT
from app.sms.provider import DeliveryUnknown, OutgoingSms, SendRefused

VALUES = {
    "receipt": "10000017",
    "total": "163,52 DH",
    "received_on": "23/11/2026",
    "period": "11/2026",
    "agency": "Wafacash Agdal",
    "for_whom": "FATIMA Z.",
}


class ScriptedProvider:
    """A provider that raises `failure`, or accepts the message if that is None."""

    def __init__(
        self, name: str = "one", failure: Exception | None = None, *, can_be_asked: bool = False
    ) -> None:
        self.name, self.failure, self.can_be_asked = name, failure, can_be_asked
        self.accepted: list[str] = []

    def send(self, sms: OutgoingSms) -> str:
        if self.failure is None or isinstance(self.failure, DeliveryUnknown):
            self.accepted.append(sms.reference)
        if self.failure:
            raise self.failure
        return f"{self.name}-{sms.reference}-{len(self.accepted)}"

    def find(self, sms: OutgoingSms) -> str | None:
        assert self.can_be_asked
        return f"{self.name}-{sms.reference}-1" if sms.reference in self.accepted else None


def queue(runtime: Runtime, count: int, priority: int = ANSWER) -> None:
    with operation(runtime.database, runtime.clock(), "worker") as change:
        for number in range(count):
            message = OutboundMessage(
                kind="receipt",
                event=f"{priority}:{number}",
                phone=Phone("+212600000001"),
                language="fr",
                values=VALUES,
                priority=priority,
            )
            queue_message(change, runtime.services, message)


def states(runtime: Runtime) -> dict[str, int]:
    with runtime.database.connect() as connection:
        rows = connection.execute(text("SELECT state, count(*) FROM message GROUP BY 1"))
        return {row[0]: row[1] for row in rows}


def column(runtime: Runtime, name: str) -> list[object]:
    with runtime.database.connect() as connection:
        return list(connection.execute(text(f"SELECT {name} FROM message ORDER BY id")).scalars())


def claim(runtime: Runtime, most: int, *providers: str) -> list[ClaimedMessage]:
    names = providers or ("one",)
    choice = RoutingPolicy(names, {names[0]: 1}, Capacity(dict.fromkeys(names, most)), Random(1))
    with operation(runtime.database, runtime.clock(), "worker") as change:
        return claim_messages(change, choice, most)


def send_all(runtime: Runtime, *providers: ScriptedProvider, hours: float = 0) -> None:
    """Sends until nothing is due, then moves the clock on by `hours`."""
    sender = Sender(runtime, {provider.name: provider for provider in providers})
    while sender.do():
        pass
    sender.stop()
    runtime.clock.now += timedelta(hours=hours)  # type: ignore[attr-defined]


def test_queue_message_queues_an_event_once(runtime: Runtime) -> None:
    queue(runtime, 3)
    queue(runtime, 3)
    assert states(runtime) == {"queued": 3}


def test_claim_messages_by_workers_at_once_never_shares_one(runtime: Runtime) -> None:
    queue(runtime, 40)
    with ThreadPoolExecutor(4) as workers:
        batches = workers.map(lambda _: [m.attempt.id for m in claim(runtime, 10)], range(4))
        claimed = [number for batch in batches for number in batch]
    assert len(claimed) == len(set(claimed)) == 40


def test_claim_messages_takes_answers_before_campaigns(runtime: Runtime) -> None:
    queue(runtime, 5, CAMPAIGN)
    queue(runtime, 5, ANSWER)
    assert {message.attempt.priority for message in claim(runtime, 5)} == {ANSWER}
    assert {message.attempt.priority for message in claim(runtime, 5)} == {CAMPAIGN}


def test_sender_retries_a_refusal_later_and_gives_up_after_three_days(runtime: Runtime) -> None:
    queue(runtime, 1)
    begun = runtime.clock()
    while states(runtime) == {"queued": 1}:
        send_all(runtime, ScriptedProvider(failure=SendRefused("throttled", retry="same")), hours=1)
    assert states(runtime) == {"failed": 1}
    assert GIVEN_UP_AFTER < runtime.clock() - begun < GIVEN_UP_AFTER + timedelta(hours=3)


def test_sender_fails_a_message_refused_for_good(runtime: Runtime) -> None:
    queue(runtime, 1)
    first, second = (
        ScriptedProvider(failure=SendRefused("invalid number", retry="never")),
        ScriptedProvider("two"),
    )
    send_all(runtime, first, second, hours=1)
    send_all(runtime, first, second)
    assert states(runtime) == {"failed": 1} and second.accepted == []


def test_sender_tries_a_provider_three_times_and_then_the_next(runtime: Runtime) -> None:
    queue(runtime, 1)
    first, second = (
        ScriptedProvider(failure=SendRefused("busy", retry="same")),
        ScriptedProvider("two"),
    )
    for _ in range(3):
        assert states(runtime) == {"queued": 1}
        send_all(runtime, first, second, hours=0.2)
    assert states(runtime) == {"sent": 1}
    assert column(runtime, "provider") == ["two"] and column(runtime, "attempts") == [4]


def test_sender_tries_the_next_provider_at_once_where_the_first_cannot(runtime: Runtime) -> None:
    queue(runtime, 3)
    second = ScriptedProvider("two")
    send_all(runtime, ScriptedProvider(failure=SendRefused("no route", retry="other")), second)
    assert states(runtime) == {"sent": 3} and len(second.accepted) == 3


def test_sender_sends_receipts_by_another_provider_after_an_opt_out(runtime: Runtime) -> None:
    queue(runtime, 1, ANSWER)
    queue(runtime, 1, CAMPAIGN)
    second = ScriptedProvider("two")
    send_all(
        runtime, ScriptedProvider(failure=SendRefused("stop", retry="never", stopped=True)), second
    )
    assert states(runtime) == {"sent": 1, "cancelled": 1}
    assert second.accepted == ["maalem-1"]


@pytest.mark.parametrize("can_be_asked", [True, False])
def test_sender_asks_about_silence_or_sends_again_and_counts(
    runtime: Runtime, can_be_asked: bool
) -> None:
    queue(runtime, 1)
    first = ScriptedProvider(failure=DeliveryUnknown("cut"), can_be_asked=can_be_asked)
    send_all(runtime, first, hours=0.2)
    assert states(runtime) == {"queued": 1}
    first.failure = None
    send_all(runtime, first)
    assert states(runtime) == {"sent": 1}
    assert len(first.accepted) == (1 if can_be_asked else 2)
    assert column(runtime, "resent_unknown") == [0 if can_be_asked else 1]


def test_sender_never_resends_a_campaign_of_unknown_delivery(runtime: Runtime) -> None:
    queue(runtime, 1, CAMPAIGN)
    first = ScriptedProvider(failure=DeliveryUnknown("cut"))
    send_all(runtime, first, hours=1)
    send_all(runtime, first)
    assert states(runtime) == {"unknown": 1} and len(first.accepted) == 1


@pytest.mark.parametrize(("can_be_asked", "priority"), [(True, 0), (False, 0), (False, 1)])
def test_sender_takes_over_a_dead_worker_s_message(
    runtime: Runtime, can_be_asked: bool, priority: int
) -> None:
    """The worker dies after sending. Asking saves a second message; without it that is counted."""
    queue(runtime, 1, priority)
    (claimed,) = claim(runtime, 5)
    provider = ScriptedProvider(can_be_asked=can_be_asked)
    provider.send(OutgoingSms(claimed.reference, claimed.phone, claimed.body))
    runtime.clock.now += LEASE  # type: ignore[attr-defined]
    assert claim(runtime, 5) == []
    runtime.clock.now += timedelta(seconds=1)  # type: ignore[attr-defined]
    send_all(runtime, provider)
    resent = not can_be_asked and priority == ANSWER
    assert states(runtime) == {"sent" if can_be_asked or resent else "unknown": 1}
    assert len(provider.accepted) == (2 if resent else 1)
    assert column(runtime, "resent_unknown") == [int(resent)]


def test_record_dispositions_ignores_a_worker_whose_lease_is_over(runtime: Runtime) -> None:
    queue(runtime, 1)
    (slow,) = claim(runtime, 5)
    runtime.clock.now += LEASE + timedelta(seconds=1)  # type: ignore[attr-defined]
    provider = ScriptedProvider(can_be_asked=True)
    send_all(runtime, provider)
    with operation(runtime.database, runtime.clock(), "worker") as change:
        too_late = [(slow, Disposition("failed", error="late"))]
        assert record_dispositions(change, too_late) == []
    assert states(runtime) == {"sent": 1}


def stop(runtime: Runtime, *providers: str) -> None:
    with operation(runtime.database, runtime.clock(), "worker") as change:
        for provider in providers:
            record_provider_opt_out(change, provider, Phone("+212600000001"))


def test_claim_messages_keeps_refusals_while_the_other_has_no_capacity(runtime: Runtime) -> None:
    """Who refused it stays known while the other has no room; where all have, it begins anew."""
    queue(runtime, 1)
    first, second = (
        ScriptedProvider(failure=SendRefused("no route", retry="other")),
        ScriptedProvider("two"),
    )
    busy = RoutingPolicy(("one", "two"), {"one": 1}, Capacity({"one": 1, "two": 0}), Random(1))
    with operation(runtime.database, runtime.clock(), "worker") as change:
        change.connection.execute(text("UPDATE message SET refused_by = '{one}'"))
        assert claim_messages(change, busy, 5) == []
    assert column(runtime, "refused_by") == [["one"]]
    runtime.clock.now += timedelta(seconds=9)  # type: ignore[attr-defined]
    stop(runtime, "two")
    send_all(runtime, first, second, hours=0.2)
    assert column(runtime, "refused_by") == [[]] and second.accepted == []
    first.failure = None
    send_all(runtime, first, second)
    assert states(runtime) == {"sent": 1}


def test_sender_fails_a_message_to_who_opted_out_everywhere(runtime: Runtime) -> None:
    queue(runtime, 1)
    stop(runtime, "one", "two")
    first, second = ScriptedProvider(), ScriptedProvider("two")
    send_all(runtime, first, second)
    assert states(runtime) == {"failed": 1} and not first.accepted + second.accepted


def test_sender_cancels_useless_messages(runtime: Runtime) -> None:
    queue(runtime, 2, CAMPAIGN)
    with transaction(runtime.database) as connection:
        connection.execute(
            text("UPDATE message SET useful_until = :now WHERE id = 1"), {"now": runtime.clock()}
        )
    first = ScriptedProvider()
    sender = Sender(runtime, {"one": first}, lambda _operation, ids: ids)
    sender.do()
    sender.stop()
    assert states(runtime) == {"cancelled": 2} and first.accepted == []
    assert column(runtime, "error") == ["too late", "not wanted any more"]


def test_sender_leaves_campaigns_waiting_outside_their_hours(runtime: Runtime) -> None:
    queue(runtime, 1, CAMPAIGN)
    queue(runtime, 1, ANSWER)
    first = ScriptedProvider()
    sender = Sender(runtime, {"one": first})
    while sender.do(campaigns=False):
        pass
    sender.stop()
    assert states(runtime) == {"sent": 1, "queued": 1} and first.accepted == ["maalem-2"]


def test_failing_provider_rests_is_probed_and_comes_back_slowly(runtime: Runtime) -> None:
    queue(runtime, 60)
    first = ScriptedProvider(failure=SendRefused("http 503", retry="same", faulty=True))
    second = ScriptedProvider("two")
    sender = Sender(runtime, {"one": first, "two": second})
    while sender.do():
        pass
    (rest,) = resting(runtime)
    assert rest == ("one", 1)
    # What was refused before it rested went on by the other, at once or at its time.
    runtime.clock.now += timedelta(seconds=7)  # type: ignore[attr-defined]
    while sender.do():
        pass
    assert states(runtime) == {"sent": 60} and len(second.accepted) == 60
    # Its rest is over: one message alone goes to it, and it rests twice as long.
    runtime.clock.now += timedelta(seconds=20)  # type: ignore[attr-defined]
    queue(runtime, 90)
    while sender.do():
        pass
    assert resting(runtime) == [("one", 2)]
    assert states(runtime) == {"sent": 89, "queued": 1}
    # Well again: not all at once.
    first.failure = None
    runtime.clock.now += timedelta(seconds=60)  # type: ignore[attr-defined]
    queue(runtime, 150)
    sender.do()
    sender.stop()
    assert resting(runtime) == []
    assert 1 <= len(first.accepted) <= 3


def test_provider_that_asks_for_time_rests_without_being_unwell(runtime: Runtime) -> None:
    queue(runtime, 4)
    throttled = SendRefused("http 429", retry="same", faulty=True, rest_seconds=3)
    first = ScriptedProvider(failure=throttled)
    sender = Sender(runtime, {"one": first})
    while sender.do():
        pass
    assert resting(runtime) == [("one", 0)] and states(runtime) == {"queued": 4}
    first.failure = None
    runtime.clock.now += timedelta(seconds=2.9)  # type: ignore[attr-defined]
    assert sender.do() == 0
    runtime.clock.now += timedelta(seconds=2)  # type: ignore[attr-defined]
    # No probe and no slow start: all that are due go at once.
    sender.do()
    sender.stop()
    assert len(first.accepted) == 4


def resting(runtime: Runtime) -> list[tuple[str, int]]:
    with runtime.database.connect() as connection:
        rows = connection.execute(
            text("SELECT provider, rests FROM provider_health WHERE resting_until IS NOT NULL")
        )
        return [(row[0], row[1]) for row in rows]


def test_outage_of_all_providers_costs_no_attempts(runtime: Runtime) -> None:
    queue(runtime, 300)
    first = ScriptedProvider(failure=SendRefused("no network", retry="same", faulty=True))
    sender = Sender(runtime, {"one": first})
    for _ in range(200):
        sender.do()
        runtime.clock.now += timedelta(seconds=3)  # type: ignore[attr-defined]
    sender.stop()
    assert states(runtime) == {"queued": 300}
    tries = sum(column(runtime, "attempts"))  # type: ignore[arg-type]
    # The first handful, then probes alone.
    assert tries < runtime.settings.sms_at_once + 20


def test_rate_holds_for_all_workers_together(runtime: Runtime) -> None:
    queue(runtime, 100)
    runtime.settings = runtime.settings.model_copy(update={"sms_rates": {"one": 10}})
    try:
        first = ScriptedProvider()
        senders = [Sender(runtime, {"one": first}) for _ in range(3)]
        begun = time.monotonic()
        while len(first.accepted) < 30 and time.monotonic() - begun < 10:
            for sender in senders:
                sender.do()
        for sender in senders:
            sender.stop()
        # 30 at 10 a second: never done before two windows have passed.
        assert time.monotonic() - begun > 1
    finally:
        runtime.settings = runtime.settings.model_copy(update={"sms_rates": {}})


def test_weights_share_messages_out(runtime: Runtime) -> None:
    queue(runtime, 400)
    runtime.settings = runtime.settings.model_copy(update={"sms_weights": {"one": 3, "two": 1}})
    try:
        first, second = ScriptedProvider(), ScriptedProvider("two")
        send_all(runtime, first, second)
        assert len(first.accepted) + len(second.accepted) == 400
        assert 60 < len(second.accepted) < 140
    finally:
        runtime.settings = runtime.settings.model_copy(update={"sms_weights": {}})


def test_stopping_worker_finishes_what_it_holds(runtime: Runtime) -> None:
    queue(runtime, 300)
    worker = Worker(runtime)
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(worker.run)
        wait_for(lambda: states(runtime).get("sent", 0) > 4)
        worker.stopping.set()
        running.result(10)
    assert "sending" not in states(runtime)
    # What a busy Redis kept the log from taking is due again some seconds later.
    runtime.clock.now += timedelta(hours=1)  # type: ignore[attr-defined]
    send_all(runtime, ScriptedProvider("log"))
    assert states(runtime) == {"sent": 300}


def spawn(runtime: Runtime) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "DATABASE_URL": runtime.settings.database_url,
        "REDIS_URL": runtime.settings.redis_url,
        "SMS_AT_ONCE": "16",
        "LOG_LEVEL": "error",
    }
    flask = Path(sys.executable).parent / "flask"
    return subprocess.Popen([str(flask), "worker"], env=environment, cwd=ROOT)


def test_worker_killed_at_any_moment_loses_none_and_doubles_none(runtime: Runtime) -> None:
    """kill -9 in the middle, again and again; leases are run out by hand to save waiting."""
    total = 1500
    queue(runtime, total)
    random = Random(20261123)
    for _ in range(4):
        before = states(runtime).get("sent", 0)
        if before == total:
            break
        worker = spawn(runtime)
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


def wait_for(happened: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
