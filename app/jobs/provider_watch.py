"""Counts how many messages each provider may be given now, and notes how it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import structlog
from limits import RateLimitItemPerSecond
from redis.exceptions import RedisClusterException, RedisError

from app.base.operation import Operation
from app.base.redis_client import is_away
from app.messaging.delivery import DeliveryResult
from app.messaging.health import (
    Health,
    grant_rest,
    mark_healthy,
    read_health,
    start_rest,
    take_probe,
)
from app.messaging.routing import Capacity
from app.observe import metrics
from app.runtime import Runtime
from app.sms.provider import DeliveryUnknown, SendRefused

# A provider rests after this many silences or refusals by its own fault in a row.
_FAILURES_IN_A_ROW = 5
_log = structlog.get_logger("sms")


class ProviderWatch:
    """A worker's view of the providers; the database says to all workers which of them rest."""

    def __init__(self, runtime: Runtime, providers: Collection[str]) -> None:
        self._runtime, self._names = runtime, tuple(providers)
        self._failures_in_a_row: Counter[str] = Counter()
        self._health: Mapping[str, Health] = {}

    def find_capacity(self, operation: Operation, free: int) -> Capacity:
        """Returns how many each provider may take, by its health and rate; `free` at most."""
        self._health = read_health(operation.connection)
        return Capacity({name: self._capacity_of(operation, name, free) for name in self._names})

    def note_results(self, operation: Operation, results: Iterable[DeliveryResult]) -> None:
        """Notes for each result, in the order they came, if its provider is well."""
        for result in results:
            if (failure := _provider_failure(result)) is None:
                self._failures_in_a_row[result.provider] = 0
                self._note_success(operation, result.provider)
            else:
                self._note_failure(operation, result.provider, failure)

    def _note_failure(
        self, operation: Operation, name: str, failure: SendRefused | DeliveryUnknown
    ) -> None:
        reason = failure.reason
        self._failures_in_a_row[name] += 1
        if isinstance(failure, SendRefused) and failure.rest_seconds:
            grant_rest(operation, name, reason, failure.rest_seconds)
        if self._failures_in_a_row[name] < _FAILURES_IN_A_ROW and self._is_well(name):
            return
        if start_rest(operation, name, reason, self._runtime.random):
            metrics.provider_rests.labels(name).inc()
            _log.warning("provider_rests", provider=name, reason=reason)

    def _note_success(self, operation: Operation, name: str) -> None:
        if not self._is_well(name) and mark_healthy(operation, name):
            _log.info("provider_well", provider=name)

    def _is_well(self, name: str) -> bool:
        health = self._health.get(name)
        return health is None or health.is_well()

    def _capacity_of(self, operation: Operation, name: str, free: int) -> int:
        now, health = operation.now, self._health.get(name)
        if health is None:
            return self._within_rate(name, free)
        if not health.is_well():
            return int(health.may_be_probed(now) and take_probe(operation, name))
        if health.is_resting(now):
            return 0
        slow_start = health.most_at_once(now)
        return self._within_rate(name, free if slow_start is None else min(free, slow_start))

    def _within_rate(self, name: str, wanted: int) -> int:
        """Returns as many of `wanted` as the rate leaves to all workers in this second."""
        rate = self._runtime.settings.sms_rates.get(name)
        if rate is None:
            return wanted
        item, limiter = RateLimitItemPerSecond(rate), self._runtime.limiter
        try:
            left = min(wanted, limiter.get_window_stats(item, "sms", name).remaining)
            return left if left > 0 and limiter.hit(item, "sms", name, cost=left) else 0
        except (RedisError, RedisClusterException) as error:
            if not is_away(error):
                metrics.rate_limits_refused.inc()
                _log.error("rate_limits_refused", why=type(error).__name__)
                return 0
            # Fails open: the provider throttles by itself, and says so.
            metrics.rate_limits_away.inc()
            return wanted


def _provider_failure(result: DeliveryResult) -> SendRefused | DeliveryUnknown | None:
    """Returns the failure if it is the provider's own fault; None if the message is at fault."""
    failure = result.failure
    if isinstance(failure, SendRefused) and not failure.faulty:
        return None
    return failure
