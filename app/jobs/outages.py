"""Notes when an engine is away and when it is back, for those who ask how the service is."""

from __future__ import annotations

from datetime import datetime

from app.base.operation import operation
from app.checks.away import list_away
from app.observe.outages import (
    end_database_outage,
    end_redis_outage,
    note_database_away,
    note_redis_away,
)
from app.runtime import Runtime


class OutageWatch:
    """Looks at both engines; what is away at two looks in a row is an outage."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        # Since when each engine is away.
        self._away: dict[str, datetime] = {}

    def do(self) -> int:
        """Looks once. Returns 0: its loop waits before the next look."""
        now = self._runtime.clock()
        away = list_away(self._runtime)
        known = self._away
        self._away = {engine: known.get(engine, now) for engine in away}
        lasting = {engine: since for engine, since in self._away.items() if engine in known}
        if away == ["postgresql"] and lasting:
            note_database_away(self._runtime.redis_calls, lasting["postgresql"])
        if away == ["redis"] and lasting:
            with operation(self._runtime.database, now, "worker") as change:
                note_redis_away(change, lasting["redis"])
        if not away:
            with operation(self._runtime.database, now, "worker") as change:
                end_redis_outage(change)
                end_database_outage(change, self._runtime.redis_calls)
        return 0
