"""Gives up on who does not send a body in time, and sooner when very many send slowly.

The server has no time limit of its own for a body: the thread that waits for one is freed by ending
the connection under it. What the door brings (TRUSTED_PROXIES) is whole, and is not looked at.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, Thread
from typing import TYPE_CHECKING

import structlog

from app.observe import metrics
from app.web.connections import Peer, PeerConnection, end_connection, list_connections

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

DEADLINE = 4.0  # seconds in which a body is sent, unless it is told otherwise
# Above so many bodies at once threads run short: then the oldest have a moment only. A process has
# threads for these, and for all who work or wait for a slot (app/web/slots.py).
CROWD, _CROWD_DEADLINE = 64, 0.25
_PAUSE = 0.1  # seconds between two looks
_LATEST = 0.5  # seconds after which a look that is later shows that this process did not work
_AGAIN = 1.0  # seconds after which a body given up that is still waited for is given up once more
_SERVER = "Granian"  # others have time limits of their own
_log = structlog.get_logger("web")


@dataclass(slots=True, eq=False)
class BodyWait:
    """A body that a thread waits for: who sends it, since when (`WorkedTime`), how long."""

    peer: Peer
    since: float
    within: float
    given_up: float | None = None

    def is_open(self, now: float) -> bool:
        """Tells whether its connection is still to be ended, at this time."""
        return self.given_up is None or now - self.given_up > _AGAIN


class WorkedTime:
    """The seconds that this process worked: a machine that stood still makes nobody late."""

    def __init__(self, began: float) -> None:
        self._worked, self._last = 0.0, began

    def read(self, now: float) -> float:
        """Returns the seconds at a time of `time.monotonic`."""
        return self._worked + min(max(now - self._last, 0.0), _LATEST)

    def pass_look(self, now: float) -> float:
        """Returns the seconds at a look's time, from which on they are counted."""
        self._worked, self._last = self.read(now), now
        return self._worked


class SlowBodies:
    """The bodies that this process waits for, and a thread that looks how long."""

    def __init__(self) -> None:
        self._time = WorkedTime(time.monotonic())
        self._waits: set[BodyWait] = set()
        self._quiet = _SeenConnections()
        self._watch: Thread | None = None
        self._starting = Lock()

    def __len__(self) -> int:
        return len(self._waits)

    @contextmanager
    def limit_wait(
        self, environ: WSGIEnvironment, address: str, within: float = DEADLINE
    ) -> Iterator[BodyWait]:
        """Bounds the seconds in which a body is read; `given_up` tells later that it was cut off.

        `address` is that at the other end of the connection.
        """
        if environ.get("SERVER_SOFTWARE") == _SERVER and not self._watch:
            self._start()
        peer = Peer(address, int(environ.get("SERVER_PORT") or 0))
        wait = BodyWait(peer, self._time.read(time.monotonic()), within)
        self._waits.add(wait)
        try:
            yield wait
        finally:
            self._waits.remove(wait)

    def _start(self) -> None:
        with self._starting:
            if not self._watch:
                self._watch = Thread(target=self._look_for_ever, name="slow bodies", daemon=True)
                self._watch.start()

    def _look_for_ever(self) -> None:
        while True:
            time.sleep(_PAUSE)
            try:
                self._look()
            except Exception:  # a system that shows no connections is no reason to stop looking
                _log.exception("slow_bodies_not_looked_at")
                time.sleep(DEADLINE)

    def _look(self) -> None:
        """Gives up on the bodies that are overdue, and ends as many connections of who sends them.

        Nothing names the connection of a request: those end on which nothing was sent for longest.
        """
        now = self._time.pass_look(time.monotonic())
        waits = [wait for wait in tuple(self._waits) if wait.is_open(now)]
        if not any(now - wait.since > _CROWD_DEADLINE for wait in waits):
            self._quiet.forget()
            return
        waits.sort(key=lambda wait: wait.since)
        crowded = len(waits) > CROWD
        overdue: dict[Peer, list[BodyWait]] = {}
        for wait in waits[: len(waits) - CROWD] if crowded else waits:
            if now - wait.since > (_CROWD_DEADLINE if crowded else wait.within):
                overdue.setdefault(wait.peer, []).append(wait)
        quiet = self._quiet.find({wait.peer for wait in waits}, now)
        for peer, late in overdue.items():
            deadline = _CROWD_DEADLINE if crowded else min(wait.within for wait in late)
            due = [each for each, since in quiet[peer] if _is_due(each, now - since, deadline)]
            for wait, _ in zip(late, due, strict=False):
                wait.given_up = now
            # In a crowd most are not even begun to be read, and seen here alone.
            unread = sum(each.unanswered for each in due) - CROWD if crowded else 0
            if ending := due[: max(len(late), unread)]:
                self._give_up(ending, len(waits))

    def _give_up(self, connections: list[PeerConnection], waiting: int) -> None:
        for each in connections:
            end_connection(each)
        metrics.slow_bodies.inc(len(connections))
        _log.warning("slow_bodies_given_up", connections=len(connections), waiting=waiting)


def _is_due(connection: PeerConnection, quiet: float, deadline: float) -> bool:
    """Tells whether so many seconds are too long: a connection is first seen after its request.

    One on which all seems answered may have its next request sent in one breath with the last.
    """
    return quiet > max((deadline if connection.unanswered else DEADLINE) - 4 * _PAUSE, _PAUSE / 2)


_Quiet = tuple[PeerConnection, float]


class _SeenConnections:
    """The connections of some peers, and since when nothing was sent on each."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int, bool], float] = {}

    def forget(self) -> None:
        """Forgets what was seen: the next look is the first."""
        self._seen.clear()

    def find(self, peers: set[Peer], now: float) -> dict[Peer, list[_Quiet]]:
        """Returns each peer's connections, the oldest first, answered ones behind all others."""
        found: dict[Peer, list[_Quiet]] = {peer: [] for peer in peers}
        before, self._seen = self._seen, {}
        for each in list_connections(peers):
            seen = each.inode, each.sent, each.unanswered
            self._seen[seen] = since = before.get(seen, now)
            found[each.peer].append((each, since))
        for known in found.values():
            known.sort(key=lambda quiet: (not quiet[0].unanswered, quiet[1], -quiet[0].silent))
        return found


SLOW_BODIES = SlowBodies()
