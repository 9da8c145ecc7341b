"""The hop's own way to Redis: single commands over connections kept here.

The client's work around each command costs more than the command. What a failover or a move of
slots answers is followed; what was open to a server that is none any more is closed.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import Protocol

from hiredis import pack_command
from redis import Redis, RedisCluster
from redis.cluster import PRIMARY, ClusterNode
from redis.connection import AbstractConnection, ConnectionPool
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
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

from app.base.errors import Unavailable

# All tries of a command together; one that waits for an answer is not tried again.
_SECONDS = 0.5
_PAUSE_SECONDS = 0.02
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


class _Node:
    """Connections to one server that rest, the last used first."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._idle: deque[AbstractConnection] = deque()

    def ask(self, *command: Part, asking: bool = False) -> object:
        """Returns the answer. Raises: RedisError; after one of no answer all that rest are closed.

        `asking` says that Redis's ASK sent us here.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._pool.get_connection()
        try:
            # Left to itself one that was closed opens to where it was, without asking Sentinel.
            if not connection.is_connected:
                connection.connect()  # type: ignore[no-untyped-call]
            if asking:
                connection.send_packed_command([pack_command(("ASKING",))])  # type: ignore[no-untyped-call]
                connection.read_response()
            # Packed here: what the client does round its own packing costs more than that.
            connection.send_packed_command([pack_command(command)])  # type: ignore[no-untyped-call, arg-type]
            answer: object = connection.read_response()
        except ResponseError as error:
            if isinstance(error, _NOT_THE_ONE):
                connection.disconnect()  # type: ignore[no-untyped-call]
                self.close_idle()
            raise
        except RedisError:
            connection.disconnect()  # type: ignore[no-untyped-call]
            self.close_idle()
            raise
        finally:
            self._idle.append(connection)
        return answer

    def close_idle(self) -> None:
        """Closes what rests: the next command of each opens it again, to whom is there then."""
        for _ in range(len(self._idle)):
            with suppress(IndexError):  # others may have taken all meanwhile
                connection = self._idle.popleft()
                connection.disconnect()  # type: ignore[no-untyped-call]
                self._idle.append(connection)


class ServerCalls:
    """Calls to one server, or to the master that Sentinel names."""

    def __init__(self, redis: Redis) -> None:
        self._node = _Node(redis.connection_pool)

    def call(self, _bucket: bytes, *command: Part) -> object:
        """Does what Calls says; tries once more where the connection led to nobody."""
        try:
            try:
                return self._node.ask(*command)
            except _NOT_THE_ONE:
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
                time.sleep(_PAUSE_SECONDS)
            except (*_NOT_THE_ONE, ClusterDownError, RedisClusterException) as error:
                asked, failed = None, error
                if time.monotonic() < ends:
                    self._look_up()
                    time.sleep(_PAUSE_SECONDS)
            except RedisError as error:
                # Silence: the next call looks where the bucket is by then.
                self._look_up()
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

    def _look_up(self) -> None:
        """Looks up which node holds what; while another thread looks, waits for that."""
        with suppress(RedisError, RedisClusterException):
            self._cluster.nodes_manager.initialize()
