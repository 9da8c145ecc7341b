"""A gauge, and the reading that fills it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from redis import Redis
from sqlalchemy import Connection

# The values of the gauges' labels, and a value for each gauge.
Row = tuple[tuple[str, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A gauge by its name, unit at the end, and one sentence on what it says."""

    name: str
    says: str


@dataclass(frozen=True, slots=True)
class Source:
    """The engines that a reading asks, and the moment of the look."""

    connection: Connection
    redis: Redis
    now: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """Gauges that have the same labels and are read together."""

    gauges: tuple[Gauge, ...]
    read: Callable[[Source], Iterable[Row]]
    labels: tuple[str, ...] = ()
