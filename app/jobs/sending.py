"""Sends the outbox: claims as many messages as can go at this moment, and records the results.

Threads hand messages to the providers. One loop alone uses the database, with a few statements for
many messages, and holds no connection meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from secrets import token_hex

import structlog

from app.base.operation import operation
from app.base.spans import note_failure, trace
from app.jobs.provider_watch import ProviderWatch
from app.messaging.delivery import Delivery, DeliveryResult
from app.messaging.opt_outs import record_provider_opt_out
from app.messaging.outbox import (
    ClaimedMessage,
    FindUnwanted,
    claim_messages,
    record_dispositions,
)
from app.messaging.reports import apply_waiting_reports
from app.messaging.routing import RoutingPolicy, usual_weights
from app.observe import metrics
from app.runtime import Runtime
from app.sms.provider import Provider

# The longest that a first result is waited for, and how long others are gathered behind it: each
# time costs the same few statements, for one as for many.
_FIRST_SECONDS, _GATHER_SECONDS = 0.03, 0.02
_log = structlog.get_logger("sms")


class Sender:
    """Sends for this process; several processes share the outbox."""

    def __init__(
        self,
        runtime: Runtime,
        providers: Mapping[str, Provider],
        find_unwanted: FindUnwanted = lambda *_: (),
    ) -> None:
        self._runtime = runtime
        self._providers = tuple(providers)
        self._delivery = Delivery(providers, runtime.clock, runtime.random)
        self._watch = ProviderWatch(runtime, providers)
        self._find_unwanted = find_unwanted
        self._at_once = runtime.settings.sms_at_once
        self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="sms")
        self._results: SimpleQueue[DeliveryResult] = SimpleQueue()
        self._unrecorded: list[DeliveryResult] = []
        self._on_the_way = 0

    def do(self, *, campaigns: bool = True) -> int:
        """Records what came back and claims what there is capacity for.

        Returns how much there was to do.
        """
        recorded = self._record(_FIRST_SECONDS if self._on_the_way else 0)
        claimed = self._claim(self._at_once - self._on_the_way, campaigns)
        self._on_the_way += len(claimed)
        for message in claimed:
            self._threads.submit(self._deliver, message)
        return recorded + self._on_the_way

    def stop(self) -> None:
        """Waits for messages on their way and records them; providers answer within a lease."""
        self._threads.shutdown(wait=True)
        self._record(0)

    def _claim(self, free: int, campaigns: bool) -> list[ClaimedMessage]:
        if free <= 0:
            return []
        runtime = self._runtime
        weights = usual_weights(self._providers, runtime.settings.sms_weights)
        with operation(runtime.database, runtime.clock(), "worker") as change:
            capacity = self._watch.find_capacity(change, free)
            if not capacity.open_providers():
                return []
            policy = RoutingPolicy(self._providers, weights, capacity, runtime.random)
            return claim_messages(
                change,
                policy,
                min(free, sum(capacity.left.values())),
                campaigns=campaigns,
                find_unwanted=self._find_unwanted,
            )

    def _deliver(self, message: ClaimedMessage) -> None:
        """Delivers a message in a thread of its own; even an unforeseen error leaves one result."""
        with trace("message", token_hex(8), message=message.reference) as whole:
            result = self._deliver_or_fail(message)
            whole.note(state=result.disposition.state)
            if result.failure:
                note_failure()
        self._results.put(result)

    def _deliver_or_fail(self, message: ClaimedMessage) -> DeliveryResult:
        try:
            return self._delivery.deliver(message)
        except Exception as error:
            _log.exception("sending_failed", provider=message.attempt.provider)
            return self._delivery.fail(message, error)

    def _record(self, wait: float) -> int:
        """Records all results in one transaction; if it fails, they are kept for the next."""
        self._unrecorded += self._take_results(wait)
        if not (batch := self._unrecorded):
            return 0
        with operation(self._runtime.database, self._runtime.clock(), "worker") as change:
            self._watch.note_results(change, batch)
            pairs = [(result.message, result.disposition) for result in batch]
            recorded = record_dispositions(change, pairs)
            # A report may have been faster than the answer.
            apply_waiting_reports(change, recorded, providers=self._providers)
            for result in batch:
                if result.disposition.stopped:
                    record_provider_opt_out(change, result.provider, result.message.phone)
        self._unrecorded = []
        self._on_the_way -= len(batch)
        for result in batch:
            metrics.messages.labels(result.provider, result.disposition.state).inc()
            metrics.messages_resent.inc(result.disposition.resent)
        return len(batch)

    def _take_results(self, wait: float) -> list[DeliveryResult]:
        """Returns all results that are there, after waiting for a first one and those behind it."""
        results: list[DeliveryResult] = []
        try:
            if wait:
                results.append(self._results.get(timeout=wait))
                time.sleep(_GATHER_SECONDS)
            while True:
                results.append(self._results.get_nowait())
        except Empty:
            return results
