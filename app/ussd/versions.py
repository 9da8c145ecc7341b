"""Menus by version: a talk finishes on the one it began with, also when a new one is deployed."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic
from zipfile import ZIP_DEFLATED, ZipFile

from redis import Redis
from redis.exceptions import RedisError

from app.base.errors import Unavailable
from app.ussd.checker.check import find_unknown_names
from app.ussd.engine import Engine
from app.ussd.menu import BrokenMenu
from app.ussd.vocabulary import Services

_KEPT = timedelta(days=7)
_AGAIN_AFTER = timedelta(days=1)
# Versions that are no more, or not for this code: asked for once, not at every hop.
_MOST_REMEMBERED = 32


def version_of(folder: Path) -> str:
    """Eight letters that name the menus in a folder, structure and words."""
    digest = blake2b(digest_size=4)
    for path in _files(folder):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


class Versions(Generic[Services]):
    """The menu of this process, and those that other processes began talks with.

    They lie in Redis beside the talks: where a talk is lost its version is not needed.
    """

    def __init__(
        self,
        redis: Redis,
        folder: Path,
        current: Engine[Services],
        build: Callable[[Path], Engine[Services]],
    ) -> None:
        self._redis, self._folder, self._build = redis, folder, build
        self.current = current
        self._known: dict[str, Engine[Services] | None] = {self.current.version: self.current}
        self._publish_at: datetime | None = None

    def publish(self, now: datetime) -> None:
        """Lays this process's menu down for the others; once a day is enough."""
        if self._publish_at is None or now >= self._publish_at:
            try:
                self._redis.set(_key(self.current.version), _packed(self._folder), ex=_KEPT)
            except RedisError as error:
                raise Unavailable(what="redis") from error
            self._publish_at = now + _AGAIN_AFTER

    def find(self, version: str) -> Engine[Services] | None:
        """The engine of that version; None where it is gone, or names what this code has not."""
        if version not in self._known:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known = {self.current.version: self.current}
            self._known[version] = self._fetched(version)
        return self._known[version]

    def _fetched(self, version: str) -> Engine[Services] | None:
        try:
            packed = self._redis.get(_key(version))
        except RedisError as error:
            raise Unavailable(what="redis") from error
        if not isinstance(packed, bytes):
            return None
        with TemporaryDirectory() as folder:
            with ZipFile(io.BytesIO(packed)) as files:
                files.extractall(folder)
            try:
                engine = self._build(Path(folder))
            except BrokenMenu:
                return None
        known = not any(find_unknown_names(engine.menu, engine.vocabulary))
        return engine if known else None


def _key(version: str) -> str:
    return f"menus.zip:{version}"


def _files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.yaml"), *folder.glob("locales/*/LC_MESSAGES/menus.po")])


def _packed(folder: Path) -> bytes:
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED, strict_timestamps=False) as files:
        for path in _files(folder):
            files.write(path, path.relative_to(folder))
    return file.getvalue()
