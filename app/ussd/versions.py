"""Menus by version: a dialogue ends on the one it began with, also after a deployment."""

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
from app.ussd.engine import MenuEngine
from app.ussd.menu import BrokenMenu
from app.ussd.vocabulary import Services

_STORED_FOR = timedelta(days=7)
_PUBLISHED_EVERY = timedelta(days=1)
# Also versions that are gone, or not for this code: they are fetched once, not on every hop.
_MOST_REMEMBERED = 32


def version_of(folder: Path) -> str:
    """Returns eight letters that name the menus in a folder, structure and words."""
    digest = blake2b(digest_size=4)
    for path in _list_files(folder):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


class Versions(Generic[Services]):
    """The menu of this process, and the menus that other processes began dialogues with.

    They are stored in Redis like the dialogues: if those are lost, no menu is needed.
    """

    def __init__(
        self,
        redis: Redis,
        folder: Path,
        current: MenuEngine[Services],
        build: Callable[[Path], MenuEngine[Services]],
    ) -> None:
        self._redis, self._folder, self._build = redis, folder, build
        self.current = current
        self._known: dict[str, MenuEngine[Services] | None] = {self.current.version: self.current}
        self._publish_at: datetime | None = None

    def publish(self, now: datetime) -> None:
        """Stores this process's menu for the others, once a day.

        Raises: Unavailable.
        """
        if self._publish_at is None or now >= self._publish_at:
            try:
                self._redis.set(
                    _key(self.current.version), _pack_folder(self._folder), ex=_STORED_FOR
                )
            except RedisError as error:
                raise Unavailable(what="redis") from error
            self._publish_at = now + _PUBLISHED_EVERY

    def find(self, version: str) -> MenuEngine[Services] | None:
        """Returns the engine of a version; None if it is gone or uses names this code lacks.

        Raises: Unavailable.
        """
        if version not in self._known:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known = {self.current.version: self.current}
            self._known[version] = self._fetch(version)
        return self._known[version]

    def _fetch(self, version: str) -> MenuEngine[Services] | None:
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


def _list_files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.yaml"), *folder.glob("locales/*/LC_MESSAGES/menus.po")])


def _pack_folder(folder: Path) -> bytes:
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED, strict_timestamps=False) as files:
        for path in _list_files(folder):
            files.write(path, path.relative_to(folder))
    return file.getvalue()
