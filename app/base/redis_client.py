"""Redis by its address alone: one server, TLS, a socket, Sentinel's pair or a Cluster."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from redis import Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.connection import Connection, SSLConnection, parse_url
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    RedisClusterException,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry
from redis.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

if TYPE_CHECKING:
    from limits.storage import RedisStorage

# A wait for Redis ends after so long: with PostgreSQL behind it a hop stays under 2 s.
WAIT_SECONDS = 0.4
# As many Sentinels as usual, all silent, take no longer than one silent server.
_SENTINELS = 3
_PORTS = {"redis+sentinel": 26379, "redis+cluster": 6379}
_LIMITS: dict[str, Any] = {"socket_timeout": WAIT_SECONDS, "socket_connect_timeout": WAIT_SECONDS}
_OPENED_AT_ONCE = 32
# These come as errors of the connection, though the server answered.
_ANSWERED = AuthenticationError, AuthorizationError, BusyLoadingError


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """An address of several servers: Sentinel's own, or nodes of a Cluster.

    `options` are the client's, as redis-py names them. `asking` are those for Sentinel itself.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str
    options: dict[str, Any]
    asking: dict[str, Any]


def read_many(url: str) -> RedisAddress | None:
    """Returns the address of several servers; None for one that names a single server.

    `redis+sentinel://user:password@host:port,host:port/SERVICE/DB` or
    `redis+cluster://user:password@host:port,host:port`; behind `?` what redis-py takes (`ssl=true`
    for TLS) and for Sentinel's own password `sentinel_password=`.

    Raises: ValueError.
    """
    parts = _split(url)
    if parts.scheme not in _PORTS:
        return None
    secret, at, hosts = parts.netloc.rpartition("@")
    places = tuple(_read_host(host, _PORTS[parts.scheme]) for host in hosts.split(","))
    service, _, number = parts.path.strip("/").partition("/")
    if parts.scheme == "redis+sentinel" and (not service or not re.fullmatch(r"\d*", number)):
        raise ValueError("not written as redis+sentinel://host:port,host:port/SERVICE/DB")
    if parts.scheme == "redis+cluster" and service not in {"", "0"}:
        raise ValueError("a Cluster has no numbered databases")
    query = dict(parse_qsl(parts.query))
    tls = query.pop("ssl", "") == "true"
    asking = {
        name: query.pop(f"sentinel_{name}")
        for name in ("username", "password")
        if f"sentinel_{name}" in query
    }
    one = f"redis{'s' * tls}://{secret}{at}one/{quote(number)}?{urlencode(query)}"
    options = {k: v for k, v in parse_url(one).items() if k not in {"host", "port"}}  # type: ignore[no-untyped-call]
    if tls := options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
        asking |= {name: value for name, value in options.items() if name.startswith("ssl")}
    return RedisAddress(places, service, options, asking)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError("is no address of its kind") from None


def _read_host(text: str, port: int) -> tuple[str, int]:
    parts = _split(f"//{text}")
    # What urlsplit says of a wrong port may be half of a password.
    with suppress(ValueError):
        if parts.hostname and not parts.path:
            return parts.hostname, parts.port or port
    raise ValueError("one of its hosts is none")


