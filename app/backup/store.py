"""Keeps base backups and the log of one database server in a folder, compressed and encrypted.

    FOLDER/SERVER/base/20261129T143000Z.tar    a base backup, with 20261129T143000Z.json
    FOLDER/SERVER/log/00000001000000000000000A a segment of the log, 16 MiB unpacked
    FOLDER/SERVER/log/....partial              the segment that is being written
    FOLDER/SERVER/restores                     how often it was restored: its books may not know

SERVER is PostgreSQL's own number of the server, so that two never mix. No file is ever half there.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from app.backup.encryption import PIECE, decrypt, encrypt
from app.backup.errors import BackupFailed

SEGMENT = re.compile(r"[0-9A-F]{24}")
PARTIAL = ".partial"
_LOG_FILE = re.compile(r"[0-9A-F]{24}(\.partial)?|[0-9A-F]{8}\.history")
_BASE_NAME = "%Y%m%dT%H%M%SZ"
# Deflate's fastest: a backup is bound by it.
_LEVEL = 1
_NEVER_FEWER = 2


@dataclass(frozen=True, slots=True)
class BaseBackup:
    """A base backup: when it was begun and ended, the log it needs from, and its server.

    `first_segment` is the first of the log that it needs; `version` is PostgreSQL's major version.
    """

    name: str
    began_at: datetime
    ended_at: datetime
    first_segment: str
    version: int
    stored_bytes: int

    @property
    def timeline(self) -> str:
        return self.first_segment[:8]


class BackupStore:
    """The backups of one server in one folder, encrypted with one secret."""

    def __init__(self, folder: Path, server: str, secret: bytes) -> None:
        self.server = server
        self._secret = secret
        self._bases, self._log = folder / server / "base", folder / server / "log"
        self._followed = folder / server / "followed"
        self._restores = folder / server / "restores"

    def make_folders(self) -> None:
        """Makes the folders, for their owner alone."""
        for path in (self._bases.parent, self._bases, self._log):
            with suppress(FileExistsError):
                path.mkdir(parents=True, mode=0o700)
                _give_to_owner(path)

    def write_base(self, name: str, content: Iterable[bytes]) -> int:
        """Stores the content of a base backup. Returns its stored bytes."""
        return self._write(self._bases / f"{name}.tar", content)

    def keep_base(self, base: BaseBackup) -> None:
        """Stores what is known of a base backup; only from then on is it one."""
        told = {key: _spell(value) for key, value in asdict(base).items()}
        path = self._bases / f"{base.name}.json"
        _replace(path, [json.dumps(told, indent=1).encode()])

    def read_base(self, base: BaseBackup) -> Iterator[bytes]:
        """Yields the content of a base backup. Raises: BackupFailed."""
        return self._read(self._bases / f"{base.name}.tar")

    def list_bases(self) -> list[BaseBackup]:
        """Returns the base backups, the oldest first."""
        return [_read_base(path) for path in sorted(self._bases.glob("*.json"))]

    def write_log(self, name: str, content: Iterable[bytes]) -> None:
        """Stores a segment of the log, whole or partial, or a timeline's history."""
        if not _LOG_FILE.fullmatch(name):
            raise BackupFailed(what=name, why="no file of the log")
        self._write(self._log / name, content)
        if SEGMENT.fullmatch(name):
            (self._log / f"{name}{PARTIAL}").unlink(missing_ok=True)

    def read_log(self, name: str) -> Iterator[bytes]:
        """Yields the content of a file of the log. Raises: BackupFailed."""
        return self._read(self._log / name)

    def list_log(self, since: str = "") -> list[str]:
        """Returns the files of the log in order, from a segment on, whatever its timeline."""
        found = (path.name for path in self._log.glob("*") if _LOG_FILE.fullmatch(path.name))
        return sorted(name for name in found if ".h" in name or name[8:] >= since[8:])

    def mark_followed(self) -> None:
        """Says that the log is stored until now, also where there was nothing to store."""
        self._followed.touch(mode=0o600)
        _give_to_owner(self._followed)

    def find_log_moment(self) -> datetime | None:
        """Returns until when the log was followed; None if it never was."""
        if not self._followed.exists():
            return None
        return datetime.fromtimestamp(self._followed.stat().st_mtime, UTC)

    def count_restore(self, at_least: int) -> int:
        """Counts one restore more, before anybody uses it. Returns its number, from 1 on.

        The number is `at_least` that one, and never one that this server's store gave before.
        """
        before = int(self._restores.read_text()) if self._restores.exists() else 0
        number = max(before + 1, at_least)
        _replace(self._restores, [str(number).encode()])
        return number

    def forget(self, now: datetime, kept: timedelta) -> list[str]:
        """Deletes base backups that a newer one older than `kept` replaces, and the log before.

        Two are kept whatever their age. Returns the names of what was deleted.
        """
        bases = self.list_bases()
        old = [base for base in bases if base.ended_at <= now - kept]
        # The newest of the old ones leads to every moment from then on.
        gone = old[:-1][: max(len(bases) - _NEVER_FEWER, 0)]
        for base in gone:
            for suffix in (".json", ".tar"):
                (self._bases / f"{base.name}{suffix}").unlink(missing_ok=True)
        left = self.list_bases()
        first = min((base.first_segment[8:] for base in left), default="")
        log = [name for name in self.list_log() if SEGMENT.match(name) and name[8:24] < first]
        for name in log:
            (self._log / name).unlink(missing_ok=True)
        return [*(base.name for base in gone), *log]

    def _write(self, path: Path, content: Iterable[bytes]) -> int:
        return _replace(path, encrypt(self._secret, path.name, _compress(content)))

    def _read(self, path: Path) -> Iterator[bytes]:
        try:
            with path.open("rb") as file:
                yield from _decompress(decrypt(self._secret, path.name, file), path.name)
        except FileNotFoundError:
            raise BackupFailed(what=path.name, why="not in the store") from None


