"""The hop's own way to Redis: single commands over connections kept here.

The client opens the connections, to whoever is the one (TLS, Sentinel, Cluster); its work around
each command costs more than the command, so commands go past it. What a failover or a move of
slots answers is followed; what was open to a server that is none any more is closed.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from ssl import SSLSocket
from struct import pack
from threading import Lock
from typing import Protocol

from hiredis import PushNotification, Reader, pack_command
from redis import Redis, RedisCluster
from redis._parsers import BaseParser
from redis.cluster import PRIMARY, ClusterNode
from redis.connection import AbstractConnection, ConnectionPool
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    InvalidResponse,
    MasterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout

from app.base import waits
from app.base.errors import Unavailable

# All tries of a command together; one that waits for an answer is not tried again.
_SECONDS = 0.5
# Who was refused sooner is not out of reach, and may be tried again.
_AT_ONCE_SECONDS = 0.2
_PAUSE_SECONDS = 0.02
# What the reader gives while an answer is not whole; the most bytes that are read at once.
_PART, _MOST_AT_ONCE = object(), 65536
# The server answers, but not as the one that holds the keys: it was replaced, or is not there yet.
_NOT_THE_ONE = RedisConnectionError, ReadOnlyError, MasterDownError

Part = str | bytes | int


class Calls(Protocol):
    def call(self, bucket: bytes, *command: Part) -> object:
        """Sends a command about keys of one bucket, in one round trip; returns the answer.

        Raises: NoScriptError, Unavailable.
        """


def make_calls(redis: Redis) -> Calls:
    """Returns the way to a server, to whom Sentinel names, or to a Cluster."""
    return ClusterCalls(redis) if isinstance(redis, RedisCluster) else ServerCalls(redis)


class _OwnConnection:
    """A connection that the client opens, and over which we speak ourselves.

    The system keeps its limit of time: with Python's own each call asks the system twice.
    """

    _socket: socket.socket | None = None
    _reader: Reader
    _incoming: waits.Incoming

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection

    def ask(self, *commands: Sequence[Part]) -> object:
        """Sends commands; returns the answer to the last. Raises: RedisError."""
        opened = self._socket
        if opened is None or opened is not self._connection._sock:
            opened = self._open()
        try:
            opened.sendall(b"".join(map(pack_command, commands)))  # type: ignore[arg-type]
            answers = [self._read(opened) for _ in commands]
        except (TimeoutError, BlockingIOError):
            raise RedisTimeout("no answer in time") from None
        except OSError as error:
            raise RedisConnectionError(type(error).__name__) from error
        for answer in answers:
            if isinstance(answer, RedisError):
                raise answer
        return answers[-1]

    def close(self) -> None:
        self._connection.disconnect()  # type: ignore[no-untyped-call]

    def _open(self) -> socket.socket:
        # Left to itself one that was closed opens to where it was, without asking Sentinel.
        if not self._connection.is_connected:
            waits.in_thread(self._connection.connect)
        opened: socket.socket = self._connection._sock  # type: ignore[assignment]
        seconds: float | None = self._connection.socket_timeout
        # TLS reads more than once for an answer, so there the limit stays Python's.
        if seconds and type(opened) is socket.socket:
            limit = pack("ll", int(seconds), int(seconds % 1 * 1e6))
            opened.setblocking(True)
            for kind in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                opened.setsockopt(socket.SOL_SOCKET, kind, limit)
        self._socket, self._incoming = opened, waits.Incoming(opened.fileno())
        self._reader = Reader(
            protocolError=InvalidResponse, replyError=BaseParser.parse_error, notEnoughData=_PART
        )
        return opened

    def _read(self, opened: socket.socket) -> object:
        while (answer := self._reader.gets()) is _PART or isinstance(answer, PushNotification):
            if answer is _PART:
                if not (data := self._receive(opened)):
                    raise RedisConnectionError("closed")
                self._reader.feed(data)
        return answer

    def _receive(self, opened: socket.socket) -> bytes:
        if isinstance(opened, SSLSocket):
            # What comes may be a part of what it deciphers at once: it waits for the rest itself.
            return waits.in_thread(opened.recv, _MOST_AT_ONCE)
        self._incoming.wait(self._connection.socket_timeout)
        return opened.recv(_MOST_AT_ONCE)


class _Node:
    """Connections to one server that rest, the last used first."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._idle: deque[_OwnConnection] = deque()

    def ask(self, *command: Part, asking: bool = False) -> object:
        """Returns the answer. Raises: RedisError; after one of no answer all that rest are closed.

        `asking` says that Redis's ASK sent us here.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = _OwnConnection(waits.in_thread(self._pool.get_connection))
        try:
            return connection.ask(("ASKING",), command) if asking else connection.ask(command)
        except BaseException as error:
            # Left open, it would read the late answer as the next command's.
            if not isinstance(error, ResponseError) or isinstance(error, _NOT_THE_ONE):
                connection.close()
                self.close_idle()
            raise
        finally:
            self._idle.append(connection)

    def close_idle(self) -> None:
        """Closes what rests: the next command of each opens it again, to whom is there then."""
        for _ in range(len(self._idle)):
            with suppress(IndexError):  # others may have taken all meanwhile
                connection = self._idle.popleft()
                connection.close()
                self._idle.append(connection)


class ServerCalls:
    """Calls to one server, or to the master that Sentinel names."""

    def __init__(self, redis: Redis) -> None:
        self._node = _Node(redis.connection_pool)

    def call(self, _bucket: bytes, *command: Part) -> object:
        """Does what Calls says; tries once more where the connection led to nobody."""
        began = time.monotonic()
        try:
            try:
                return self._node.ask(*command)
            except _NOT_THE_ONE:
                if time.monotonic() > began + _AT_ONCE_SECONDS:
                    raise
                return self._node.ask(*command)
        except NoScriptError:
            raise
        except RedisError as error:
            raise Unavailable(what="redis") from error


class ClusterCalls:
    """Calls to the node of a Cluster that holds the bucket."""

    def __init__(self, cluster: RedisCluster) -> None:
        self._cluster = cluster
        self._nodes: dict[str, _Node] = {}
        # Asks nodes where slots are: of those in vain, each takes as long as a command may.
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="slots")
        self._asked: Future[None] | None = None
        self._lock = Lock()

    def call(self, bucket: bytes, *command: Part) -> object:
        """Does what Calls says; follows a slot that moves or moved, and a master's successor."""
        ends, slot = time.monotonic() + _SECONDS, key_slot(bucket)
        asked: AskError | None = None
        while True:
            try:
                if asked:
                    return self._find(asked.host, asked.port).ask(*command, asking=True)
                holder = self._cluster.nodes_manager.get_node_from_slot(slot)
                return self._find(holder.host, holder.port).ask(*command)
            except NoScriptError:
                raise
            except MovedError as error:
                asked = None
                self._cluster.nodes_manager.move_slot(error)
                failed: Exception = error
            except AskError as error:
                asked, failed = error, error
            except TryAgainError as error:
                # Half of the keys have moved.
                failed = error
                waits.pause(_PAUSE_SECONDS)
            except (*_NOT_THE_ONE, ClusterDownError, RedisClusterException) as error:
                asked, failed = None, error
                if time.monotonic() < ends:
                    self._look_up(ends)
                    waits.pause(_PAUSE_SECONDS)
            except RedisError as error:
                # Silence: the next call looks where the bucket is by then.
                self._look_up(ends)
                raise Unavailable(what="redis") from error
            if time.monotonic() >= ends:
                raise Unavailable(what="redis") from failed

    def _find(self, host: str, port: int) -> _Node:
        """Returns the node at a place, also one so new that it holds no slot yet."""
        name = f"{host}:{port}"
        if name not in self._nodes:
            node = self._cluster.get_node(node_name=name) or ClusterNode(host, port, PRIMARY)  # type: ignore[no-untyped-call]
            self._nodes[name] = _Node(self._cluster.get_redis_connection(node).connection_pool)
        return self._nodes[name]

    def _look_up(self, ends: float) -> None:
        """Has it looked up which node holds what; waits for that, or another's look, to `ends`."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = self._asking.submit(self._ask_nodes)
            asked = self._asked
        with suppress(TimeoutError):
            waits.wait_for(asked, max(0.0, ends - time.monotonic()))

    def _ask_nodes(self) -> None:
        with suppress(RedisError, RedisClusterException):
            self._cluster.nodes_manager.initialize()
