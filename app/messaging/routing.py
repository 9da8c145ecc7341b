"""Which provider a message goes to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

# So often at one provider, and then it is the next one's turn.
MOST_ATTEMPTS_HERE = 3


@dataclass(slots=True)
class Capacity:
    """How many messages each usable provider may still be given now."""

    left: dict[str, int]

    def take(self, provider: str) -> None:
        self.left[provider] -= 1

    def open(self) -> set[str]:
        return {provider for provider, left in self.left.items() if left > 0}


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """What a message asks of the choice.

    `at`: the provider that had it last, `attempts_here` how often; `refused`: where it is not to
    go (again); `doubt`: who may have it already and must be asked.
    """

    at: str | None
    attempts_here: int
    refused: Collection[str]
    doubt: str | None


def choose_provider(
    wanted: RouteRequest,
    room: Capacity,
    providers: Sequence[str],
    weights: Mapping[str, int],
    random: Random,
) -> str | None:
    """The provider to hand it to now; None: none has room, and it has to wait.

    Who may have it is asked first. The one that had it keeps it for some attempts. Else a draw by
    weight, and where none with a weight can take it, the first in order that can.
    """
    usable = room.open()
    if wanted.doubt is not None and wanted.doubt in providers:
        return wanted.doubt if wanted.doubt in usable else None
    open_to_it = [name for name in providers if name in usable and name not in wanted.refused]
    if wanted.at in open_to_it and 0 < wanted.attempts_here < MOST_ATTEMPTS_HERE:
        return wanted.at
    if not open_to_it:
        return None
    drawn = [name for name in open_to_it if weights.get(name, 0) > 0]
    if not drawn:
        return open_to_it[0]
    return random.choices(drawn, [weights[name] for name in drawn])[0]


def usual_weights(providers: Sequence[str], weights: Mapping[str, int]) -> Mapping[str, int]:
    """Those configured; none: the first takes all, the others what it cannot."""
    return weights or {providers[0]: 1}
