"""Machines whose clocks are ten seconds apart serve the same people, turn by turn."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

from app.base.operation import operation
from app.messaging.outbox import LEASE, record_dispositions
from app.messaging.retries import Disposition
from app.observe.outages import (
    end_database_outage,
    end_redis_outage,
    find_last_outage,
    note_database_away,
    note_redis_away,
)
from app.runtime import Runtime
from app.settings import Settings
from tests.conftest import NOW, TestClock
from tests.jobs.test_worker import claim, queue
from tests.mobile_money.conftest import NetworkClient, network, payment
from tests.payments.conftest import Books, books, payments
from tests.phone import TestPhone

__all__ = ["books", "network", "payments"]
HASSAN = "+212600000002"
AHEAD, BEHIND = NOW + timedelta(seconds=5), NOW - timedelta(seconds=5)


def test_a_code_of_a_clock_ahead_is_paid_by_a_clock_behind(
    runtime: Runtime, phone: TestPhone, network: NetworkClient, books: Books
) -> None:
    clock = runtime.clock
    assert isinstance(clock, TestClock)
    clock.now = AHEAD
    phone.dial(HASSAN)
    clock.now = BEHIND
    phone.answer("2")
    clock.now = AHEAD
    code = re.search(r"(\d{4}) (\d{4}) (\d{4})", phone.answer("1"))
    assert code
    clock.now = BEHIND
    number = "".join(code.groups())
    (bill,) = network.get(f"/accounts/linkref/{number}/bills").json
    identity = str(uuid4())
    told = payment(bill["amountDue"], requestingOrganisationTransactionReference="W-1")
    clock.now = AHEAD
    paid = network.post(f"/bills/{number}/payments", told, identity)
    clock.now = BEHIND
    again = network.post(f"/bills/{number}/payments", told, identity)
    assert paid.status_code == again.status_code == 201 and paid.json == again.json
    assert "Code" not in phone.dial(HASSAN), "nothing is live any more"
    undone = network.post("/transactions/W-1/reversals", {"type": "reversal"})
    assert undone.status_code == 201, undone.text
    books()


def test_a_worker_ahead_leaves_what_one_behind_is_sending(runtime: Runtime) -> None:
    """A provider is asked, and then sent to: both fit a lease, though it ends early for others."""
    clock = runtime.clock
    assert isinstance(clock, TestClock)
    clock.now = AHEAD
    queue(runtime, 1)
    clock.now = BEHIND
    assert claim(runtime, 5) == [], "due ten seconds later, there"
    clock.now = AHEAD
    (sending,) = claim(runtime, 5)
    clock.now = BEHIND + LEASE
    assert claim(runtime, 5) == []
    with operation(runtime.database, clock(), "worker") as change:
        assert len(record_dispositions(change, [(sending, Disposition("sent"))])) == 1
    clock.now = BEHIND
    queue(runtime, 2)
    assert len(claim(runtime, 5)) == 1
    clock.now = AHEAD + 2 * timedelta(seconds=longest_answer())
    assert claim(runtime, 5) == [], "who is ahead waits until the provider must have answered"


def longest_answer() -> float:
    """Returns how long a provider may be set to take, in seconds."""
    (most,) = [
        limit for limit in Settings.model_fields["sms_timeout"].metadata if hasattr(limit, "le")
    ]
    return float(most.le)


def test_an_outage_that_a_clock_ahead_saw_begin_is_ended_by_one_behind(runtime: Runtime) -> None:
    note_database_away(runtime.redis_calls, AHEAD)
    with operation(runtime.database, BEHIND, "worker") as change:
        end_database_outage(change, runtime.redis_calls)
        note_redis_away(change, AHEAD)
        end_redis_outage(change)
        last = find_last_outage(change.connection, BEHIND)
    assert last and last.ended_at == AHEAD
