"""All readings, and the gauges that they fill."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily
from redis.exceptions import RedisError

from app.base.database import reading as reading_from
from app.base.errors import Unavailable
from app.gauges import messages, money, work
from app.gauges.reading import Gauge, Reading, Source
from app.runtime import Runtime

READINGS: tuple[Reading, ...] = (
    money.TAKINGS,
    money.MADE,
    money.CODES,
    money.REVERSALS,
    money.BILLS,
    money.BOOKS,
    money.SEALS,
    money.BREAKS,
    messages.OPEN,
    messages.QUEUES,
    messages.ENDED,
    messages.RECEIPTS,
    messages.SPENDING,
    messages.BUDGETS,
    messages.PROVIDERS,
    work.ALIVE,
    work.TURNS,
    work.FILES,
    work.REHEARSAL,
    work.FOLLOWED,
)
FAILED = Gauge("maalem_readings_failed", "Readings of this look that an engine did not answer")
_log = structlog.get_logger("exporter")


class Gauges:
    """All gauges as a registry of Prometheus collects them, read anew each time."""

    def __init__(self, maalem: Runtime) -> None:
        self._maalem = maalem

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yields the gauges without values, so that a registry asks no engine for their names."""
        for reading in READINGS:
            yield from _make_families(reading)
        yield GaugeMetricFamily(FAILED.name, FAILED.says)

    def collect(self) -> list[GaugeMetricFamily]:
        """Returns every gauge; what an engine did not answer is left out, and counted.

        A statement takes 1.5 s at most, and the first that PostgreSQL does not answer is the last.
        """
        families: list[GaugeMetricFamily] = []
        failed = 0
        try:
            with reading_from(self._maalem.database) as connection:
                source = Source(connection, self._maalem.redis, self._maalem.clock())
                for reading in READINGS:
                    try:
                        families += _fill(reading, source)
                    except RedisError:
                        failed += 1
        except Unavailable as error:
            _log.error("away", what=error.params.get("what"))
            families, failed = [], len(READINGS)
        families.append(GaugeMetricFamily(FAILED.name, FAILED.says, value=failed))
        return families


def make_registry(maalem: Runtime) -> CollectorRegistry:
    """Returns a registry of the gauges alone."""
    registry = CollectorRegistry()
    registry.register(Gauges(maalem))
    return registry


def _fill(reading: Reading, source: Source) -> list[GaugeMetricFamily]:
    families = _make_families(reading)
    for labels, values in reading.read(source):
        for family, value in zip(families, values, strict=True):
            family.add_metric(labels, value)
    return families


def _make_families(reading: Reading) -> list[GaugeMetricFamily]:
    return [
        GaugeMetricFamily(gauge.name, gauge.says, labels=reading.labels) for gauge in reading.gauges
    ]
