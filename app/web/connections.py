"""The connections that callers hold to this process, as the system knows them."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILES = Path("/dev/fd")  # Linux and macOS
# Places in Linux's tcp_info: milliseconds since data was sent and received, and bytes of each.
_LAST_SENT, _LAST_RECEIVED, _RECEIVED, _SENT = 44, 52, 128, 200
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of connections: an address, and the port of ours it calls."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class PeerConnection:
    """A connection: bytes sent on it, milliseconds since some came, and if these are unanswered."""

    peer: Peer
    file: int
    inode: int
    sent: int = 0
    silent: int = 0
    unanswered: bool = True


def list_connections(peers: set[Peer]) -> list[PeerConnection]:
    """Returns the connections that these peers hold to this process."""
    found = []
    for file in [int(path.name) for path in _FILES.iterdir()]:
        with _open_again(file) as connection:
            if connection and (peer := _find_peer(connection)) in peers:
                assert peer
                inode = os.fstat(connection.fileno()).st_ino
                found.append(PeerConnection(peer, file, inode, **_look_at(connection)))
    return found


def end_connection(known: PeerConnection) -> None:
    """Ends a connection, if it is still the one that was seen: whoever reads from it goes on."""
    with _open_again(known.file) as connection:
        if connection and os.fstat(connection.fileno()).st_ino == known.inode:
            with suppress(OSError):  # the other end was quicker
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def _open_again(file: int) -> Iterator[socket.socket | None]:
    """A second handle of an open file, if it is a connection: the server may close its own."""
    try:
        own = os.dup(file)
    except OSError:
        yield None
        return
    try:
        connection = socket.socket(fileno=own)
    except OSError:
        os.close(own)
        yield None
        return
    with connection:
        yield connection


def _find_peer(connection: socket.socket) -> Peer | None:
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        return Peer(connection.getpeername()[0], connection.getsockname()[1])
    except OSError:
        return None


def _look_at(connection: socket.socket) -> dict[str, Any]:
    """Returns what was sent and came, where the system tells it."""
    option = getattr(socket, "TCP_INFO", None)
    told = connection.getsockopt(socket.IPPROTO_TCP, option, _LONGEST) if option else b""
    if len(told) < _SENT + 8:
        return {}
    (last_sent,) = struct.unpack_from("=I", told, _LAST_SENT)
    (silent,) = struct.unpack_from("=I", told, _LAST_RECEIVED)
    (sent,) = struct.unpack_from("=Q", told, _SENT)
    (received,) = struct.unpack_from("=Q", told, _RECEIVED)
    unanswered = received > 0 and (sent == 0 or silent < last_sent)
    return {"sent": sent, "silent": silent, "unanswered": unanswered}
