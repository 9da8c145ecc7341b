"""Makes a server of a base backup and the log after it, in a folder of its own.

The server listens on a socket alone, with settings of ours, so that it can run beside the one it
was copied from. Stopped, its folder is one that PostgreSQL of the same version starts from.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, text

from app.backup.errors import BackupFailed
from app.backup.programs import find_program
from app.backup.store import PARTIAL, BackupStore, BaseBackup
from app.embedded.processes import (
    Account,
    EngineFailed,
    choose_account,
    end,
    list_processes,
    make_folders,
    make_mark,
    run,
)
from app.embedded.urls import EngineFolder

_WHAT = "restored PostgreSQL"
# Longer than the log of a day and a half takes.
_RECOVERY_SECONDS = 3600
_CONNECT_SECONDS, _POLL_SECONDS = 5, 0.1
_LOG_ENDS = "recovery ended before configured recovery target was reached"
# What the server was told before is not read here: it may name memory that is not there.
_OWN_FILES = ("postgresql.conf", "postgresql.auto.conf", "pg_hba.conf")
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "hot_standby": "off",
    "archive_mode": "off",
    "max_connections": "50",
    "shared_buffers": "256MB",
    # The rules of the books join a year of payments; nobody else asks.
    "work_mem": "64MB",
    "max_wal_size": "4GB",
    "timezone": "UTC",
    "log_min_error_statement": "panic",
    # It writes programs into memory, which systemd's units may not.
    "jit": "off",
    "recovery_target_action": "promote",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """A wish to restore a base backup with these files of the log, until a moment.

    `until` is None for all that the log has. `durable` is for a copy that is to be kept.
    """

    base: BaseBackup
    log: Collection[str]
    until: datetime | None = None
    durable: bool = False


def choose_base(store: BackupStore, until: datetime | None) -> BaseBackup:
    """Returns the newest base backup that leads to a moment. Raises: BackupFailed."""
    bases = store.list_bases()
    fit = [base for base in bases if until is None or base.ended_at <= until]
    if not fit:
        known = f"the oldest is of {bases[0].ended_at:%Y-%m-%d %H:%M:%SZ}" if bases else "none"
        raise BackupFailed(what="base backup", why=f"none before that moment: {known}")
    return fit[-1]


class RestoredServer:
    """A server made of backups in `folder`, which must be empty or one of ours."""

    def __init__(self, folder: Path, version: int) -> None:
        self._home = folder.resolve()
        self._pg_ctl = find_program("pg_ctl", version)
        self._account: Account = choose_account(self._home)
        self.data = self._home / "data"
        self._log = self._home / "log"

    def restore(self, store: BackupStore, request: RestoreRequest) -> None:
        """Unpacks a base backup, and lays the log beside it.

        Raises: BackupFailed.
        """
        self.remove()
        make_folders(EngineFolder(self._home, self._home), self._account)
        for path in (self.data, self._log):
            path.mkdir(mode=0o700)
            self._account.give(path)
        self._unpack(store, request.base)
        for name in request.log:
            self._lay_out(store, name)
        self._write_settings(request)

    @contextmanager
    def running(self, url: str) -> Iterator[str]:
        """Runs the server until the block ends; it has recovered all it is to recover.

        Yields the address of the database that `url` names, in this server, by the same role.

        Raises: BackupFailed.
        """
        with tempfile.TemporaryDirectory(prefix="maalem-") as name:
            sockets = Path(name)
            self._account.give(sockets)
            address = _make_url(url, sockets)
            try:
                self._recover(sockets, address)
                yield address
            finally:
                if self._is_alive():
                    self._run(self._pg_ctl, "stop", "-D", "data", "-m", "fast")

    def give_back_settings(self) -> None:
        """Puts the copied server's own settings back, for one that is to be kept."""
        for name in _OWN_FILES:
            own = self.data / f"{name}.before"
            if own.exists():
                own.replace(self.data / name)
            else:
                (self.data / name).unlink(missing_ok=True)
        shutil.rmtree(self._log)

    def remove(self) -> None:
        """Ends what a killed run left, and deletes the folder if it is one of ours.

        Raises: BackupFailed if something else is in it.
        """
        if not self._home.exists():
            return
        strange = {path.name for path in self._home.iterdir()} - {"data", "log", "server.log"}
        if strange:
            raise BackupFailed(what=str(self._home), why="the folder is not empty")
        for process in list_processes(EngineFolder(self._home, self._home), "postgres"):
            end(process)
        shutil.rmtree(self._home)

    def _unpack(self, store: BackupStore, base: BaseBackup) -> None:
        tar = subprocess.Popen(
            [*self._account.prefix, "tar", "-x", "-C", str(self.data)], stdin=subprocess.PIPE
        )
        assert tar.stdin
        with tar:
            for piece in store.read_base(base):
                tar.stdin.write(piece)
        if tar.returncode:
            raise BackupFailed(what=base.name, why="it cannot be unpacked")

    def _lay_out(self, store: BackupStore, name: str) -> None:
        """Writes a file of the log where recovery looks for it; a partial one is whole to it."""
        path = self._log / name.removesuffix(PARTIAL)
        with path.open("wb") as file:
            for piece in store.read_log(name):
                file.write(piece)
        self._account.give(path)

    def _write_settings(self, request: RestoreRequest) -> None:
        settings = dict(_SETTINGS)
        settings |= {} if request.durable else _NOT_DURABLE
        # The log is beside the data: names have no blank, and paths are not spelled out.
        settings["restore_command"] = 'cp "../log/%f" "%p"'
        if request.until is not None:
            settings["recovery_target_time"] = request.until.isoformat()
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        for name in _OWN_FILES:
            if (self.data / name).exists():
                (self.data / name).rename(self.data / f"{name}.before")
        (self.data / "postgresql.conf").write_text("".join(lines))
        (self.data / "pg_hba.conf").write_text("local all all trust\n")
        (self.data / "recovery.signal").touch()
        for name in ("postgresql.conf", "pg_hba.conf", "recovery.signal"):
            self._account.give(self.data / name)

    def _recover(self, sockets: Path, url: str) -> None:
        """Starts the server and waits for it. Raises: BackupFailed."""
        try:
            self._start(sockets)
            self._await_recovery(url)
        except BackupFailed as failure:
            if _LOG_ENDS not in failure.params["why"]:
                raise
            # Nothing in the log is later than the moment: all of it is what was asked for.
            settings = self.data / "postgresql.conf"
            lines = settings.read_text().splitlines(keepends=True)
            settings.write_text("".join(line for line in lines if "target_time" not in line))
            self._start(sockets)
            self._await_recovery(url)

    def _start(self, sockets: Path) -> None:
        mark = make_mark(EngineFolder(self._home, self._home))
        options = f"-c cluster_name={mark} -c unix_socket_directories={sockets}"
        start = ("start", "-D", "data", "--log", "server.log", "--silent", "--wait")
        wait = ("--timeout", str(_RECOVERY_SECONDS), "--options", options)
        try:
            self._run(self._pg_ctl, *start, *wait)
        except BackupFailed:
            raise BackupFailed(what=_WHAT, why=self._find_reason()) from None

    def _await_recovery(self, url: str) -> None:
        """Waits until the server has recovered and takes connections. Raises: BackupFailed."""
        until = time.monotonic() + _RECOVERY_SECONDS
        while self._is_alive() and time.monotonic() < until:
            try:
                psycopg.connect(url, connect_timeout=_CONNECT_SECONDS).close()
            except psycopg.OperationalError:
                time.sleep(_POLL_SECONDS)
            else:
                return
        raise BackupFailed(what=_WHAT, why=self._find_reason())

    def _is_alive(self) -> bool:
        return bool(list_processes(EngineFolder(self._home, self._home), "postgres"))

    def _find_reason(self) -> str:
        log = self._home / "server.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
        return fatal[-1].partition(": ")[2].strip() if fatal else "it did not start"

    def _run(self, program: Path, *options: str) -> None:
        try:
            run(self._account, self._home, (program, *options), _WHAT)
        except EngineFailed as failure:
            raise BackupFailed(what=_WHAT, why=failure.params["why"]) from None


def _make_url(url: str, sockets: Path) -> str:
    given = conninfo_to_dict(url)
    user, name = quote(str(given.get("user", "")), safe=""), quote(str(given["dbname"]), safe="")
    return f"postgresql://{user}@/{name}?host={quote(str(sockets), safe='')}"


def find_recovered_moment(connection: Connection) -> datetime | None:
    """Returns when the last change was made that the log brought back; None if it brought none."""
    last = text("SELECT pg_last_xact_replay_timestamp()")
    return connection.execute(last).scalar()


def measure_since(began: float) -> float:
    """Returns the seconds since a reading of the monotonic clock."""
    return round(time.monotonic() - began, 2)
