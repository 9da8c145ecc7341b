"""Waits of a hop: in the server's own thread, where others' hops go on meanwhile.

There each hop is a greenlet, and a wait gives way. The same calls in any other thread wait as
usual. No lock may be held over a wait: who comes next in the thread would never get it.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock, get_ident
from time import monotonic, sleep
from typing import ParamSpec, TypeVar

from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait

try:
    from greenlet import getcurrent, greenlet
except ImportError:  # a bare machine has no library of C++: there all work has threads
    greenlet, getcurrent = object, None

P = ParamSpec("P")
R = TypeVar("R")

_LOOK_SECONDS, _LATEST_LOOK_SECONDS = 0.05, 0.5
# For work that waits in its own way, such as the first words on a connection.
_threads = ThreadPoolExecutor(32, thread_name_prefix="waiting")


class _Lane(greenlet):  # type: ignore[misc]
    """A lane in the server's thread where one piece of work after another is done."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        super().__init__()
        self.loop, self.thread = loop, get_ident()
        self.work: Callable[[], None] | None = None

    def run(self) -> None:
        while self.work:
            self.work()
            self.work = None
            _free.append(self)
            self.give_way()

    def give_way(self, seconds: float | None = None) -> None:
        """Lets others work until somebody switches here. Raises: TimeoutError after so long."""
        if seconds is None:
            self.parent.switch()
            return
        LIMITS.begin(self.loop, self, seconds, lambda: self.throw(TimeoutError))
        try:
            self.parent.switch()
        finally:
            LIMITS.finish(self)


# A new lane costs more than the rest of a wait.
_free: list[_Lane] = []


async def run(work: Callable[[], R]) -> R:
    """Returns the result of `work`, at whose waits this thread does something else."""
    loop = get_running_loop()
    done = loop.create_future()

    def do() -> None:
        try:
            result = work()
        except BaseException as error:
            if not done.done():
                done.set_exception(error)
            return
        if not done.done():  # who asked may be gone
            done.set_result(result)

    lane = _free.pop() if _free and _free[-1].loop is loop else _Lane(loop)
    lane.work = do
    lane.switch()
    return await done  # type: ignore[no-any-return]


def find_lane() -> _Lane | None:
    """Returns the lane in the server's thread, if this is work in one."""
    lane = getcurrent() if getcurrent else None
    return lane if isinstance(lane, _Lane) else None


def can_give_way() -> bool:
    """Tells whether this machine can do work in lanes at all."""
    return getcurrent is not None


class TimeLimits:
    """Ends what takes too long: looked at all together, as a timer costs more than a wait.

    `end` is called in the loop's thread, `_LOOK_SECONDS` late at most.
    """

    def __init__(self) -> None:
        self._ends: dict[object, tuple[float, Callable[[], object]]] = {}
        # A machine that stood still makes nobody late: of a look that comes late so much counts.
        self._passed = self._looked = 0.0
        self._looking: AbstractEventLoop | None = None

    def begin(
        self, loop: AbstractEventLoop, who: object, seconds: float, end: Callable[[], object]
    ) -> None:
        if self._looking is not loop:
            self._looking, self._looked = loop, monotonic()
            loop.call_later(_LOOK_SECONDS, self._look, loop)
        self._ends[who] = self._passed + (monotonic() - self._looked) + seconds, end

    def finish(self, who: object) -> None:
        self._ends.pop(who, None)

    def _look(self, loop: AbstractEventLoop) -> None:
        before, self._looked = self._looked, monotonic()
        self._passed += min(self._looked - before, _LATEST_LOOK_SECONDS)
        late = [who for who, (ends, _) in self._ends.items() if ends <= self._passed]
        self._looking = loop if len(late) < len(self._ends) else None
        if self._looking:
            loop.call_later(_LOOK_SECONDS, self._look, loop)
        for who in late:
            if found := self._ends.pop(who, None):
                found[1]()


LIMITS = TimeLimits()


class Incoming:
    """Tells one at a time when something comes in on a connection.

    The loop is told of each connection once: telling it at each wait costs as much as the wait.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._lane: _Lane | None = None
        self._watching: AbstractEventLoop | None = None

    def wait(self, seconds: float | None) -> None:
        """Waits until something can be read; not in other threads, where a socket waits itself.

        Raises: TimeoutError.
        """
        if (lane := find_lane()) is None:
            return
        if self._watching is not lane.loop:
            # Another connection that is closed may have had this number.
            lane.loop.remove_reader(self._file)
            lane.loop.add_reader(self._file, self._tell, lane.loop)
            self._watching = lane.loop
        self._lane = lane
        try:
            lane.give_way(seconds)
        finally:
            self._lane = None

    def _tell(self, loop: AbstractEventLoop) -> None:
        if self._lane:
            self._lane.switch()
        else:
            # Its server ended it while nobody used it.
            loop.remove_reader(self._file)
            self._watching = None

    def wait_for_driver(self, talk: PQGen[R], seconds: float | None) -> R:
        """Returns what comes of the driver's talk with PostgreSQL. Raises: TimeoutError."""
        ends = None if seconds is None else monotonic() + seconds
        try:
            wanted = next(talk)
            while True:
                if wanted & Wait.W:
                    # A statement fits what the system takes in, but for the largest.
                    if ends is not None and monotonic() > ends:
                        raise TimeoutError
                    pause(_LOOK_SECONDS)
                    wanted = talk.send(Ready.RW)
                else:
                    self.wait(None if ends is None else ends - monotonic())
                    wanted = talk.send(Ready.R)
        except StopIteration as end:
            result: R = end.value
            return result


class Turn:
    """A moment that whoever made this waits for, once, and another tells of."""

    def __init__(self) -> None:
        self._lane, self._is_waiting, self._is_told = find_lane(), False, False
        self._lock = Lock()
        self._lock.acquire()

    def wait(self, seconds: float | None) -> None:
        """Waits until it is told. Raises: TimeoutError."""
        if (lane := self._lane) is None:
            if not self._lock.acquire(timeout=-1 if seconds is None else seconds):
                raise TimeoutError
            return
        if self._is_told:
            return
        self._is_waiting = True
        try:
            lane.give_way(seconds)
        finally:
            self._is_waiting = False

    def tell(self) -> None:
        """Lets the one who waits go on; it may be told of in any thread."""
        if (lane := self._lane) is None:
            self._lock.release()
            return
        self._is_told = True
        here = get_ident() == lane.thread
        (lane.loop.call_soon if here else lane.loop.call_soon_threadsafe)(self._go_on)

    def _go_on(self) -> None:
        if self._is_waiting and self._lane:
            self._lane.switch()


def wait_for(future: Future[R], seconds: float | None = None) -> R:
    """Returns the result of a future. Raises: TimeoutError, what the future raises."""
    if find_lane() and not future.done():
        turn = Turn()
        future.add_done_callback(lambda _: turn.tell())
        turn.wait(seconds)
    return future.result(seconds)


def pause(seconds: float) -> None:
    """Waits for so long."""
    if lane := find_lane():
        lane.loop.call_later(seconds, lane.switch)
        lane.give_way()
    else:
        sleep(seconds)


def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Returns the result of work that waits in its own way, in another thread if it must."""
    if find_lane() is None:
        return work(*args, **kwargs)
    context = copy_context()
    return wait_for(_threads.submit(lambda: context.run(work, *args, **kwargs)))
