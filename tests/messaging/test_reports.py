"""Reports in whatever order: forward only, final states stay, nothing told is lost."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.base.operation import Operation, operation
from app.messaging.models import ENDED, STATES
from app.messaging.reports import (
    apply_missed_reports,
    apply_waiting_reports,
    store_report,
    time_out_reports,
)
from app.runtime import Runtime
from app.sms.provider import Outcome, Report
from tests.database import empty
from tests.journeys.other_parties import OtherParties

FATIMA = "+212600000001"
BOTH = ("africastalking", "twilio")
# The word of each outcome.
WORDS: dict[str, Outcome | None] = {
    "sent": "on_the_way",
    "delivered": "delivered",
    "undelivered": "failed",
    "teleported": None,
}
RANK = {state: 2 if state in ENDED else int(state in {"sent", "unknown"}) for state in STATES}


class StoredMessages:
    """Messages in any state, and what providers say of them."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.others = runtime, OtherParties(runtime)

    def add(self, state: str, kind: str = "receipt", event: str = "7", **values: Any) -> int:
        now = self.runtime.clock()
        row = {
            "event_key": f"{kind}:{event}",
            "kind": kind,
            "state": state,
            "phone": FATIMA,
            "language": "fr",
            "body": "Maalem: recu 7.",
            "now": now,
            "ended": now if state in ENDED else None,
            "leased": now + timedelta(seconds=30) if state == "sending" else None,
            "sent": None if state in {"queued", "sending"} else now,
            "provider": None if state in {"queued", "sending"} else "twilio",
            "reference": None if state in {"queued", "sending", "unknown"} else "SM7",
            **values,
        }
        found = self.others.run(
            "INSERT INTO message (event_key, kind, state, phone, language, body, encoding,"
            " units, segments, created_at, due_at, ended_at, leased_until, sent_at, provider,"
            " provider_reference)"
            " VALUES (:event_key, :kind, :state, :phone, :language, :body, 'GSM-7', 6, 1,"
            " :now, :now, :ended, :leased, :sent, :provider, :reference) RETURNING id",
            **row,
        )
        number = found[0][0]
        assert isinstance(number, int)
        return number

    def change(self) -> AbstractContextManager[Operation]:
        return operation(self.runtime.database, self.runtime.clock(), "worker")

    def tell(
        self, status: str, reference: str = "SM7", provider: str = "twilio", **more: Any
    ) -> str:
        providers = more.pop("providers", BOTH)
        report = Report(reference, status, WORDS[status], **more)
        with self.change() as change:
            return store_report(change, provider, report, providers)

    def state(self, number: int) -> str:
        return str(self.others.run("SELECT state FROM message WHERE id = :id", id=number)[0][0])

    def queued_again(self) -> list[tuple[object, ...]]:
        return self.others.run(
            "SELECT state, language, body, refused_by FROM message"
            " WHERE right(event_key, 5) = 'again'"
        )


@pytest.fixture
def outbox(runtime: Runtime) -> StoredMessages:
    return StoredMessages(runtime)


# What each report makes of each state, when it names the provider's reference.
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("status", WORDS)
def test_store_report_moves_each_state_by_each_word(
    outbox: StoredMessages, state: str, status: str
) -> None:
    number = outbox.add(state)
    came = outbox.tell(status, message_id=number)
    moves = {"delivered": "delivered", "undelivered": "failed", "sent": "sent"}
    may = {
        "delivered": {"queued", "sending", "sent", "unknown"},
        "undelivered": {"sent", "unknown"},
        "sent": {"unknown"},
        "teleported": set(),
    }
    after = moves[status] if state in may[status] else state
    assert outbox.state(number) == after
    quiet = "unknown_word" if status == "teleported" else "noted"
    assert came == (after if after != state else quiet)
    (row,) = outbox.others.run("SELECT ended_at, leased_until FROM message WHERE id = :i", i=number)
    assert (row[0] is not None) == (after in ENDED) and (row[1] is not None) == (after == "sending")


