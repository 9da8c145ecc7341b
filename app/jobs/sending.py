"""Sends what the outbox holds: claims as many as can go at this moment, records what came back.

Messages are with providers in threads; one loop alone speaks to the database, in a few statements
for many messages, and holds no connection while a provider is spoken to.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import Empty, SimpleQueue

import structlog

from app.base.database import transaction
from app.base.operation import Operation
from app.jobs.provider_watch import ProviderWatch
from app.messaging.models import ANSWER
from app.messaging.opt_outs import record_provider_opt_out
from app.messaging.outbox import (
    ClaimedMessage,
    RoutingPolicy,
    Unwanted,
    claim_messages,
    record_sent,
)
from app.messaging.reports import apply_waiting_reports
from app.messaging.retries import (
    Disposition,
    after_accepted,
    after_refusal,
    after_silence,
    after_unanswered,
)
from app.messaging.routing import usual_weights
from app.observe import metrics
from app.runtime import Runtime
from app.sms.provider import DeliveryUnknown, OutgoingSms, Provider, SendRefused

# How long results are gathered before the next claim.
_GATHER_SECONDS = 0.03
_log = structlog.get_logger("sms")
# What was sent, what becomes of it, and what was wrong.
_Result = tuple[ClaimedMessage, Disposition, Exception | None]


class Sender:
    """One process's senders; several processes share the outbox."""

    def __init__(
        self,
        runtime: Runtime,
        providers: Mapping[str, Provider],
        unwanted: Unwanted = lambda *_: (),
    ) -> None:
        self._runtime = runtime
        self._providers = providers
        self._watch = ProviderWatch(runtime, providers)
        self._unwanted = unwanted
        self._at_once = runtime.settings.sms_at_once
        self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="sms")
        self._results: SimpleQueue[_Result] = SimpleQueue()
        self._unrecorded: list[_Result] = []
        self._on_the_way = 0

    def do(self, *, campaigns: bool = True) -> int:
        """Records what came back, claims what there is room for; how much there was to do."""
        recorded = self._record(_GATHER_SECONDS if self._on_the_way else 0)
        claimed = self._claim(self._at_once - self._on_the_way, campaigns)
        self._on_the_way += len(claimed)
        for one in claimed:
            self._threads.submit(self._send, one)
        return recorded + self._on_the_way

    def stop(self) -> None:
        """Finishes what is on its way: providers answer well within a lease."""
        self._threads.shutdown(wait=True)
        self._record(0)

    def _claim(self, free: int, campaigns: bool) -> list[ClaimedMessage]:
        if free <= 0:
            return []
        runtime, weights = self._runtime, self._runtime.settings.sms_weights
        with transaction(runtime.database) as connection:
            room = self._watch.room(connection, free)
            if not room.open():
                return []
            names = tuple(self._providers)
            choice = RoutingPolicy(names, usual_weights(names, weights), room, runtime.random)
            return claim_messages(
                connection,
                choice,
                runtime.clock(),
                min(free, sum(room.left.values())),
                campaigns=campaigns,
                unwanted=self._unwanted,
            )

    def _send(self, claimed: ClaimedMessage) -> None:
        """In a thread of its own; whatever happens leaves one result."""
        try:
            self._results.put(self._told(claimed))
        except Exception as error:
            _log.exception("sending_failed", provider=claimed.handed.provider)
            unknown = DeliveryUnknown(type(error).__name__)
            self._results.put((claimed, self._after_silence(claimed, unknown), unknown))

    def _told(self, claimed: ClaimedMessage) -> _Result:
        if not claimed.doubt:
            return self._handed_over(claimed)
        provider = self._provider_of(claimed)
        if provider.can_be_asked:
            return self._asked(claimed, provider)
        if claimed.handed.priority != ANSWER:
            return claimed, Disposition("unknown", error="a worker died with it"), None
        # A receipt or a code twice is harmless, one that never comes is not: sent, and counted.
        _, to, trouble = self._handed_over(claimed)
        return claimed, replace(to, resent=to.resent + 1), trouble

    def _asked(self, claimed: ClaimedMessage, provider: Provider) -> _Result:
        """The provider may have it: only what it does not know is sent."""
        runtime = self._runtime
        try:
            reference = provider.find(_sms(claimed))
        except SendRefused as silence:
            reason, now = silence.reason, runtime.clock()
            return claimed, after_unanswered(claimed.handed, reason, now, runtime.random), silence
        if reference is not None:
            return claimed, after_accepted(reference), None
        return self._handed_over(claimed)

    def _handed_over(self, claimed: ClaimedMessage) -> _Result:
        runtime = self._runtime
        try:
            return claimed, after_accepted(self._provider_of(claimed).send(_sms(claimed))), None
        except DeliveryUnknown as unknown:
            return claimed, self._after_silence(claimed, unknown), unknown
        except SendRefused as refusal:
            names, now = tuple(self._providers), runtime.clock()
            to = after_refusal(claimed.handed, refusal, names, now, runtime.random)
            return claimed, to, refusal

    def _provider_of(self, claimed: ClaimedMessage) -> Provider:
        return self._providers[claimed.handed.provider]

    def _after_silence(self, claimed: ClaimedMessage, unknown: DeliveryUnknown) -> Disposition:
        asked, now = self._provider_of(claimed).can_be_asked, self._runtime.clock()
        return after_silence(claimed.handed, unknown, asked, now, self._runtime.random)

    def _record(self, wait: float) -> int:
        """What came back by now, in one transaction; kept for the next time where that fails."""
        self._unrecorded += self._arrived(wait)
        if not (batch := self._unrecorded):
            return 0
        now, names = self._runtime.clock(), tuple(self._providers)
        with transaction(self._runtime.database) as connection:
            answers = [(claimed.handed.provider, trouble) for claimed, _, trouble in batch]
            self._watch.note(connection, answers)
            recorded = record_sent(connection, [(one, to) for one, to, _ in batch], now)
            # A report may have been faster than the answer.
            apply_waiting_reports(connection, recorded, now, providers=names)
            change = Operation(connection, now, "worker")
            for claimed, to, _ in batch:
                if to.stopped:
                    record_provider_opt_out(change, claimed.handed.provider, claimed.phone)
        self._unrecorded = []
        self._on_the_way -= len(batch)
        for claimed, to, _ in batch:
            metrics.messages.labels(claimed.handed.provider, to.state).inc()
            metrics.messages_resent.inc(to.resent)
        return len(batch)

    def _arrived(self, wait: float) -> list[_Result]:
        """All that is there, after waiting for a first one."""
        arrived: list[_Result] = []
        try:
            arrived.append(self._results.get(timeout=wait) if wait else self._results.get_nowait())
            while True:
                arrived.append(self._results.get_nowait())
        except Empty:
            return arrived


def _sms(claimed: ClaimedMessage) -> OutgoingSms:
    handed = claimed.handed
    return OutgoingSms(claimed.reference, claimed.phone, claimed.body, handed.created_at)
