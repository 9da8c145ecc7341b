"""PostgreSQL servers of a test's own: a primary, its streaming standby, a pooler before it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from app.settings import ROOT
from tests.redis_servers import free_redis_port

OWNER = "postgres"
_PROGRAMS = Path("/usr/lib/postgresql")


def find_program(name: str) -> Path:
    """Debian's own, of the newest version."""
    found = sorted(_PROGRAMS.glob(f"*/bin/{name}"))
    if not found and not os.environ.get("CI"):
        pytest.skip("no standby, no pooler: install the packages postgresql and pgbouncer")
    return found[-1]


def as_somebody(*command: str | Path) -> list[str]:
    """The command under an account that is not root's, which these programs refuse."""
    drop = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
    return [*(drop if os.geteuid() == 0 else ()), *map(str, command)]


class PgServer:
    """One server on a port of loopback, open to all who are there."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder = free_redis_port(), folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        options = ("--auth=trust", "--no-sync", "-E", "UTF8", f"--username={OWNER}")
        self._do(find_program("initdb"), *options, "-D", self.folder)

    def copy(self, primary: PgServer) -> None:
        """Makes this the standby of a primary."""
        options = ("-R", "--checkpoint=fast", "--no-sync", "-d", primary.url)
        self._do(find_program("pg_basebackup"), *options, "-D", self.folder)

    def start(self, *settings: str) -> None:
        named = (
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
            "log_min_messages=fatal",
            *settings,
        )
        options = [part for setting in named for part in ("-c", setting)]
        command = as_somebody(find_program("postgres"), "-D", self.folder, *options)
        self._process = subprocess.Popen(
            command, start_new_session=True, stderr=subprocess.DEVNULL, cwd=self.folder
        )
        await_answer(self.url)

    def run(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def signal(self, number: int) -> None:
        """Sends a signal to the server and all that it started, each in a group of its own."""
        if self._process and self._process.poll() is None:
            server = psutil.Process(self._process.pid)
            for process in (server, *server.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)

    def kill(self) -> None:
        if self._process:
            self.signal(signal.SIGKILL)
            self._process.wait(10)

    def _do(self, *command: str | Path) -> None:
        subprocess.run(as_somebody(*command), check=True, capture_output=True, cwd="/")


class PgBouncer:
    """A pooler in transaction mode, with fewer connections to the server than are asked of it.

    The newer one is Debian 13's, and keeps prepared statements.
    """

    def __init__(
        self,
        folder: Path,
        server: PgServer,
        *users: str,
        size: int = 3,
        more: str = "",
        newer: bool = False,
    ) -> None:
        self.port = free_redis_port()
        self._program = find_newer_pooler() if newer else ("/usr/sbin/pgbouncer",)
        more += "\nmax_prepared_statements = 100" if newer else ""
        self._settings = folder / "pgbouncer.ini"
        # It refuses to be root; whose it is then stands in its settings.
        user = "user = postgres" if os.geteuid() == 0 else ""
        self._settings.write_text(f"""\
[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
auth_type = trust
auth_file = {folder / "users"}
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 400
admin_users = {OWNER}
{user}
{more}
""")
        (folder / "users").write_text("".join(f'"{user}" ""\n' for user in (OWNER, *users)))
        for path in (self._settings, folder / "users"):
            path.chmod(0o644)
        self._process: subprocess.Popen[bytes] | None = None

    def lead(self, url: str) -> str:
        """The same address by the pooler."""
        before, _, after = url.rpartition(":")
        return f"{before}:{self.port}/{after.partition('/')[2]}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*self._program, "-q", self._settings], stderr=subprocess.DEVNULL
        )
        await_answer(f"postgresql://{OWNER}@127.0.0.1:{self.port}/postgres")

    def run(self, command: str) -> None:
        url = f"postgresql://{OWNER}@127.0.0.1:{self.port}/pgbouncer"
        with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as admin:
            admin.execute(command.encode())

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(10)


@contextmanager
def opened(
    folder: Path, server: PgServer, role: str, *, newer: bool = False
) -> Iterator[PgBouncer]:
    """Runs a pooler before a server, for a role beside its owner."""
    pooler = PgBouncer(folder, server, role, newer=newer)
    try:
        pooler.start()
        yield pooler
    finally:
        pooler.stop()


def find_newer_pooler() -> tuple[str | Path, ...]:
    """The command of what `.ci/newer-pooler` unpacked, by the loader and libraries it came with."""
    root = ROOT / ".venv/newer-pooler"
    if not root.exists() and not os.environ.get("CI"):
        pytest.skip(
            "no pooler that keeps prepared statements: .ci/newer-pooler unpacks Debian 13's"
        )
    (loader,) = root.glob("usr/lib/*/ld-linux-*")
    return loader, "--library-path", loader.parent, root / "usr/sbin/pgbouncer"


def read_role(url: str) -> str:
    return url.partition("//")[2].partition("@")[0]


def await_answer(url: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


@contextmanager
def folder_for_engines() -> Iterator[Path]:
    """A folder that the account of `as_somebody` may enter, taken away afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="maalem-engines-"))
    folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