TOLD = st.tuples(
    st.sampled_from(list(WORDS)),
    st.sampled_from(["SM7", "SM8"]),
    st.sampled_from(BOTH),
    st.booleans(),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(state=st.sampled_from(STATES), told=st.lists(TOLD, max_size=8))
def test_store_report_never_moves_a_message_backwards(
    runtime: Runtime, state: str, told: list[tuple[str, str, str, bool]]
) -> None:
    empty(runtime.owners_database)
    outbox = StoredMessages(runtime)
    number = outbox.add(state)
    for status, reference, provider, ours in told:
        before = outbox.state(number)
        outbox.tell(status, reference, provider, message_id=number if ours else None)
        after = outbox.state(number)
        assert RANK[after] >= RANK[before]
        assert after == before or before not in ENDED
    kept = outbox.others.run("SELECT coalesce(sum(times), 0)::int FROM delivery_report")
    assert kept == [(len(told),)]


def test_store_report_counts_a_repeated_report(outbox: StoredMessages) -> None:
    number = outbox.add("sent")
    assert [outbox.tell("delivered") for _ in range(3)] == ["delivered", "repeated", "repeated"]
    assert outbox.tell("undelivered") == "noted"
    assert outbox.state(number) == "delivered"
    rows = outbox.others.run("SELECT status, times FROM delivery_report ORDER BY id")
    assert rows == [("delivered", 3), ("undelivered", 1)]


def test_apply_waiting_reports_moves_a_message_reported_too_soon(outbox: StoredMessages) -> None:
    number = outbox.add("sending")
    assert outbox.tell("sent") == outbox.tell("delivered") == "waiting"
    outbox.others.run(
        "UPDATE message SET state = 'sent', leased_until = NULL, provider = 'twilio',"
        " provider_reference = 'SM7', sent_at = created_at"
    )
    with outbox.change() as change:
        assert apply_waiting_reports(change, [number, 999], BOTH) == 1
        assert apply_waiting_reports(change, [number, 999], BOTH) == 0
    assert outbox.state(number) == "delivered"


def test_apply_missed_reports_moves_a_message_whose_report_crossed(outbox: StoredMessages) -> None:
    outbox.tell("undelivered", reason="error 30003")
    number = outbox.add("sent")
    with outbox.change() as change:
        assert apply_missed_reports(change, BOTH) == 1
        assert apply_missed_reports(change, BOTH) == 0
    assert outbox.others.run("SELECT state, error FROM message WHERE id = :i", i=number) == [
        ("failed", "error 30003")
    ]
    assert len(outbox.queued_again()) == 1


def test_time_out_reports_ends_messages_after_three_days(outbox: StoredMessages) -> None:
    sent, unknown = outbox.add("sent"), outbox.add("unknown", event="8")
    queued = outbox.add("queued", event="9")
    for hours, ended in ((72, 0), (0.01, 2), (1, 0)):
        outbox.others.wait(hours * 3600)
        with outbox.change() as change:
            assert time_out_reports(change) == ended
    states = [outbox.state(number) for number in (sent, unknown, queued)]
    assert states == ["unreported", "unreported", "queued"]
    assert outbox.tell("delivered") == "noted"
    assert outbox.state(sent) == "unreported"


def test_store_report_queues_a_failed_receipt_once_more(outbox: StoredMessages) -> None:
    outbox.add("sent")
    assert outbox.tell("undelivered") == "failed"
    outbox.tell("undelivered")
    assert outbox.queued_again() == [("queued", "fr", "Maalem: recu 7.", ["twilio"])]
    outbox.others.run(
        "UPDATE message SET state = 'sent', provider = 'africastalking', sent_at = created_at,"
        " provider_reference = 'AT7' WHERE right(event_key, 5) = 'again'"
    )
    outbox.tell("undelivered", "AT7", "africastalking")
    assert len(outbox.queued_again()) == 1, "once"


@pytest.mark.parametrize("providers", [(), ("twilio",)])
def test_store_report_queues_nothing_again_with_one_provider(
    outbox: StoredMessages, providers: tuple[str, ...]
) -> None:
    outbox.add("sent")
    outbox.tell("undelivered", providers=providers)
    assert outbox.queued_again() == []


def test_store_report_queues_again_only_receipts_by_a_new_provider(outbox: StoredMessages) -> None:
    outbox.add("sent", kind="reminder_week")
    refused = outbox.add("sent", event="8", reference="SM8")
    outbox.others.run("UPDATE message SET refused_by = '{africastalking}' WHERE id = :i", i=refused)
    outbox.tell("undelivered")
    outbox.tell("undelivered", "SM8")
    assert outbox.queued_again() == []


def test_store_report_of_an_opt_out_ends_reminders_once(outbox: StoredMessages) -> None:
    outbox.add("sent")
    outbox.tell("undelivered", "SM-not-ours", stopped=True)
    stops = "SELECT provider, phone FROM provider_opt_out"
    assert outbox.others.run(stops) == []
    outbox.tell("undelivered", reason="error 21610", stopped=True)
    wants = "SELECT reminders, changed_by FROM phone_preference"
    assert outbox.others.run(stops) == [("twilio", FATIMA)]
    assert outbox.others.run(wants) == [(False, "twilio")]
    outbox.others.wait(60)
    outbox.others.run("DELETE FROM provider_opt_out")
    outbox.others.run(
        "UPDATE phone_preference SET reminders = true, changed_at = :now",
        now=outbox.runtime.clock(),
    )
    outbox.tell("undelivered", stopped=True)
    with outbox.change() as change:
        apply_missed_reports(change)
    assert outbox.others.run(wants)[0][0] is True, "START came after it"
