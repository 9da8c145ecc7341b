"""Redis servers of a test's own: a pair under Sentinel, a Cluster; to be killed and moved."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from redis import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from app.embedded.platform import this_platform
from app.embedded.programs import choose_program
from app.embedded.redis import REDIS

_SLOTS = 16384
_SERVICE = "maalem"


@dataclass(frozen=True)
class Tls:
    """A certificate of this machine and its key, by which servers speak with everybody."""

    certificate: Path
    key: Path

    @property
    def query(self) -> str:
        """What stands behind an address of several servers."""
        return f"?ssl=true&ssl_ca_certs={self.certificate}"

    @property
    def settings(self) -> tuple[str, ...]:
        return (
            f'tls-cert-file "{self.certificate}"',
            f'tls-key-file "{self.key}"',
            f'tls-ca-cert-file "{self.certificate}"',
            "tls-auth-clients no",
            "tls-replication yes",
        )


class RedisServer:
    """One server on a port of its own; its child of Debian or of the wheel.

    With TLS it is Debian's: the wheel's is built without.
    """

    def __init__(
        self, folder: Path, *settings: str, password: str = "", tls: Tls | None = None
    ) -> None:
        self.port = free_redis_port()
        self._folder, self._settings = folder / str(self.port), settings
        self._folder.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._tls = tls
        secure = {"ssl": True, "ssl_ca_certs": str(tls.certificate)} if tls else {}
        self.redis = Redis(
            host="127.0.0.1", port=self.port, password=password or None, socket_timeout=2, **secure
        )

    def start(self) -> None:
        settings = self._folder / "redis.conf"
        if not settings.exists():
            ports = (f"port {self.port}",)
            if self._tls:
                ports = ("port 0", f"tls-port {self.port}", *self._tls.settings)
            lines = (
                *ports,
                "bind 127.0.0.1",
                'save ""',
                "repl-diskless-sync-delay 0",
                f'dir "{self._folder}"',
            )
            settings.write_text("\n".join((*lines, *self._settings)) + "\n")
        sentinel = ("--sentinel",) if any("monitor" in s for s in self._settings) else ()
        self._process = subprocess.Popen(
            ["redis-server", settings, *sentinel],
            executable=find_program_with_tls() if self._tls else _find_program(),
            stdout=subprocess.DEVNULL,
        )
        await_true(lambda: bool(self.redis.ping()), "it does not answer")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        assert self._process
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait(10)

    def run(self, *command: str | int) -> Any:
        return self.redis.execute_command(*command)


def _find_program() -> Path:
    return choose_program(REDIS, this_platform(os.environ["PATH"]), lambda _: None).path


def find_program_with_tls() -> Path:
    """Debian's, of a package without a service: one program, which goes by the name it is given."""
    path = Path("/usr/bin/redis-check-rdb")
    if not path.exists() and not os.environ.get("CI"):
        pytest.skip("no Redis with TLS: install the package redis-tools")
    return path


