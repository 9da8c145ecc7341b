"""Hashes and compares secrets that people choose: slow on purpose, and a few at once in a process.

Each takes 19 MiB and some hundredths of a second of a core. However many guess at once, memory and
cores are left for phones. The threads are always the same: each keeps the memory it once had.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from app.base import waits
from app.base.errors import Busy

P = ParamSpec("P")
R = TypeVar("R")

AT_ONCE = 4
# A person on the phone waits a second in all.
_PATIENCE_SECONDS = 0.8
# OWASP's smallest parameters: with others a busy server keeps a phone waiting over a second.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_places = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="slow_hash")


def hash_slowly(secret: str | bytes) -> str:
    """Returns the hash to store. Raises: Busy."""
    return _work_in_a_place(_hasher.hash, secret)


def is_hash_of(stored: str, secret: str | bytes) -> bool:
    """True if `stored` was made of this secret. Raises: Busy."""
    try:
        return _work_in_a_place(_hasher.verify, stored, secret)
    except (VerifyMismatchError, InvalidHashError):
        return False


def _work_in_a_place(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Returns what comes of the work, once a place was free. Raises: Busy if none was in time."""
    waiting = _places.submit(work, *args, **kwargs)
    try:
        return waits.wait_for(waiting, _PATIENCE_SECONDS)
    except TimeoutError:
        if waiting.cancel():
            raise Busy(what="comparing secrets") from None
        return waits.wait_for(waiting)
