"""Chooses the provider that a message goes to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

# Attempts at one provider before the next one's turn.
MOST_ATTEMPTS_HERE = 3


@dataclass(slots=True)
class Capacity:
    """The number of messages that each usable provider may still be given now."""

    left: dict[str, int]

    def take(self, provider: str) -> None:
        self.left[provider] -= 1

    def open_providers(self) -> set[str]:
        return {provider for provider, left in self.left.items() if left > 0}


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """A message that needs a provider.

    `last_provider` had it last, `attempts_here` times in a row. The providers in `refused_by` must
    not get it. `maybe_sent_by` may have it already and must be asked.
    """

    last_provider: str | None
    attempts_here: int
    refused_by: Collection[str]
    maybe_sent_by: str | None


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """The rule by which messages are shared out: providers in order, their weights and capacity."""

    providers: Sequence[str]
    weights: Mapping[str, int]
    capacity: Capacity
    random: Random


def choose_provider(request: RouteRequest, policy: RoutingPolicy) -> str | None:
    """Returns the provider to give the message to now; None if it has to wait for capacity.

    A provider that may have the message comes first. The last provider keeps it for three attempts.
    Otherwise one is drawn by weight, or the first in order is taken if none has a weight.
    """
    usable = policy.capacity.open_providers()
    if request.maybe_sent_by is not None and request.maybe_sent_by in policy.providers:
        return request.maybe_sent_by if request.maybe_sent_by in usable else None
    candidates = [
        name for name in policy.providers if name in usable and name not in request.refused_by
    ]
    if request.last_provider in candidates and 0 < request.attempts_here < MOST_ATTEMPTS_HERE:
        return request.last_provider
    if not candidates:
        return None
    weighted = [name for name in candidates if policy.weights.get(name, 0) > 0]
    if not weighted:
        return candidates[0]
    return policy.random.choices(weighted, [policy.weights[name] for name in weighted])[0]


def usual_weights(providers: Sequence[str], weights: Mapping[str, int]) -> Mapping[str, int]:
    """Returns the configured weights; without any, the first provider has the only weight."""
    return weights or {providers[0]: 1}
