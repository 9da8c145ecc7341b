"""Do messages leave, and what do they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from app.base.clock import local_date
from app.gauges.money import LATELY
from app.gauges.reading import Gauge, Reading, Row, Source
from app.messaging.health import read_health
from app.messaging.queries import (
    count_ended_since,
    count_open,
    count_receipts_taken,
    list_queues,
)
from app.reminders.queries import count_paused, find_spending

# Kinds that begin so; every other is an answer to who asked.
GROUPS = ("receipt", "code", "reminder", "notice", "answer")
_RECEIPTS_OF, _ALLOWED = timedelta(minutes=5), timedelta(seconds=60)


def _read_open(source: Source) -> Iterator[Row]:
    for state, count in count_open(source.connection).items():
        yield (state,), (count,)


def _read_queues(source: Source) -> Iterator[Row]:
    counts: Counter[tuple[str, ...]] = Counter()
    oldest: dict[tuple[str, ...], float] = {}
    for queue in list_queues(source.connection):
        labels: tuple[str, ...] = (
            _find_group(queue.kind),
            queue.provider or "none",
            queue.state,
        )
        counts[labels] += queue.messages
        age = (source.now - queue.oldest).total_seconds()
        oldest[labels] = max(age, oldest.get(labels, 0))
    for labels, count in counts.items():
        yield labels, (count, oldest[labels])


def _find_group(kind: str) -> str:
    """Returns the group of a kind; a series for each of fifty kinds is too many."""
    return next((group for group in GROUPS if kind.startswith(group)), "answer")


def _read_ended(source: Source) -> Iterator[Row]:
    for state, count in count_ended_since(source.connection, source.now - LATELY).items():
        yield (state,), (count,)


def _read_receipts(source: Source) -> Iterator[Row]:
    found = count_receipts_taken(source.connection, source.now - _RECEIPTS_OF, _ALLOWED)
    yield (), (found.taken, found.late)


def _read_spending(source: Source) -> Iterator[Row]:
    yield (), (float(find_spending(source.connection, local_date(source.now)).spent),)


def _read_budgets(source: Source) -> Iterator[Row]:
    today = find_spending(source.connection, local_date(source.now))
    yield ("day",), (today.reached_at is not None,)
    yield ("campaign",), (count_paused(source.connection),)


def _read_providers(source: Source) -> Iterator[Row]:
    for provider, health in read_health(source.connection).items():
        yield (provider,), (health.is_well(),)


OPEN = Reading((Gauge("maalem_messages", "Messages not ended"),), _read_open, ("state",))
QUEUES = Reading(
    (
        Gauge("maalem_messages_waiting", "Messages not ended, by group of kinds and provider"),
        Gauge("maalem_messages_oldest_seconds", "How long ago the oldest of them was queued"),
    ),
    _read_queues,
    ("group", "provider", "state"),
)
ENDED = Reading(
    (Gauge("maalem_messages_ended_last_hour", "Messages ended in the last hour"),),
    _read_ended,
    ("state",),
)
RECEIPTS = Reading(
    (
        Gauge("maalem_receipts_taken_5m", "Receipts that a provider took in the last 5 minutes"),
        Gauge("maalem_receipts_taken_late_5m", "Those of them that it took after over 60 s"),
    ),
    _read_receipts,
)
SPENDING = Reading(
    (Gauge("maalem_sms_day_spent_dirhams", "Messages to many, today, at most"),), _read_spending
)
BUDGETS = Reading(
    (Gauge("maalem_sms_budgets_reached", "Budgets that hold messages to many back"),),
    _read_budgets,
    ("scope",),
)
PROVIDERS = Reading(
    (Gauge("maalem_sms_provider_well", "1 if the provider is well, 0 while it rests"),),
    _read_providers,
    ("provider",),
)
