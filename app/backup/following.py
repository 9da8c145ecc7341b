"""Follows the server's log: each change is in the store some seconds after it was made.

pg_receivewal writes segments into a folder of ours as the server writes them; from there they are
encrypted into the store, the one that is being written again and again. The server keeps what was
not received yet, under the name of our slot.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

from app.backup.encryption import PIECE
from app.backup.errors import BackupFailed
from app.backup.programs import DatabaseServer, find_program, make_environment
from app.backup.store import PARTIAL, SEGMENT, BackupStore

SLOT = "maalem_backup"
_STOP_SECONDS = 5.0


def is_log_followed(connection: Connection) -> bool | None:
    """True if somebody receives the log at this moment; None if nobody ever began to."""
    slot = text("SELECT active FROM pg_replication_slots WHERE slot_name = :slot")
    return connection.execute(slot, {"slot": SLOT}).scalar()


class LogLine:
    """The program that receives the log."""

    def __init__(self, running: subprocess.Popen[bytes]) -> None:
        self._running = running

    def check(self) -> None:
        """Raises: BackupFailed if the program has ended."""
        if self._running.poll() is None:
            return
        assert self._running.stderr
        said = self._running.stderr.read().decode(errors="replace").strip().splitlines()
        raise BackupFailed(what="pg_receivewal", why=said[-1] if said else "it ended")


class LogFollower:
    """Receives the log of one server into `folder`, and moves it into a store."""

    def __init__(self, server: DatabaseServer, store: BackupStore, folder: Path) -> None:
        self._server, self._store = server, store
        self._folder = folder / server.number
        self._stored: dict[str, int] = {}

    @contextmanager
    def receive(self) -> Iterator[LogLine]:
        """Keeps the log coming inside the block; what came is in the store at its end.

        Raises: BackupFailed.
        """
        self._store.make_folders()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        program = find_program("pg_receivewal", self._server.version)
        environment = make_environment(self._server.environment)
        slot = f"--slot={SLOT}"
        made = subprocess.run(
            [program, slot, "--create-slot", "--if-not-exists"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise BackupFailed(what="pg_receivewal", why=made.stderr.strip().splitlines()[-1])
        running = subprocess.Popen(
            [program, slot, f"--directory={self._folder}", "--status-interval=1", "--no-loop"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
        )
        try:
            yield LogLine(running)
        finally:
            running.terminate()
            try:
                running.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
            assert running.stderr
            running.stderr.close()
            self.store_log()

    def store_log(self) -> int:
        """Moves what was received into the store. Returns how many files were written."""
        written = 0
        for path in sorted(self._folder.glob("*")):
            name = path.name
            if name.endswith(PARTIAL):
                written += self._store_partial(path)
            elif SEGMENT.fullmatch(name) or name.endswith(".history"):
                self._store.write_log(name, _read(path))
                path.unlink()
                self._stored.pop(f"{name}{PARTIAL}", None)
                written += 1
        return written

    def _store_partial(self, path: Path) -> int:
        try:
            changed = path.stat().st_mtime_ns
            if self._stored.get(path.name) == changed:
                return 0
            self._store.write_log(path.name, _read(path))
        except FileNotFoundError:
            return 0  # it became whole meanwhile
        self._stored[path.name] = changed
        return 1


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
