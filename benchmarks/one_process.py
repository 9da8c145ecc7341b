"""The CPU of each hop of a dialogue in one process: no server, no network, no load beside it.

`python -m benchmarks hops_inside` starts it, and sends the phones that are to dial, a line each. As
a program it imports nothing but `app`, so that it measures the checkout whose folder Python looks
in first: this one's, or the one of `--beside`.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import sys
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from app import create_app

_PROFILED_ROWS = 60


class Dialogues:
    """The application of this process, and the inputs of each hop."""

    def __init__(self, chains: list[str]) -> None:
        self._application = create_app().wsgi_app
        self._chains = chains

    def measure(self, phone: str) -> list[float]:
        """Plays a dialogue; returns the microseconds of CPU that each hop took."""
        spent = []
        for chain in self._chains:
            request = _make_request(phone, chain)
            began = time.thread_time_ns()
            self._post(request)
            spent.append((time.thread_time_ns() - began) / 1000)
        return spent

    def profile(self, phone: str, hop: int, profiler: cProfile.Profile) -> None:
        """Plays a dialogue, and its hop of that number under the profiler."""
        for index, chain in enumerate(self._chains):
            request = _make_request(phone, chain)
            if index == hop:
                profiler.runcall(self._post, request)
            else:
                self._post(request)

    def _post(self, request: dict[str, Any]) -> None:
        answer = self._application(request, _start)
        text = b"".join(answer)
        if not text.startswith(b"CON "):
            raise SystemExit(f"a hop was answered {text.decode()!r}")
        if close := getattr(answer, "close", None):
            close()


def _start(_status: str, _headers: list[Any], _error: object = None) -> Callable[[bytes], object]:
    return lambda _data: None


def _make_request(phone: str, chain: str) -> dict[str, Any]:
    """Returns a hop as a server hands it to the application."""
    fields = {"sessionId": f"one-{phone}", "serviceCode": "*384#", "phoneNumber": phone}
    body = urlencode({**fields, "networkCode": "60401", "text": chain}).encode()
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/ussd/africastalking",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    }


def _main(chains: list[str], profiled: int | None) -> None:
    dialogues, profiler = Dialogues(chains), cProfile.Profile()
    for line in sys.stdin:
        if profiled is None:
            print(json.dumps(dialogues.measure(line.strip())), flush=True)
        else:
            dialogues.profile(line.strip(), profiled, profiler)
    if profiled is not None:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(_PROFILED_ROWS)


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
