"""The CPU of each hop of a dialogue in one process: no server, no network, no load beside it.

`python -m benchmarks hops_inside` plays it. As a program it imports nothing but `app`, so that it
measures the checkout whose folder Python looks in first: this one's, or the one of `--beside`.
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

# Dialogues that open connections and fill caches before the first one that counts.
_WARM = 30
_PROFILED_ROWS = 60


class Dialogues:
    """The application of this process, and the phones that dial it."""

    def __init__(self, chains: list[str], phones: list[str]) -> None:
        self._application = create_app().wsgi_app
        self._chains, self._phones = chains, phones

    def measure(self) -> list[list[float]]:
        """Returns for each hop the microseconds of CPU that it took in each dialogue."""
        spent: list[list[float]] = [[] for _ in self._chains]
        for number, phone in enumerate(self._phones):
            for hop, chain in enumerate(self._chains):
                request = _make_request(phone, chain)
                began = time.thread_time_ns()
                self._post(request)
                if number >= _WARM:
                    spent[hop].append((time.thread_time_ns() - began) / 1000)
        return spent

    def profile(self, hop: int) -> None:
        """Prints where the hop of that number spends its time."""
        profiler = cProfile.Profile()
        for number, phone in enumerate(self._phones):
            for index, chain in enumerate(self._chains):
                request = _make_request(phone, chain)
                if index == hop and number >= _WARM:
                    profiler.runcall(self._post, request)
                else:
                    self._post(request)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(_PROFILED_ROWS)

    def _post(self, request: dict[str, Any]) -> None:
        answer = self._application(request, _start)
        text = b"".join(answer)
        if not text.startswith(b"CON "):
            raise SystemExit(f"a hop was answered {text.decode()!r}")
        answer.close()  # type: ignore[attr-defined]


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


if __name__ == "__main__":
    job = json.load(sys.stdin)
    dialogues = Dialogues(job["chains"], job["phones"])
    if (profiled := job.get("profiled")) is None:
        json.dump(dialogues.measure(), sys.stdout)
    else:
        dialogues.profile(profiled)
