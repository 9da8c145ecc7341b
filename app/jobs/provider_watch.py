"""How many messages each provider may be given now, and how it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import structlog
from limits import RateLimitItemPerSecond
from redis.exceptions import RedisError
from sqlalchemy import Connection

from app.messaging.health import Health, leave_alone, let_rest, note_well, read_health, take_probe
from app.messaging.routing import Capacity
from app.observe import metrics
from app.runtime import Runtime
from app.sms.provider import DeliveryUnknown, SendRefused

# So many refusals of its own fault or silences in a row, and a provider is unwell.
_FAILURES_IN_A_ROW = 5
_log = structlog.get_logger("sms")


class ProviderWatch:
    """One worker's view; who rests stands in the database, for all workers."""

    def __init__(self, runtime: Runtime, providers: Collection[str]) -> None:
        self._runtime, self._names = runtime, tuple(providers)
        self._in_a_row: Counter[str] = Counter()
        self._health: Mapping[str, Health] = {}

    def room(self, connection: Connection, free: int) -> Capacity:
        """By health, by rate, and no more than `free`: our own threads."""
        self._health = read_health(connection)
        return Capacity({name: self._room_of(connection, name, free) for name in self._names})

    def note(self, connection: Connection, answers: Iterable[tuple[str, Exception | None]]) -> None:
        """Takes notice of what each message's provider answered, in the order they came."""
        now, random = self._runtime.clock(), self._runtime.random
        for name, trouble in answers:
            if not _is_unwell(trouble):
                self._in_a_row[name] = 0
                self._note_well(connection, name)
                continue
            self._in_a_row[name] += 1
            reason: str = trouble.reason  # type: ignore[union-attr]
            if asked := getattr(trouble, "rest_seconds", None):
                leave_alone(connection, name, reason, now, asked)
            if self._in_a_row[name] < _FAILURES_IN_A_ROW and self._is_well(name):
                continue
            if let_rest(connection, name, reason, now, random):
                metrics.provider_rests.labels(name).inc()
                _log.warning("provider_rests", provider=name, reason=reason)

    def _is_well(self, name: str) -> bool:
        known = self._health.get(name)
        return known is None or known.is_well()

    def _note_well(self, connection: Connection, name: str) -> None:
        if not self._is_well(name) and note_well(connection, name, self._runtime.clock()):
            _log.info("provider_well", provider=name)

    def _room_of(self, connection: Connection, name: str, free: int) -> int:
        now, known = self._runtime.clock(), self._health.get(name)
        if known and not known.is_well():
            probed = known.may_be_probed(now) and take_probe(connection, name, now)
            return 1 if probed else 0
        if known and known.is_resting(now):
            return 0
        slow_start = known.most_at_once(now) if known else None
        return self._within_rate(name, free if slow_start is None else min(free, slow_start))

    def _within_rate(self, name: str, wanted: int) -> int:
        """As many of `wanted` as its rate leaves in this second, for all workers together."""
        rate = self._runtime.settings.sms_rates.get(name)
        if rate is None:
            return wanted
        item, limiter = RateLimitItemPerSecond(rate), self._runtime.limiter
        try:
            left = min(wanted, limiter.get_window_stats(item, "sms", name).remaining)
            return left if left > 0 and limiter.hit(item, "sms", name, cost=left) else 0
        except RedisError:
            # Fails open: the provider throttles by itself, and says so.
            metrics.rate_limits_away.inc()
            return wanted


def _is_unwell(trouble: Exception | None) -> bool:
    if isinstance(trouble, SendRefused):
        return trouble.faulty
    return isinstance(trouble, DeliveryUnknown)
