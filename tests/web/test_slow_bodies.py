"""A body is late by the time in which the server worked, and by no other."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from app.web import slow_bodies
from app.web.slow_bodies import SlowBodies


@pytest.mark.parametrize(
    ("gap", "looks", "within", "given_up"),
    [(60.0, 2, 4.0, False), (0.1, 60, 4.0, True), (0.1, 60, 60.0, False), (0.1, 620, 60.0, True)],
)
def test_machine_that_stood_still_makes_nobody_late(
    monkeypatch: pytest.MonkeyPatch, gap: float, looks: int, within: float, given_up: bool
) -> None:
    """A body that was coming in when the machine was paused has its whole time behind the pause."""
    now = [1000.0]
    monkeypatch.setattr(slow_bodies, "time", SimpleNamespace(monotonic=lambda: now[0]))
    bodies = SlowBodies()
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as caller,
    ):
        caller.sendall(b"x")
        accepted, _ = server.accept()
        with accepted:
            accepted.recv(1)
            environ = {"SERVER_PORT": str(server.getsockname()[1])}
            with bodies.limit_wait(environ, "127.0.0.1", within) as wait:
                for step in (0.1, 0.1, 0.1, 0.1, *[gap] * looks):
                    now[0] += step
                    bodies._look()
                assert (wait.given_up is not None) is given_up
