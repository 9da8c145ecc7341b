"""Menus by version: a dialogue ends on the one it began with, also after a deployment.

A menu in Redis is signed with its version, and the id of its key stands before it: whoever else can
write to Redis changes no menu.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic
from zipfile import ZIP_DEFLATED, ZipFile

from redis import Redis
from redis.exceptions import RedisError

from app.base.errors import Unavailable
from app.base.keys import Keys, KeyUnknown, Purpose
from app.ussd.checker.check import find_unknown_names
from app.ussd.engine import MenuEngine
from app.ussd.forged import report_forged
from app.ussd.menu import BrokenMenu
from app.ussd.vocabulary import Services

# Names of menus in Redis begin so.
PREFIX = "menus.zip:"
# The versions laid down, by the moment.
_INDEX = "menus.versions"
_VERSION = re.compile(rb"[0-9a-f]{8}")
_STORED_FOR = timedelta(days=7)
_PUBLISHED_EVERY = timedelta(days=1)
# Also versions that are gone, or not for this code: they are fetched once, not on every hop.
_MOST_REMEMBERED = 32
# Where the folder begins in what is stored.
_SIGNED = 4 + 32


def version_of(folder: Path) -> str:
    """Returns eight letters that name the menus in a folder, structure and words."""
    digest = blake2b(digest_size=4)
    for path in _list_files(folder):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class StoredMenus:
    """A version of the menus, and when a process that runs it laid it down last."""

    version: str
    stored_at: datetime


class Versions(Generic[Services]):
    """The menu of this process, and the menus that other processes began dialogues with.

    They are stored in Redis like the dialogues: if those are lost, no menu is needed.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        folder: Path,
        current: MenuEngine[Services],
        build: Callable[[Path], MenuEngine[Services]],
    ) -> None:
        self._redis, self._keys = redis, keys
        self._folder, self._build = folder, build
        self.current = current
        self._known: dict[str, MenuEngine[Services] | None] = {self.current.version: self.current}
        self._publish_at: datetime | None = None

    def publish(self, now: datetime) -> None:
        """Stores this process's menu for the others, once a day.

        Raises: Unavailable.
        """
        if self._publish_at is None or now >= self._publish_at:
            try:
                with self._redis.pipeline(transaction=False) as both:
                    both.set(_key(self.current.version), self._sign(), ex=_STORED_FOR)
                    both.zadd(_INDEX, {self.current.version: now.timestamp()})
                    both.expire(_INDEX, _STORED_FOR)
                    both.execute()
            except RedisError as error:
                raise Unavailable(what="redis") from error
            self._publish_at = now + _PUBLISHED_EVERY

    def list_stored(self, now: datetime) -> list[StoredMenus]:
        """Returns the menus that processes laid down lately, the newest first. Raises: Unavailable.

        A process does so at its first call, and once a day.
        """
        since = (now - _STORED_FOR).timestamp()
        try:
            found: Any = self._redis.zrangebyscore(_INDEX, since, "+inf", withscores=True)
        except RedisError as error:
            raise Unavailable(what="redis") from error
        return [
            StoredMenus(name.decode(), datetime.fromtimestamp(moment, UTC))
            for name, moment in reversed(found)
            if _VERSION.fullmatch(name)
        ]

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
        if not self._is_ours(version, packed):
            report_forged("menu")
            return None
        with TemporaryDirectory() as folder:
            with ZipFile(io.BytesIO(packed[_SIGNED:])) as files:
                files.extractall(folder)
            try:
                engine = self._build(Path(folder))
            except BrokenMenu:
                return None
        known = not any(find_unknown_names(engine.menu, engine.vocabulary))
        return engine if known else None

    def _sign(self) -> bytes:
        """Returns what is stored: the key's id, 32 bytes of signature, the folder."""
        key, packed = self._keys.today(Purpose.MENU), _pack_folder(self._folder)
        return key.mark + key.sign(self.current.version.encode(), packed) + packed

    def _is_ours(self, version: str, stored: bytes) -> bool:
        try:
            key = self._keys.find(Purpose.MENU, stored[:4].hex())
        except KeyUnknown:
            return False
        tag = key.sign(version.encode(), stored[_SIGNED:])
        return compare_digest(stored[4:_SIGNED], tag)


def _key(version: str) -> str:
    return f"{PREFIX}{version}"


def _list_files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.yaml"), *folder.glob("locales/*/LC_MESSAGES/menus.po")])


def _pack_folder(folder: Path) -> bytes:
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED, strict_timestamps=False) as files:
        for path in _list_files(folder):
            files.write(path, path.relative_to(folder))
    return file.getvalue()
