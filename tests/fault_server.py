"""A server on this machine that takes faults as Sentry does, and keeps every byte of them."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROJECT = "/api/7/envelope/"


class FaultServer:
    """What was sent: each request's head and body, and the events in them."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.status, self.seconds, self.dsn = 200, 0.0, ""

    def list_events(self) -> list[dict[str, Any]]:
        """Reads the envelopes: a head, then for each item a head and a payload, a line each."""
        events = []
        for body in self.bodies:
            lines = [json.loads(line) for line in body.decode().strip().split("\n")]
            events += [
                payload
                for head, payload in zip(lines[1::2], lines[2::2], strict=True)
                if head["type"] == "event"
            ]
        return events

    def wait_for(self, count: int, seconds: float = 10) -> list[dict[str, Any]]:
        until = time.monotonic() + seconds
        while len(self.bodies) < count and time.monotonic() < until:
            time.sleep(0.02)
        return self.list_events()

    @property
    def everything(self) -> bytes:
        return "\n".join(self.heads).encode() + b"\n" + b"\n".join(self.bodies)


@contextmanager
def taking_faults() -> Iterator[FaultServer]:
    """Runs a server; its `status` and `seconds` say how it answers, and how late."""
    taken = FaultServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            time.sleep(taken.seconds)
            assert self.path == PROJECT
            taken.heads.append(f"{self.requestline}\n{self.headers}")
            taken.bodies.append(body)
            # A command that has ended does not wait for the answer.
            with suppress(BrokenPipeError):
                self.send_response(taken.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken.dsn = f"http://4a8e017dc25b@127.0.0.1:{server.server_port}/7"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
