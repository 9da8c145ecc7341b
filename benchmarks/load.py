"""Whole dialogues as request bytes, and how fast a server answers them."""

from __future__ import annotations

import pickle
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

from app.journeys.person import FRESH_SECONDS
from benchmarks.player import Job, Played
from benchmarks.servers import Server

# Dial, my AMO, back, pay, the code for all of it.
CHAINS = ("", "1", "1*0", "1*0*2", "1*0*2*1")
CONNECTIONS = 16
# Facts older than this are read again (app/journeys/person.py): a person thinks longer.
THINKING_SECONDS = FRESH_SECONDS + 0.1
_PLAYER = Path(__file__).with_name("player.py")


def dialogue(phone: str) -> list[bytes]:
    """Returns the five hops of a new session of `phone`."""
    session = f"ATUid_{secrets.token_hex(16)}"
    return [_request(session, phone, chain) for chain in CHAINS]


def form(session: str, phone: str, chain: str) -> dict[str, str]:
    """Returns the fields of a callback."""
    return {
        "sessionId": session,
        "serviceCode": "*384#",
        "phoneNumber": phone,
        "networkCode": "60401",
        "text": chain,
    }


def _request(session: str, phone: str, chain: str, path: str = "/ussd/africastalking") -> bytes:
    body = urlencode(form(session, phone, chain))
    head = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
    )
    return ("\r\n".join(head) + f"\r\n\r\n{body}").encode()


def constant_requests(count: int) -> list[list[bytes]]:
    """Returns `count` requests to the handler that does nothing."""
    return [[_request("s", "+212600000001", "1", "/constant")] for _ in range(count)]


def play(
    server: Server,
    dialogues: Sequence[list[bytes]],
    *,
    rate: float | None = None,
    ends_in_code: bool = False,
) -> Played:
    """Plays dialogues from a process of their own; `rate` in hops a second, None for the most."""
    connections = CONNECTIONS if rate is None else 4 * CONNECTIONS
    job = Job(server.port, list(dialogues), connections, rate, ends_in_code)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(_PLAYER)],
        input=pickle.dumps(astuple(job)),
        stdout=subprocess.PIPE,
        check=True,
    )
    played = Played(*pickle.loads(done.stdout))
    server.hops += sum(map(len, dialogues))
    return played


def hops_a_second(played: Played) -> float:
    return len(played.latencies) / played.seconds


def p99_ms(played: Played) -> float:
    return quantiles(played.latencies, n=100)[98] * 1000