def connect_redis(url: str) -> Redis:
    """Returns the client of an address. It waits 0.4 s; only a dropped connection is tried again.

    Raises: redis's ConnectionError where no node of a Cluster answers; others connect when asked.
    """
    retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    address = read_many(url)
    if address is None:
        return _connect_in_time(Redis.from_url(url, **_LIMITS, retry=retry))
    options = _LIMITS | address.options
    if address.service:
        # One that does not answer is hardly waited for: the next is asked.
        each = WAIT_SECONDS / min(len(address.hosts), _SENTINELS)
        limits = {"socket_timeout": each, "socket_connect_timeout": each}
        asking = limits | {"retry": Retry(NoBackoff(), 0)} | address.asking
        sentinel = Sentinel(address.hosts, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
        for one in sentinel.sentinels:
            _connect_in_time(one)
        kind = _SecureMaster if options.pop("ssl", False) else _MasterInTime
        return cast(
            "Redis",
            sentinel.master_for(address.service, connection_class=kind, retry=retry, **options),  # type: ignore[no-untyped-call]
        )
    nodes = [ClusterNode(host, port) for host, port in address.hosts]  # type: ignore[no-untyped-call]
    try:
        cluster = RedisCluster(startup_nodes=nodes, **_of_cluster(address))
    except RedisClusterException as error:
        raise RedisConnectionError("no node of the Cluster answers") from error
    # It has the same commands, by which alone it is used.
    return cast("Redis", cluster)


def _of_cluster(address: RedisAddress) -> dict[str, Any]:
    options = {name: value for name, value in address.options.items() if name != "db"}
    # Twice: after a node died and the slots were looked up, and once more behind them.
    return _LIMITS | {"retry": Retry(NoBackoff(), 2), "require_full_coverage": False} | options


def make_limits_storage(url: str, redis: Redis) -> RedisStorage:
    """Returns where limits are counted: in the same Redis. Raises as `connect_redis`."""
    from limits.storage import RedisClusterStorage, RedisStorage

    address = read_many(url)
    if address is None or address.service:
        return RedisStorage("redis://", connection_pool=redis.connection_pool)
    hosts = ",".join(f"{host}:{port}" for host, port in address.hosts)
    try:
        return RedisClusterStorage(f"redis+cluster://{hosts}", **_of_cluster(address))
    except RedisClusterException as error:
        raise RedisConnectionError("no node of the Cluster answers") from error


# While no name server answers, each of these waits as long as the system does.
_opening = ThreadPoolExecutor(_OPENED_AT_ONCE, thread_name_prefix="opening redis")


class _InTime(Connection):
    """A connection that is opened within a wait, its server's address looked up and all.

    The system asks name servers for ten seconds and more, and nobody can tell it to stop.
    """

    def _connect(self) -> socket.socket:
        opening: Future[socket.socket] = _opening.submit(super()._connect)
        try:
            return opening.result(self.socket_connect_timeout)
        except TimeoutError:
            if not opening.cancel():
                opening.add_done_callback(_close_late)
            raise


class _SecureInTime(SSLConnection, _InTime):
    """The same by TLS."""


def _close_late(opening: Future[socket.socket]) -> None:
    if not opening.exception():
        opening.result().close()


def _connect_in_time(redis: Redis) -> Redis:
    """Returns the client, whose connections are opened within a wait; a socket's are anyway."""
    pool = redis.connection_pool
    in_time = {Connection: _InTime, SSLConnection: _SecureInTime}
    pool.connection_class = in_time.get(pool.connection_class, pool.connection_class)
    return redis


class _Master(SentinelManagedConnection):
    """A connection to the master; after any trouble it is closed, and asks Sentinel anew."""

    def connect(self) -> None:
        """Asks all Sentinels once; who needed the connection asks again, if there is time."""
        try:
            self._connect_retry()  # type: ignore[no-untyped-call]
        except MasterNotFoundError:
            # Its own text is pages of the client's inside.
            raise MasterNotFoundError("no Sentinel that answers names a master") from None

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        # Left open, it would read the late answer as the next command's.
        return super().read_response(*args, **{"disconnect_on_error": True} | kwargs)


class _MasterInTime(_Master, _InTime):
    """The same in the clear."""


class _SecureMaster(_Master, SentinelManagedSSLConnection, _InTime):
    """The same by TLS."""


def list_servers(redis: Redis) -> Iterable[Redis]:
    """Returns the servers that hold keys: one, or the masters of a Cluster."""
    if not isinstance(redis, RedisCluster):
        return [redis]
    return [redis.get_redis_connection(node) for node in redis.get_primaries()]


def answers(redis: Redis) -> bool:
    """True if Redis answers; of a Cluster one master is enough, as phones of the others go on."""
    for server in list_servers(redis):
        with suppress(RedisError):
            return bool(server.ping())
    return False


def is_away(error: Exception) -> bool:
    """True if nobody answered; false if Redis answered and says no."""
    if isinstance(error, _ANSWERED):
        return False
    if type(error) is RedisClusterException and isinstance(error.__cause__, Exception):
        return is_away(error.__cause__)  # what the last of all nodes did
    return isinstance(error, (RedisConnectionError, RedisTimeout))
