"""How far long work is: a worker tells Redis, and a page reads it for who waits.

Lost with Redis, it is only not shown: what was done stands in PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from redis import Redis
from redis.exceptions import RedisError

T = TypeVar("T")
# Gets how many lines of the work are done.
Tell = Callable[[int], None]
# Gets how many lines there are, and returns what tells of them.
BeginTelling = Callable[[int], Tell]
_PREFIX = "progress:"
_KEPT = timedelta(hours=1)
_TOLD_EVERY_SECONDS = 0.5
_LONGEST = 30


@dataclass(frozen=True, slots=True)
class WorkProgress:
    """So many lines of a work are done, of so many."""

    done: int
    total: int


class ProgressTeller:
    """Tells how far works are, each under its name, such as `file:17`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def begin(self, work: str, total: int) -> Tell:
        """Returns what is called after each line; it tells twice a second, and at the end."""
        told_at = 0.0

        def tell(done: int) -> None:
            nonlocal told_at
            now = time.monotonic()
            if done < total and now - told_at < _TOLD_EVERY_SECONDS:
                return
            told_at = now
            with suppress(RedisError):  # nobody needs it so much that the work would end
                self._redis.set(f"{_PREFIX}{work}", f"{min(done, total)}/{total}", ex=_KEPT)

        return tell


def find_progress(redis: Redis, work: str) -> WorkProgress | None:
    """Returns how far a work is; None if no worker told of it lately, or Redis is away."""
    with suppress(RedisError):
        told = redis.get(f"{_PREFIX}{work}")
        if isinstance(told, bytes) and len(told) <= _LONGEST:
            done, _, total = told.partition(b"/")
            if done.isdigit() and total.isdigit():
                return WorkProgress(int(done), int(total))
    return None


def tell_each(things: Iterable[T], tell: Tell) -> Iterator[T]:
    """Yields the things, and tells after each how many there were."""
    for count, thing in enumerate(things, 1):
        yield thing
        tell(count)
