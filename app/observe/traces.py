"""Sends traces to a collector that speaks OTLP over HTTP, from a thread of its own.

A call never waits for it: what does not fit the queue is dropped and counted. Read only where
TRACES_URL asks for it, because the libraries take a while to be read.
"""

from __future__ import annotations

import atexit
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from queue import Empty, Full, Queue
from secrets import randbits

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode
from sqlalchemy import Engine, event

from app.base.spans import Detail, Span, Trace, ask_for_traces, end_traces, find_trace
from app.observe import metrics

# Traces that wait for the collector, and those sent in one go.
_MOST_WAITING, _MOST_AT_ONCE = 500, 100
# How long traces are gathered, and how long a collector may take.
_GATHER_SECONDS, _TIMEOUT_SECONDS = 0.5, 3.0
# A call that failed is kept whatever the share is; in an outage all fail.
_MOST_FAILED_A_SECOND = 10
_QUIET_SECONDS = 60.0
_ALL_IDENTITIES = 2.0**64
_SCOPE = InstrumentationScope("maalem")
_KINDS = {"request": SpanKind.SERVER, "statement": SpanKind.CLIENT, "provider": SpanKind.CLIENT}
# The names that the convention has for what we note; others are our own.
_CONVENTION = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "operation": "db.operation.name",
    "table": "db.collection.name",
}
# The details that may be sent, beside those of the convention.
_SENT = frozenset(
    {
        *("request_id", "reference", "session", "gateway", "operator", "screen", "outcome"),
        *("language", "action", "client", "attempt", "provider", "message", "state"),
        *("loop", "count"),
    }
)
_NAMES = frozenset({"session", "request_id"})
# The last safeguard, as in the log: so many digits are a number, a code or a person's.
_LONG_NUMBER, _LONGEST = re.compile(r"\+?\d(?:[ -]?\d){7,}"), 80
_QUOTED = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+(?:ONLY\s+)?([a-z_]+)", re.IGNORECASE)
_FUNCTION = re.compile(r"\b([a-z]+(?:_[a-z]+)+)\(")
_VERB = re.compile(r"\s*([A-Za-z]+)")
_log = structlog.get_logger("traces")


class TraceSender:
    """Keeps a share of the traces, and those of failed calls, and sends them."""

    def __init__(self, exporter: SpanExporter, share: float) -> None:
        self._exporter, self._share = exporter, share
        self._resource = Resource.create({"service.name": "maalem"})
        self._waiting: Queue[Trace | None] = Queue(_MOST_WAITING)
        self._lock, self._second, self._failed = threading.Lock(), 0, 0
        self._said = -_QUIET_SECONDS
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def keep(self, trace: Trace) -> None:
        """Takes a finished trace, if it is of the share or failed; waits for nothing."""
        if not self._is_kept(trace):
            return
        try:
            self._waiting.put_nowait(trace)
        except Full:
            metrics.traces_lost.inc()

    def stop(self, seconds: float = 2.0) -> None:
        """Makes no more traces, and sends what waits, for so long at most."""
        if end_traces(self.keep):
            _forget_statements()
        while self._thread.is_alive():
            try:
                self._waiting.put_nowait(None)
                break
            except Full:
                self._forget_oldest()
        self._thread.join(seconds)
        self._exporter.shutdown()

    def _forget_oldest(self) -> None:
        with suppress(Empty):
            self._waiting.get_nowait()
            metrics.traces_lost.inc()

    def _is_kept(self, trace: Trace) -> bool:
        if trace.spans[0].details.get("count") == 0:
            return False  # a turn of a loop that found nothing to do
        if int(trace.identity, 16) < self._share * _ALL_IDENTITIES:
            return True
        return trace.failed and self._has_room_for_failed()

    def _has_room_for_failed(self) -> bool:
        second = int(time.monotonic())
        with self._lock:
            if second != self._second:
                self._second, self._failed = second, 0
            self._failed += 1
            return self._failed <= _MOST_FAILED_A_SECOND

    def _run(self) -> None:
        going_on = True
        while going_on:
            batch, going_on = self._gather()
            if batch:
                self._send(batch)

    def _gather(self) -> tuple[list[Trace], bool]:
        """Returns the traces of the next moment, and False if they are the last."""
        batch: list[Trace] = []
        first = self._waiting.get()
        until = time.monotonic() + _GATHER_SECONDS
        while first is not None:
            batch.append(first)
            if len(batch) == _MOST_AT_ONCE:
                return batch, True
            try:
                first = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return batch, True
        return batch, False

    def _send(self, batch: list[Trace]) -> None:
        """Sends a batch; one that is not taken is counted, and said once a minute."""
        try:
            spans = [span for trace in batch for span in _write_trace(trace, self._resource)]
            result = self._exporter.export(spans)
        except Exception:
            _log.exception("traces_not_written")
            result = SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            return
        metrics.traces_lost.inc(len(batch))
        if time.monotonic() - self._said >= _QUIET_SECONDS:
            self._said = time.monotonic()
            _log.warning("traces_not_taken", count=len(batch))


