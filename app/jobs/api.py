"""The worker's part of the payments API: requests not answered in step, and promised callbacks."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from secrets import token_hex

import structlog

from app.base.errors import Unavailable
from app.base.operation import operation
from app.base.spans import span, trace
from app.mobile_money.callbacks import (
    AT_ONCE_A_CLIENT,
    MOST_ATTEMPTS,
    Callback,
    claim_callbacks,
    deliver,
    mark_delivered,
)
from app.mobile_money.service import answer_waiting
from app.observe import metrics
from app.runtime import Runtime

# Each client has two of them at most, so that callbacks that hang leave room for others.
_CALLBACKS_AT_ONCE = 32
_ANSWERED_IN_A_ROW = 50
_log = structlog.get_logger("api")


class ApiWork:
    """Sends callbacks in threads of their own: a caller that never answers blocks nobody."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._threads = ThreadPoolExecutor(_CALLBACKS_AT_ONCE)
        self._on_the_way: dict[Future[str], Callback] = {}

    def do(self) -> int:
        """Answers waiting requests and starts due callbacks; returns how many of both."""
        return self._answer_requests() + self._start_callbacks()

    def stop(self) -> None:
        """Waits for callbacks on their way; each waits for its caller eleven seconds at most."""
        self._threads.shutdown(wait=True)

    def _answer_requests(self) -> int:
        runtime = self._runtime
        for answered in range(_ANSWERED_IN_A_ROW):
            try:
                with operation(runtime.database, runtime.clock(), "worker") as change:
                    if not answer_waiting(change, runtime.services):
                        return answered
            except Unavailable:
                raise
            except Exception:
                # Messages and callbacks go on; this request is tried again at the next turn.
                _log.exception("answering_failed")
                return answered
        return _ANSWERED_IN_A_ROW

    def _start_callbacks(self) -> int:
        self._on_the_way = {
            future: callback for future, callback in self._on_the_way.items() if not future.done()
        }
        free = _CALLBACKS_AT_ONCE - len(self._on_the_way)
        if not free:
            return 0
        counts = Counter(callback.client.id for callback in self._on_the_way.values())
        busy = [client for client, count in counts.items() if count >= AT_ONCE_A_CLIENT]
        runtime = self._runtime
        with operation(runtime.database, runtime.clock(), "worker") as change:
            claimed = claim_callbacks(change, free, busy)
        for callback in claimed:
            self._on_the_way[self._threads.submit(self._deliver, callback)] = callback
        return len(claimed)

    def _deliver(self, callback: Callback) -> str:
        """Delivers one callback and returns its outcome.

        A callback that could not be marked as delivered is sent again; callers have to expect that.
        """
        client, attempt = callback.client.id, callback.attempt
        with trace("callback", token_hex(8), client=client, attempt=attempt) as whole:
            outcome = self._deliver_or_log(callback)
            whole.note(outcome=outcome.split(" ")[0])
        return outcome

    def _deliver_or_log(self, callback: Callback) -> str:
        runtime, client = self._runtime, callback.client.id
        try:
            with span("provider", client=client):
                outcome = deliver(callback, runtime.keys, runtime.callback_rules, runtime.clock())
            if outcome == "delivered":
                with operation(runtime.database, runtime.clock(), "worker") as change:
                    mark_delivered(change, callback)
        except Unavailable as error:
            _log.error("away", what=error.params.get("what"))
            return "away"
        except Exception:
            _log.exception("callback_failed", client=client)
            return "failed"
        last = outcome != "delivered" and callback.attempt >= MOST_ATTEMPTS
        metrics.callbacks.labels("given_up" if last else outcome.split(" ")[0]).inc()
        _log.info("callback", client=client, outcome=outcome, attempt=callback.attempt, last=last)
        return outcome
