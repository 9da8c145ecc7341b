"""What stands before and behind the service: doors, databases with their poolers, Redis."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from app.base.database import IDLE_TRANSACTION_MS, STATEMENT_MS, connect
from app.migrating import upgrade
from app.settings import ROOT
from tests.conftest import free_port
from tests.database import make_app_url
from tests.doors.deployment import find_haproxy
from tests.pg_servers import PgBouncer, PgServer
from tests.redis_servers import Cluster, Pair, RedisServer, await_true

# What a supervisor takes to start again what died: `RestartSec` of deploy/systemd.
RESTART_SECONDS = 2.0
_DOOR = ROOT / "deploy"
_SERVER = re.compile(r'(?m)^( +server )web1 "\$\{MAALEM_SERVER\}"(.*)$')
_HOST = "127.0.0.1"


class Door:
    """HAProxy with the shipped file, and a line for each server in each of its backends."""

    def __init__(self, folder: Path, servers: list[int], certificate: Path) -> None:
        folder.mkdir()
        shutil.copytree(_DOOR / "errors", folder / "errors")
        shipped = (_DOOR / "haproxy.cfg").read_text("utf-8")
        self._settings = folder / "haproxy.cfg"
        self._settings.write_text(_SERVER.sub(lambda line: _name_servers(line, servers), shipped))
        self.log = folder / "log"
        self.port, self._http = free_port(), free_port()
        self._certificate = certificate
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"https://{_HOST}:{self.port}"

    def start(self) -> None:
        settings = {
            "DOOR_HTTPS": f"{_HOST}:{self.port}",
            "DOOR_HTTP": f"{_HOST}:{self._http}",
            "DOOR_CERTIFICATE": str(self._certificate),
            "MAALEM_HOST": _HOST,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [find_haproxy(), "-f", self._settings],
                env=os.environ | settings,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(10)


def _name_servers(line: re.Match[str], ports: list[int]) -> str:
    before, behind = line.groups()
    return "\n".join(
        f"{before}web{number} {_HOST}:{port}{behind.replace('/web1', f'/web{number}')}"
        for number, port in enumerate(ports, 1)
    )


class Databases:
    """A primary that waits for its standby, each with a pooler beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.primary, self.standby = PgServer(folder / "one"), PgServer(folder / "two")
        self._login = ""
        self.poolers: dict[PgServer, PgBouncer] = {}

    def start(self) -> None:
        self.primary.make()
        self._start(self.primary)
        owner = connect(self.primary.url)
        upgrade(owner)
        url = make_app_url(owner, self.primary.url)
        owner.dispose()
        self._login = url.partition("//")[2].partition("@")[0]
        for name, limit in (
            ("statement_timeout", STATEMENT_MS),
            ("idle_in_transaction_session_timeout", IDLE_TRANSACTION_MS),
        ):
            self.primary.run(f"ALTER ROLE {self._login} SET {name} = {limit}")
        self._follow()
        for server in (self.primary, self.standby):
            folder = self._folder / f"pooler-{server.port}"
            folder.mkdir()
            # After fifteen seconds, the default, a database is long back.
            more = "server_login_retry = 1\nquery_wait_timeout = 5\nquery_timeout = 60"
            self.poolers[server] = PgBouncer(folder, server, self._login, size=20, more=more)
            self.poolers[server].start()

    def stop(self) -> None:
        for pooler in self.poolers.values():
            pooler.stop()
        for server in (self.primary, self.standby):
            server.kill()

    @property
    def url(self) -> str:
        """The service's address: by both poolers, to whichever server may be written to."""
        hosts = ",".join(f"{_HOST}:{pooler.port}" for pooler in self.poolers.values())
        return f"postgresql://{self._login}@{hosts}/postgres?target_session_attrs=read-write"

    @property
    def replica_url(self) -> str:
        hosts = ",".join(f"{_HOST}:{server.port}" for server in self.poolers)
        return f"postgresql://{self._login}@{hosts}/postgres?target_session_attrs=prefer-standby"

    @property
    def owners_url(self) -> str:
        hosts = ",".join(f"{_HOST}:{server.port}" for server in self.poolers)
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"

    def fail_over(self) -> float:
        """Kills the primary and promotes its standby, as Patroni does; the dead one follows."""
        dead, promoted = self.primary, self.standby
        dead.kill()
        time.sleep(1)
        promoted.run("ALTER SYSTEM SET synchronous_standby_names = ''")
        promoted.run("SELECT pg_promote()")
        promoted_at = time.monotonic()
        self.primary, self.standby = promoted, dead
        shutil.rmtree(dead.folder)
        self._follow()
        return promoted_at

    def _follow(self) -> None:
        """Has the standby copy and follow the primary, which waits for it from then on."""
        self.standby.copy(self.primary)
        self._start(self.standby)
        # One that is waited for before it follows holds up everybody.
        await_true(lambda: self._states() == [("async",)], "no standby")
        self.primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.run("SELECT pg_reload_conf()")
        await_true(lambda: self._states() == [("sync",)], "no synchronous standby")

    def _states(self) -> list[tuple[object, ...]]:
        with suppress(psycopg.OperationalError):
            return self.primary.run("SELECT sync_state FROM pg_stat_replication")
        return []

    def _start(self, server: PgServer) -> None:
        server.start("wal_level=replica", "max_connections=200")


class RedisCluster(Cluster):
    """A Cluster whose first third has a replica; the two die in turn."""

    def fail_over(self) -> float:
        """Kills the master that has a replica, and starts it again once that one took over."""
        pair = self.servers[0], self.replica
        (dead,) = [server for server in pair if _is_master(server)]
        (other,) = [server for server in pair if server is not dead]
        dead.kill()
        await_true(lambda: _is_master(other), "no other master")
        return _follow_again(dead)


class RedisPair(Pair):
    """A master and its replica under Sentinel, which die in turn."""

    def fail_over(self) -> float:
        """Kills the master, and starts it again once Sentinel named the other one."""
        dead = self.find_master()
        dead.kill()
        self.await_another(dead)
        return _follow_again(dead)


REDIS_FORMS = {"cluster": RedisCluster, "sentinel": RedisPair}


def _follow_again(dead: RedisServer) -> float:
    """Starts a server that was replaced; returns when it was, once it follows the other one."""
    replaced_at = time.monotonic()
    dead.start()
    await_true(lambda: dead.run("ROLE")[0] == b"slave", "the dead one follows nobody")
    return replaced_at


def _is_master(server: RedisServer) -> bool:
    return bool(server.run("ROLE")[0] == b"master")