def send_traces(url: str, share: float) -> TraceSender:
    """Makes traces from now on, sends `share` of them to `url` and those of calls that failed."""
    # What it would say of a collector that is away we say ourselves, and less often.
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    logging.getLogger("opentelemetry").propagate = False
    sender = TraceSender(OTLPSpanExporter(url, timeout=_TIMEOUT_SECONDS), share)
    _listen_to_statements()
    ask_for_traces(sender.keep)
    atexit.register(sender.stop)
    return sender


def _listen_to_statements() -> None:
    """Notes the statements that go through SQLAlchemy; those of a hop note themselves."""
    for name, listener in _LISTENERS.items():
        if not event.contains(Engine, name, listener):
            event.listen(Engine, name, listener)


def _forget_statements() -> None:
    """Ends what `_listen_to_statements` began."""
    for name, listener in _LISTENERS.items():
        if event.contains(Engine, name, listener):
            event.remove(Engine, name, listener)


def _begin_statement(*args: object) -> None:
    """Takes what SQLAlchemy gives: connection, cursor, statement, and more."""
    if trace := find_trace():
        trace.begin("statement", {"sql": str(args[2])})


def _end_statement(*_args: object) -> None:
    _close_statement("")


def _fail_statement(context: object) -> None:
    error = getattr(context, "original_exception", None)
    if getattr(context, "cursor", None) is not None:
        _close_statement(type(error).__name__)


def _close_statement(error: str) -> None:
    trace = find_trace()
    if trace and trace.open and trace.spans[trace.open[-1]].name == "statement":
        trace.end(error)


_LISTENERS: dict[str, Callable[..., None]] = {
    "before_cursor_execute": _begin_statement,
    "after_cursor_execute": _end_statement,
    "handle_error": _fail_statement,
}


def _write_trace(trace: Trace, resource: Resource) -> Iterator[ReadableSpan]:
    """Yields the spans as the collector has them; the trace's id ends with the request's."""
    flags = TraceFlags(TraceFlags.SAMPLED)
    contexts = [
        SpanContext(int(trace.identity, 16), randbits(64) or 1, False, flags) for _ in trace.spans
    ]
    for span, context in zip(trace.spans, contexts, strict=True):
        whole = span.parent < 0
        failed = span.error or (whole and trace.failed)
        details = _describe(span)
        yield ReadableSpan(
            _name_span(span.name, details),
            context,
            None if whole else contexts[span.parent],
            resource,
            details | ({"error.type": span.error} if span.error else {}),
            kind=_KINDS.get(span.name, SpanKind.INTERNAL),
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=span.began,
            end_time=span.ended,
            instrumentation_scope=_SCOPE,
        )


def _name_span(name: str, details: Mapping[str, Detail]) -> str:
    """Returns `statement SELECT artisan`, `action pay_all`, and so on."""
    of = ("http.route", "db.operation.name", "db.collection.name", "maalem.action")
    more = (*of, "maalem.provider", "maalem.loop")
    return " ".join([name, *(str(details[each]) for each in more if each in details)])


def _describe(span: Span) -> dict[str, Detail]:
    details = span.details
    if "sql" in details:
        details = describe_statement(str(details["sql"]))
    shown: dict[str, Detail] = {
        _CONVENTION.get(name, f"maalem.{name}"): _mask(name, value)
        for name, value in details.items()
        if name in _SENT or name in _CONVENTION
    }
    return shown | ({"db.system.name": "postgresql"} if span.name == "statement" else {})


def _mask(name: str, value: Detail) -> Detail:
    if not isinstance(value, str) or name in _NAMES:
        return value
    return _LONG_NUMBER.sub("…", value)[:_LONGEST]


@lru_cache(maxsize=1000)
def describe_statement(sql: str) -> dict[str, Detail]:
    """Returns the verb of a statement and the first table or function it names, nothing else."""
    plain = _QUOTED.sub("?", sql)
    verb, table = _VERB.match(plain), _TABLE.search(plain) or _FUNCTION.search(plain)
    described: dict[str, Detail] = {"operation": verb[1].upper() if verb else "?"}
    return described | ({"table": table[1].lower()} if table else {})
