"""A way to a server of this machine that swallows what goes over it, or is cut at a moment."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

_LOOK_SECONDS = 0.02


class Relay:
    """Passes bytes between whoever connects to its port and a server's port.

    While it `swallows`, nothing passes over any connection, and of new ones all but two are not
    even opened, as with a machine that is out of reach. What was under way arrives afterwards.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port: int = self._listener.getsockname()[1]
        self.swallows = False
        self._done: Callable[[], bool] | None = None
        self._others: dict[socket.socket, socket.socket] = {}
        self._callers: set[socket.socket] = set()
        self._ends = False

    @property
    def is_to_cut(self) -> bool:
        """True while the moment of `cut_when` has not come."""
        return self._done is not None

    def cut_when(self, done: Callable[[], bool]) -> None:
        """Closes every connection in place of the first answer at which `done` is true."""
        self._done = done

    def run(self) -> None:
        """Passes on until `end`."""
        while not self._ends:
            listened = [] if self.swallows else [self._listener, *self._others]
            for ready in select.select(listened, [], [], _LOOK_SECONDS)[0]:
                if ready is self._listener:
                    self._open()
                elif ready in self._others:
                    self._pass_on(ready)
        self._close_all()
        self._listener.close()

    def end(self) -> None:
        self._ends = True

    def _open(self) -> None:
        caller, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self._server))
        except ConnectionRefusedError:
            caller.close()
            return
        self._callers.add(caller)
        self._others |= {caller: server, server: caller}

    def _pass_on(self, one: socket.socket) -> None:
        other = self._others[one]
        try:
            data = one.recv(65536)
            if data and one not in self._callers and self._done and self._done():
                self._done = None
                self._close_all()
            elif data:
                other.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._close(one, other)

    def _close_all(self) -> None:
        self._close(*self._others)

    def _close(self, *ends: socket.socket) -> None:
        for each in ends:
            each.close()
            self._others.pop(each, None)
            self._callers.discard(each)


@contextmanager
def relayed(server: int) -> Iterator[Relay]:
    """Runs a relay to a server's port inside the block."""
    relay = Relay(server)
    running = Thread(target=relay.run)
    running.start()
    try:
        yield relay
    finally:
        relay.end()
        running.join()
