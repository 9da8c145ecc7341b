"""Faults of the loopback providers: by name, or by share with a seed.

`code:N` refuses with a code of the provider's own, `failed:N` accepts the request and reports at
once that the message failed, `http:N` answers with a bare status, `whole:WORD` refuses without
naming the recipient. `cut_before` does not accept the message; all other faults do.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from random import Random

from app.base.errors import InvalidInput

CUT_BEFORE, CUT_AFTER, HALF = "cut_before", "cut_after", "half"
MALFORMED, EMPTY, SLOW = "malformed", "empty", "slow"
AFTER_ACCEPTING = (CUT_AFTER, HALF, MALFORMED, EMPTY, SLOW)
ANYBODY = (CUT_BEFORE, *AFTER_ACCEPTING, "http:429", "http:500", "http:502", "http:503", "http:504")
# Faults of a question that sends nothing.
LOOKING = ("http:429", "http:500", "http:503")
_WITH_VALUE = ("code:", "failed:", "http:", "whole:")


class Faults:
    """Makes `share` of the requests go wrong, evenly over `kinds`, or over all possible faults."""

    def __init__(self, seed: int, share: float = 0.0, kinds: Sequence[str] = ()) -> None:
        self._random = Random(seed)  # noqa: S311 - a seed repeats the same faults
        self.share = share
        self.kinds = check_kinds(kinds)
        # The only provider with faults; empty: both have them.
        self.only = ""
        self.next: deque[str] = deque()
        self.happened: Counter[str] = Counter()

    def draw(self, provider: str, possible: Sequence[str]) -> str | None:
        """Returns the fault of this request, if any; faults set by name come first."""
        if self.next:
            fault = self.next.popleft()
        elif self.only in {"", provider} and self._random.random() < self.share:
            fault = self._random.choice(self.kinds or possible)
        else:
            return None
        if not fault:
            return None
        self.happened[fault] += 1
        return fault


def check_kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    """Returns the kinds; an empty one is a request that goes well. Raises: InvalidInput."""
    kinds = tuple(kinds)
    for kind in kinds:
        if kind and kind not in (CUT_BEFORE, *AFTER_ACCEPTING) and not kind.startswith(_WITH_VALUE):
            raise InvalidInput(what="faults", why=f"no such fault: {kind}")
    return kinds