def list_servers(folder: Path) -> list[str]:
    """Returns the servers with a base backup in a folder; that of the newest is the last."""
    newest = {path.parents[1].name: path.name for path in sorted(folder.glob("*/base/*.json"))}
    return sorted(newest, key=lambda server: newest[server])


def name_base(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_BASE_NAME)


def find_gaps(log: Iterable[str]) -> list[str]:
    """Returns the segments of the log after which one is missing, by timeline."""
    segments = sorted(name[:24] for name in log if SEGMENT.match(name))
    gaps = []
    for earlier, later in pairwise(segments):
        if earlier[:8] == later[:8] and _count(later) - _count(earlier) > 1:
            gaps.append(earlier)
    return gaps


def _count(segment: str) -> int:
    """Returns a segment's place in its timeline; PostgreSQL writes 256 of 16 MiB to a number."""
    return int(segment[8:16], 16) * 256 + int(segment[16:24], 16)


def _replace(path: Path, content: Iterable[bytes]) -> int:
    """Writes a file for its owner alone, whole or not at all. Returns its bytes."""
    part = path.with_name(f"{path.name}.part")
    written = 0
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in content:
                written += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        _give_to_owner(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return written


def _give_to_owner(path: Path) -> None:
    """Gives what root wrote to the folder's owner, who is another user and must read it."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _compress(content: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL)
    for piece in content:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _decompress(content: Iterable[bytes], name: str) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    for piece in content:
        rest = piece
        while rest:
            yield unpacker.decompress(rest, PIECE)
            rest = unpacker.unconsumed_tail
    yield unpacker.flush()
    if not unpacker.eof:
        raise BackupFailed(what=name, why="it was cut off")


def _spell(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _read_base(path: Path) -> BaseBackup:
    told = json.loads(path.read_text("utf-8"))
    moments = {name: datetime.fromisoformat(told[name]) for name in ("began_at", "ended_at")}
    return BaseBackup(**(told | moments))
