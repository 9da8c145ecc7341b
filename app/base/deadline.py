"""Waits for something no longer than a person on the phone would."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import ParamSpec, TypeVar

from app.base.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")


class Deadline:
    """Runs functions in threads of its own and gives up waiting after `seconds`.

    What is given up may still finish: it must be safe to ask for again.
    """

    def __init__(self, seconds: float, threads: int) -> None:
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="deadline")

    def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Its result, or Unavailable when it takes longer (a stopped database answers nothing)."""
        future = self._threads.submit(work, *args, **kwargs)
        try:
            return future.result(self._seconds)
        except TooLate as late:
            if future.cancel() or not future.done():
                raise Unavailable(what="late") from None
            raise late
