"""Plays dialogues against a server, in a process of its own that imports nothing but this.

A job (pickled, on standard input) brings every request's bytes ready made; an answer is read up to
its Content-Length. So a hop costs it some 30 microseconds, a few hundredths of what it costs a
server: it neither shares the server's interpreter lock nor sets the pace.
"""

from __future__ import annotations

import gc
import pickle
import random
import re
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CODE = re.compile(rb"\d{4} \d{4} \d{4}")
# A run that takes longer than this has gone wrong.
_LONGEST_SECONDS = 180


@dataclass
class Job:
    """`rate` is hops a second, at random moments; None: each connection as fast as answered.

    `ends_in_code` says whether the last screen of every dialogue must show a payment code.
    """

    port: int
    dialogues: list[list[bytes]]
    connections: int
    rate: float | None = None
    ends_in_code: bool = False


@dataclass
class Played:
    """Seconds from the first counted request to the last answer, and each hop's own, as they ended.

    A paced hop's time runs from the moment it was due, so that a late server cannot hide.
    """

    seconds: float
    latencies: list[float]


class _Connection:
    """A kept-alive connection and the dialogue it is in; opened when it is first used.

    A server's thread that waits for an idle connection answers no other.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.talk: list[bytes] = []
        self.hop = 0
        self.due = 0.0

    @cached_property
    def socket(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, due: float) -> None:
        self.due = due
        self.socket.sendall(self.talk[self.hop])
        self.hop += 1

    def answer(self) -> bytes:
        """The body of one answer; anything but a 200 with a length ends the run."""
        received = self.socket.recv(65536)
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        length = _LENGTH.search(received, 0, end)
        if received[8:13] != b" 200 " or length is None:
            raise RuntimeError(f"not an answer to a hop: {received[:300]!r}")
        whole = end + 4 + int(length[1])
        while len(received) < whole:
            received += self._more()
        return received[end + 4 :]

    def _more(self) -> bytes:
        more = self.socket.recv(65536)
        if not more:
            raise RuntimeError("the server hung up")
        return more


def play(job: Job) -> Played:
    """Plays every dialogue once; of each line's first one the beginning is not counted.

    Lines that all began with a dial would stay in step, and ask for their codes all at once.
    """
    lines = [_Connection(job.port) for _ in range(min(job.connections, len(job.dialogues)))]
    waiting = iter(job.dialogues)
    latencies: list[float] = []
    free = deque(line for line in lines if _next(line, waiting))
    chance = random.Random(1)
    total = sum(map(len, job.dialogues)) - sum(_go_ahead(line, chance) for line in free)
    began = due = time.perf_counter()
    busy: set[_Connection] = set()
    while len(latencies) < total:
        now = time.perf_counter()
        if now - began > _LONGEST_SECONDS:
            raise RuntimeError(f"{total - len(latencies)} hops not answered")
        while free and due <= now:
            line = free.popleft()
            line.send(due if job.rate else now)
            busy.add(line)
            due += chance.expovariate(job.rate) if job.rate else 0.0
        ready, _, _ = select.select(busy, (), (), max(0.0, due - now) if free else 1.0)
        for line in ready:
            body = line.answer()
            latencies.append(time.perf_counter() - line.due)
            busy.discard(line)
            _check(body, line, job.ends_in_code)
            if line.hop < len(line.talk) or _next(line, waiting):
                free.append(line)
    seconds = time.perf_counter() - began
    for line in lines:
        line.socket.close()
    return Played(seconds, latencies)


def _next(line: _Connection, waiting: Iterator[list[bytes]]) -> bool:
    """Begins the next dialogue on the line; False if none is left."""
    line.talk, line.hop = next(waiting, []), 0
    return bool(line.talk)


def _go_ahead(line: _Connection, chance: random.Random) -> int:
    """Goes to a random place of the line's dialogue; returns the hops that took."""
    hops = chance.randrange(len(line.talk))
    for _ in range(hops):
        line.send(0.0)
        _check(line.answer(), line, False)
    return hops


def _check(body: bytes, line: _Connection, ends_in_code: bool) -> None:
    last = line.hop == len(line.talk)
    if body[:4] != b"CON " or (last and ends_in_code and not _CODE.search(body)):
        raise RuntimeError(f"hop {line.hop} was answered {body.decode()!r}")


if __name__ == "__main__":
    gc.disable()
    played = play(Job(*pickle.load(sys.stdin.buffer)))
    sys.stdout.buffer.write(pickle.dumps((played.seconds, played.latencies)))
