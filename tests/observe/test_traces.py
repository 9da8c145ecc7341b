"""Traces: what a call did, at a collector that reads OTLP; nobody's number in it, nobody waits."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from secrets import token_hex
from threading import Event
from typing import Any

import pytest
from flask import Flask
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import REGISTRY

from app import create_app
from app.base.database import reading
from app.base.errors import Unavailable
from app.base.spans import Trace
from app.jobs.deferred_actions import answer_deferred_actions
from app.jobs.sending import Sender
from app.observe.references import find_reference
from app.observe.traces import TraceSender, describe_statement
from app.runtime import Runtime
from app.ussd.deferred import DeferredAction
from tests.collector import Collector, collecting, read_details
from tests.conftest import free_port
from tests.jobs.test_deferred_actions import defer_action
from tests.mobile_money.conftest import NetworkClient
from tests.phone import TestPhone
from tests.waiting import add_action

FATIMA = "+212600000001"
HOP = "request /ussd/africastalking"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced_app(session_runtime: Runtime, collector: Collector) -> Iterator[Flask]:
    """The service with every call traced, on the engines of the other tests."""
    asked = {"traces_url": collector.url, "traces_share": 1.0}
    settings = session_runtime.settings.model_copy(update=asked)
    traced = Runtime(settings, clock=session_runtime.clock)
    traced.deadline = session_runtime.deadline
    app = create_app(traced)
    yield app
    app.extensions["traces"].stop()
    for engine in (traced.database, traced.office_database, traced.patient_services.database):
        engine.dispose()
    traced.redis.close()


@pytest.fixture
def traced(traced_app: Flask, collector: Collector, sample_people: None) -> Runtime:
    collector.bodies.clear()
    runtime: Runtime = traced_app.extensions["maalem"]
    return runtime


def find_span(spans: Sequence[Any], name: str) -> Any:
    (found,) = [span for span in spans if span.name == name]
    return found


def test_a_hop_s_trace_has_its_action_and_statements_and_no_value_of_anybody(
    traced: Runtime, traced_app: Flask, collector: Collector
) -> None:
    phone = TestPhone(traced_app.test_client())
    phone.dial(FATIMA)
    screen = phone.answer("2") + phone.answer("1")
    code = re.sub(r"\D", "", re.findall(r"\d{4} \d{4} \d{4}", screen)[0])
    spans = collector.wait_for("action issue_code_for_all")
    whole, hop = find_span(spans, HOP), find_span(spans, "hop")
    action = find_span(spans, "action issue_code_for_all")
    assert hop.parent_span_id == whole.span_id and action.parent_span_id == hop.span_id
    statements = [span for span in spans if span.name.startswith("statement SELECT")]
    assert action.span_id in {span.parent_span_id for span in statements}
    assert "issue_payment_code" in {
        read_details(span).get("db.collection.name") for span in statements
    }
    inside = [span for span in spans if span is not whole]
    assert all(
        whole.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        and span.end_time_unix_nano <= whole.end_time_unix_nano
        for span in inside
    )
    details = read_details(hop)
    assert (details["maalem.outcome"], details["maalem.language"]) == ("continued", "fr")
    assert len(read_details(whole)["maalem.session"]) == 8
    with reading(traced.database) as connection:
        rows = connection.exec_driver_sql("SELECT * FROM artisan").mappings().all()
    sent = b"".join(collector.bodies).decode("utf-8", "replace")
    values = {str(v) for row in rows for v in row.values() if len(str(v)) > 5}
    assert len(values) > 30
    for value in (*values, code, FATIMA[1:], FATIMA[4:], phone.session):
        assert value not in sent, value


def test_the_reference_of_an_answer_leads_to_its_trace(
    traced: Runtime, traced_app: Flask, collector: Collector
) -> None:
    answer = traced_app.test_client().post("/ussd/africastalking", data={"sessionId": "1"})
    assert answer.status_code == 400
    identity = answer.headers["X-Request-Id"]
    (whole,) = collector.wait_for(HOP)
    details = read_details(whole)
    assert whole.trace_id.hex() == f"{'0' * 16}{identity}"
    assert details["maalem.reference"] == find_reference(identity)
    assert details["http.response.status_code"] == 400


def test_no_address_is_sent_but_the_route(traced_app: Flask, collector: Collector) -> None:
    """A token, a number or a code may stand in an address."""
    collector.bodies.clear()
    client = traced_app.test_client()
    for path in ("/ussd/africastalking/s3cr3t-token", "/nowhere/212600000001", "/mm/v1.2/x/0600"):
        client.get(path, query_string={"q": "0600000001"})
    collector.wait_for("request unknown")
    sent = b"".join(collector.bodies)
    for typed in (b"s3cr3t", b"212600000001", b"0600", b"nowhere"):
        assert typed not in sent


def test_the_reference_on_an_outage_screen_leads_to_a_trace_that_failed(
    traced: Runtime, traced_app: Flask, collector: Collector
) -> None:
    class Broken:
        """The time limit, in a service whose database has gone."""

        def run_since(self, *_args: object) -> str:
            raise Unavailable(what="postgresql")

    engine = traced.turns.versions.current
    kept, engine.deadline = engine.deadline, Broken()  # type: ignore[assignment]
    try:
        screen = TestPhone(traced_app.test_client())
        screen.number, screen.session = FATIMA, token_hex(4)
        shown = screen.post()
    finally:
        engine.deadline = kept
    (reference,) = re.findall(r"\d{6}$", shown)
    spans = collector.wait_for(HOP)
    whole = find_span(spans, HOP)
    assert read_details(whole)["maalem.reference"] == reference
    failed = [each for each in spans if each.name.startswith("action ")]
    assert whole.status.code == 2 and read_details(failed[0])["error.type"] == "Unavailable"


def test_a_deposit_by_the_payments_api_is_a_part_of_its_trace(
    traced: Runtime, traced_app: Flask, collector: Collector
) -> None:
    network = NetworkClient(traced_app.test_client())
    (bill,) = network.get("/accounts/consumerno/100000001/bills").json or [None]
    reference, amount = bill["billReference"], bill["amountDue"]
    assert network.pay(reference, amount).status_code == 201
    spans = collector.wait_for("deposit")
    deposit = find_span(spans, "deposit")
    inside = [span.name for span in spans if span.parent_span_id == deposit.span_id]
    assert "statement WITH deposit" in inside
    assert reference.encode() not in b"".join(collector.bodies)


def test_a_message_and_a_late_action_are_traced_by_the_worker(
    traced: Runtime, collector: Collector
) -> None:
    late = defer_action(traced, "look_at_dues", FATIMA, {})
    asked_in = token_hex(8)
    values = {name: getattr(late, name) for name in DeferredAction.__slots__} | {"trace": asked_in}
    add_action(traced, traced.deferred_actions.sign(DeferredAction(**values)))
    assert answer_deferred_actions(traced, "one") == 1
    spans = collector.wait_for("deferred look_at_dues")
    assert spans[0].trace_id.hex().endswith(asked_in)
    sender = Sender(traced, traced.sms_providers)
    while sender.do():
        pass
    sender.stop()
    whole, provider = sorted(collector.wait_for("provider send log"), key=lambda span: span.name)
    assert read_details(whole)["maalem.message"].startswith("maalem-")
    assert read_details(whole)["maalem.state"] == "sent"
    assert provider.parent_span_id == whole.span_id
    assert FATIMA[4:].encode() not in b"".join(collector.bodies)


class _Stuck(SpanExporter):
    """A collector that takes nothing until `free` is set."""

    def __init__(self) -> None:
        self.free, self.taken = Event(), []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        assert self.free.wait(20)
        self.taken += spans
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.free.set()


def make_trace(identity: str, *, failed: bool = False) -> Trace:
    made = Trace(identity, failed=failed)
    made.begin("request", {})
    made.end()
    return made


def read_lost() -> float:
    return REGISTRY.get_sample_value("maalem_traces_lost_total") or 0


def test_a_collector_that_hangs_costs_the_caller_nothing_and_is_counted() -> None:
    exporter, lost = _Stuck(), read_lost()
    sender = TraceSender(exporter, 1.0)
    began = time.perf_counter()
    for _ in range(3000):
        sender.keep(make_trace(token_hex(8)))
    assert time.perf_counter() - began < 1
    assert read_lost() - lost >= 3000 - 500 - 100
    exporter.free.set()
    sender.stop()
    assert read_lost() - lost == 3000


def test_a_share_of_traces_is_kept_and_of_failed_ones_ten_a_second() -> None:
    exporter = _Stuck()
    exporter.free.set()
    sender = TraceSender(exporter, 0.25)
    for number in range(256):
        sender.keep(make_trace(f"{number:02x}{token_hex(7)}"))
    sender.stop()
    assert len(exporter.taken) == 64
    exporter.taken.clear()
    sender = TraceSender(exporter, 0)
    for _ in range(50):
        sender.keep(make_trace(f"f{token_hex(7)}0"[:16], failed=True))
    sender.stop()
    assert 10 <= len(exporter.taken) <= 20


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT 'x from y' FROM artisan WHERE cin = 'AB12'", "SELECT artisan"),
        ("INSERT INTO deposit (a) VALUES (%(a)s)", "INSERT deposit"),
        ("update payment_code SET a = 1", "UPDATE payment_code"),
        ("SELECT issue_payment_code($1)", "SELECT issue_payment_code"),
        ("WITH a AS (SELECT 1) SELECT * FROM $x$ FROM secret $x$ b", "WITH"),
        ("", "?"),
    ],
)
def test_of_a_statement_the_verb_and_the_table_are_told(sql: str, told: str) -> None:
    assert " ".join(map(str, describe_statement(sql).values())) == told


def test_a_collector_that_is_slow_or_refuses_keeps_no_phone_waiting(
    traced: Runtime, traced_app: Flask, collector: Collector
) -> None:
    """Each of these hops is traced, and answered as soon as ever."""
    phone = TestPhone(traced_app.test_client())
    phone.dial(FATIMA)
    collector.seconds, collector.status = 1.0, 503
    times = []
    for _ in range(20):
        began = time.perf_counter()
        assert phone.post().startswith("CON ")
        times.append(time.perf_counter() - began)
    collector.seconds, collector.status = 0.0, 200
    assert collector.wait_for(HOP)
    assert sorted(times)[-3] < 0.2, times


def test_a_process_ends_in_time_where_the_collector_is_away() -> None:
    lost = read_lost()
    sender = TraceSender(OTLPSpanExporter(f"http://127.0.0.1:{free_port()}/v1/traces"), 1.0)
    for _ in range(120):
        sender.keep(make_trace(token_hex(8)))
    began = time.monotonic()
    sender.stop()
    assert time.monotonic() - began < 4
    while read_lost() < lost + 120:
        assert time.monotonic() - began < 8
        time.sleep(0.02)