def free_redis_port() -> int:
    """A free port whose neighbour of the Cluster's bus, 10000 above, is a port too."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 55_000:
            return port


def await_true(check: Callable[[], bool], why: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(RedisError):
            if check():
                return
        if time.monotonic() > deadline:
            raise TimeoutError(why)
        time.sleep(0.05)


class Pair:
    """A master, its replica and a Sentinel that exchanges them after a second."""

    def __init__(self, folder: Path, password: str = "", tls: Tls | None = None) -> None:
        secret = (f"requirepass {password}", f"masterauth {password}") if password else ()
        self.servers = [RedisServer(folder, *secret, password=password, tls=tls) for _ in range(2)]
        self.master = self.servers[0].port
        auth = (f"sentinel auth-pass {_SERVICE} {password}",) if password else ()
        self.sentinel = RedisServer(
            folder,
            f"sentinel monitor {_SERVICE} 127.0.0.1 {self.master} 1",
            f"sentinel down-after-milliseconds {_SERVICE} 700",
            f"sentinel failover-timeout {_SERVICE} 2000",
            *auth,
            tls=tls,
        )
        secret_part = f":{password}@" if password else ""
        # The first of the Sentinels is away.
        self.url = (
            f"redis+sentinel://{secret_part}127.0.0.1:1,127.0.0.1:{self.sentinel.port}/{_SERVICE}/0"
            f"{tls.query if tls else ''}"
        )

    def start(self) -> None:
        for server in self.servers:
            server.start()
        self.servers[1].run("REPLICAOF", "127.0.0.1", self.master)
        self.sentinel.start()
        await_true(
            lambda: int(self.sentinel.redis.sentinel_masters()[_SERVICE]["num-slaves"]) == 1,
            "the Sentinel sees no replica",
        )
        await_true(lambda: "online" in str(self.servers[0].redis.info("replication")), "no replica")

    def stop(self) -> None:
        for server in (self.sentinel, *self.servers):
            server.kill()

    def find_master(self) -> RedisServer:
        _, port = self.sentinel.redis.sentinel_get_master_addr_by_name(_SERVICE)
        (server,) = [each for each in self.servers if each.port == int(port)]
        return server

    def await_another(self, before: RedisServer) -> None:
        """Waits until another server than before is the master, and says so itself."""
        await_true(
            lambda: (now := self.find_master()) is not before and now.run("ROLE")[0] == b"master",
            "no other master",
        )


class Cluster:
    """Three masters, each with a third of the slots, and a replica of the first."""

    def __init__(self, folder: Path, tls: Tls | None = None) -> None:
        settings = ["cluster-enabled yes", "cluster-node-timeout 1000"]
        settings += ["tls-cluster yes"] if tls else []
        self.servers = [RedisServer(folder, *settings, tls=tls) for _ in range(4)]
        self.masters, self.replica = self.servers[:3], self.servers[3]
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.servers[:2])
        self.url = f"redis+cluster://{hosts}{tls.query if tls else ''}"

    def start(self) -> None:
        for server in self.servers:
            server.start()
        first, *others = self.servers
        for number, server in enumerate(self.masters):
            server.run("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            low, high = number * _SLOTS // 3, (number + 1) * _SLOTS // 3
            server.run("CLUSTER", "ADDSLOTS", *range(low, high))
        for server in others:
            first.run("CLUSTER", "MEET", "127.0.0.1", server.port)
        for server in self.servers:
            await_true(lambda server=server: _is_whole(server), "no whole Cluster")  # type: ignore[misc]
        self.replica.run("CLUSTER", "REPLICATE", self.find_id(first))
        await_true(lambda: self.replica.run("ROLE")[3] == b"connected", "no replica")

    def stop(self) -> None:
        for server in self.servers:
            server.kill()

    def find_id(self, server: RedisServer) -> str:
        return str(server.run("CLUSTER", "MYID").decode())

    def find_holder(self, bucket: bytes) -> RedisServer:
        number = key_slot(bucket) * 3 // _SLOTS
        return self.masters[min(number, 2)]

    def begin_move(self, bucket: bytes, target: RedisServer) -> Callable[[], None]:
        """Begins to move a bucket's slot, key by key; what is returned ends it."""
        slot, source = key_slot(bucket), self.find_holder(bucket)
        here, there = self.find_id(source), self.find_id(target)
        target.run("CLUSTER", "SETSLOT", slot, "IMPORTING", here)
        source.run("CLUSTER", "SETSLOT", slot, "MIGRATING", there)

        def end() -> None:
            while keys := source.run("CLUSTER", "GETKEYSINSLOT", slot, 100):
                source.run("MIGRATE", "127.0.0.1", target.port, "", 0, 1000, "KEYS", *keys)
            for server in (target, source, *self.masters):
                server.run("CLUSTER", "SETSLOT", slot, "NODE", there)

        return end


def _is_whole(server: RedisServer) -> bool:
    told = server.run("CLUSTER", "INFO")
    text = told.decode() if isinstance(told, bytes) else str(told)
    return ("cluster_state:ok" in text or "'cluster_state': 'ok'" in text) and (
        "cluster_known_nodes:4" in text or "'cluster_known_nodes': '4'" in text
    )


_Engines = TypeVar("_Engines", Pair, Cluster)


@contextmanager
def started(engines: _Engines) -> Iterator[_Engines]:
    """Runs the servers inside the block."""
    try:
        engines.start()
        yield engines
    finally:
        engines.stop()


def stop_for(server: RedisServer, *, still: bool) -> None:
    """Takes a server away: killed, or standing still and answering nobody."""
    if still:
        server.signal(signal.SIGSTOP)
    else:
        server.kill()
