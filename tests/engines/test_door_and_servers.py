"""The door before servers: which one it asks, and one that says nothing or is out of reach."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import requests

from tests.conftest import free_port
from tests.doors.deployment import make_certificate
from tests.storm.engines import Door

_HOP = {"sessionId": "s", "phoneNumber": "+212600000001", "text": ""}
_PATHS = ("/ussd/africastalking", "/ussd/generic")


class _Answering(BaseHTTPRequestHandler):
    """Answers every hop, as a process that lives."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        said = f"CON {self.server.server_port}".encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answering) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@contextmanager
def silent() -> Iterator[int]:
    """Takes connections and what is sent over them."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server.getsockname()[1]


@contextmanager
def out_of_reach() -> Iterator[int]:
    """Takes no connection either: those that wait fill its queue, and the system drops others."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@contextmanager
def door_before(folder: Path, *servers: int) -> Iterator[Door]:
    folder.mkdir(exist_ok=True)
    make_certificate(folder)
    door = Door(folder / "door", list(servers), folder / "door.pem")
    door.start()
    try:
        yield door
    finally:
        door.kill()


def ask(door: Door, path: str, session: str = "s") -> tuple[float, str]:
    """Returns after how many seconds a phone had its screen, and the screen."""
    certificate = str(door.log.parent.parent / "certificate.pem")
    for _ in range(50):  # until it is open
        began = time.monotonic()
        try:
            hop = _HOP | {"sessionId": session}
            answer = requests.post(f"{door.base}{path}", data=hop, verify=certificate, timeout=25)
        except requests.ConnectionError:
            time.sleep(0.1)
            continue
        assert answer.status_code == 200
        return time.monotonic() - began, answer.text
    raise TimeoutError("the door does not open")


def test_a_phone_of_a_server_that_says_nothing_has_a_screen_in_three_seconds(
    tmp_path: Path,
) -> None:
    with silent() as server, door_before(tmp_path, server) as door:
        for path in _PATHS:
            seconds, screen = ask(door, path)
            assert seconds < 4 and "Panne. Rappelez" in screen


def test_a_phone_hardly_waits_for_a_server_out_of_reach(tmp_path: Path) -> None:
    with (
        out_of_reach() as gone,
        answering() as there,
        door_before(tmp_path, gone, there) as door,
    ):
        told = [ask(door, _PATHS[0]) for _ in range(4)]
        assert {screen for _, screen in told} == {f"CON {there}"}
        assert max(seconds for seconds, _ in told) < 1.2


def test_hops_of_a_session_go_to_one_server_while_it_is_there(tmp_path: Path) -> None:
    sessions = [f"session {number}" for number in range(12)]
    with answering() as one, ExitStack() as stack:
        other = stack.enter_context(answering())
        door = stack.enter_context(door_before(tmp_path, one, other))
        first = [ask(door, _PATHS[0], session)[1] for session in sessions]
        assert set(first) == {f"CON {one}", f"CON {other}"}
        for _ in range(3):
            assert [ask(door, _PATHS[0], session)[1] for session in sessions] == first
    with answering() as one, door_before(tmp_path / "again", one, free_port()) as door:
        assert {ask(door, _PATHS[0], session)[1] for session in sessions} == {f"CON {one}"}
