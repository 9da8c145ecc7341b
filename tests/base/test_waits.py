"""Work in the server's thread gives way where it waits, and is ended where it waits too long."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from threading import get_ident
from typing import TypeVar

import pytest
from psycopg.waiting import Wait
from sqlalchemy.exc import OperationalError

from app.base import waits
from app.base.waits import Incoming, TimeLimits
from app.runtime import Runtime

R = TypeVar("R")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def run(*works: Callable[[], R]) -> list[R]:
    """Does works beside each other in a thread of their own, begun in their order."""

    async def gather() -> list[R]:
        return await asyncio.gather(*map(waits.run, works))

    # A browser's tests leave a loop running in the thread of all tests.
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, gather()).result()


def test_one_goes_on_while_another_waits(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    incoming, threads = Incoming(ours.fileno()), set()

    def wait() -> bytes:
        threads.add(get_ident())
        incoming.wait(5)
        return ours.recv(10)

    def send() -> bytes:
        threads.add(get_ident())
        theirs.sendall(b"come")
        return b"sent"

    for _ in range(3):  # the loop is told of a connection once
        threads.clear()
        assert run(wait, send) == [b"come", b"sent"]
        assert len(threads) == 1


def test_in_another_thread_nothing_is_waited_for_here(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    Incoming(pair[0].fileno()).wait(5)  # the socket itself waits there


def test_wait_ends_in_time_and_the_next_one_has_its_own(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    incoming = Incoming(ours.fileno())

    def wait() -> str:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            incoming.wait(0.2)
        assert 0.15 < time.monotonic() - began < 2
        theirs.sendall(b"late")
        incoming.wait(0.2)
        return ours.recv(10).decode()

    assert run(wait) == ["late"]


def test_connection_ended_while_it_rests_costs_nothing(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pair
    incoming, told = Incoming(ours.fileno()), 0
    tell = Incoming._tell

    def count(self: Incoming, loop: asyncio.AbstractEventLoop) -> None:
        nonlocal told
        told += 1
        tell(self, loop)

    monkeypatch.setattr(Incoming, "_tell", count)

    def work() -> bytes:
        theirs.sendall(b"a")
        incoming.wait(5)
        ours.recv(1)
        theirs.shutdown(socket.SHUT_RDWR)
        waits.pause(0.1)
        assert told == 2
        incoming.wait(5)  # who uses it all the same is told of the end
        return ours.recv(1)

    assert run(work) == [b""]


def test_number_of_a_closed_connection_serves_the_next_one() -> None:
    def talk() -> bytes:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            os.dup2(ours.fileno(), 200)
            with socket.socket(fileno=200) as same:
                theirs.sendall(b"x")
                Incoming(200).wait(1)
                return same.recv(1)

    def two() -> bytes:
        return talk() + talk()

    assert run(two) == [b"xx"]


def test_future_is_waited_for_here_and_told_from_elsewhere() -> None:
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(lambda: time.sleep(0.2) or "done")
        assert run(lambda: waits.wait_for(slow, 5), lambda: "before") == ["done", "before"]
    never: Future[str] = Future()

    def wait() -> str:
        with pytest.raises(TimeoutError):
            waits.wait_for(never, 0.1)
        never.set_result("late")  # wakes nobody
        waits.pause(0.1)
        return waits.wait_for(never, 0.1)

    assert run(wait) == ["late"]
    with pytest.raises(TimeoutError):
        waits.wait_for(Future[None](), 0.01)


def test_work_in_a_thread_keeps_its_context_and_its_errors() -> None:
    kept: ContextVar[str] = ContextVar("kept")

    def look(fails: bool) -> tuple[str, int]:
        if fails:
            raise ValueError("there")
        return kept.get(), get_ident()

    def work() -> None:
        kept.set("ours")
        with pytest.raises(ValueError, match="there"):
            waits.in_thread(look, fails=True)
        found, thread = waits.in_thread(look, fails=False)
        assert found == "ours" and thread != get_ident()

    run(work)
    kept.set("mine")
    assert waits.in_thread(look, fails=False) == ("mine", get_ident())


def test_two_at_once_have_contexts_of_their_own() -> None:
    kept: ContextVar[int] = ContextVar("kept", default=0)

    def work(number: int) -> int:
        kept.set(number)
        waits.pause(0.05)
        return kept.get()

    assert run(lambda: work(1), lambda: work(2)) == [1, 2]


def test_statement_that_does_not_go_out_is_ended_in_time(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    def talk() -> Iterator[Wait]:
        while True:
            yield Wait.RW

    def work() -> None:
        incoming = Incoming(pair[0].fileno())
        with pytest.raises(TimeoutError):
            incoming.wait_for_driver(talk(), 0.2)  # type: ignore[arg-type]

    began = time.monotonic()
    run(work)
    assert time.monotonic() - began < 2


def test_error_of_the_work_is_who_asked_s() -> None:
    def fail() -> None:
        waits.pause(0.01)
        raise ValueError("of the work")

    with pytest.raises(ValueError, match="of the work"):
        run(fail)
    assert run(lambda: "next") == ["next"]


def test_machine_that_stood_still_makes_nobody_late(monkeypatch: pytest.MonkeyPatch) -> None:
    now, late = [1000.0], []
    monkeypatch.setattr(waits, "monotonic", lambda: now[0])
    limits = TimeLimits()

    class Loop:
        def call_later(self, _seconds: float, _call: object, _loop: object) -> None:
            pass

    loop: asyncio.AbstractEventLoop = Loop()  # type: ignore[assignment]
    limits.begin(loop, "who", 1.0, lambda: late.append("who"))
    for step in (0.05, 60, 0.05):
        now[0] += step
        limits._look(loop)
    assert not late
    for _ in range(20):
        now[0] += 0.05
        limits._look(loop)
    assert late == ["who"]


def test_statements_of_two_are_under_way_at_once(runtime: Runtime) -> None:
    """A statement that waits is ended by its deadline, and keeps nobody from the database."""

    def sleep(seconds: float, within: float = 5) -> None:
        def ask() -> None:
            with runtime.database.connect() as connection:
                connection.exec_driver_sql(f"SELECT pg_sleep({seconds})")

        runtime.deadline.run_until(time.monotonic() + within, ask)

    with runtime.database.connect():
        pass  # its first connection is made before there are hops
    began = time.monotonic()
    run(*[lambda: sleep(1)] * 3)
    assert time.monotonic() - began < 2.7
    with pytest.raises(OperationalError, match=r"in time|timeout"):
        run(lambda: sleep(1.2, within=0.5))
