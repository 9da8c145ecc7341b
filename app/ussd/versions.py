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
from hmac import compare_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic
from zipfile import ZipFile

from redis import Redis
from redis.exceptions import RedisError

from app.base import waits
from app.base.errors import Unavailable
from app.base.keys import Keys, KeyUnknown, Purpose
from app.base.redis_calls import Calls
from app.ussd.checker.check import find_unknown_names
from app.ussd.engine import MenuEngine
from app.ussd.forged import report_forged
from app.ussd.live import LiveMenus
from app.ussd.menu import BrokenMenu
from app.ussd.vocabulary import Services

# Names of menus in Redis begin so.
PREFIX = "menus.zip:"
# The versions laid down, by the moment.
_INDEX = b"menus.versions"
_VERSION = re.compile(rb"[0-9a-f]{8}")
_STORED_FOR = timedelta(days=7)
_PUBLISHED_EVERY = timedelta(days=1)
# Also versions that are gone, or not for this code: they are fetched once, not on every hop.
_MOST_REMEMBERED = 32
# Where the folder begins in what is stored.
_SIGNED = 4 + 32


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
        calls: Calls,
        keys: Keys,
        live: LiveMenus[Services],
        build: Callable[[Path], MenuEngine[Services]],
    ) -> None:
        self._redis, self._calls, self._keys = redis, calls, keys
        self._live, self._build = live, build
        self._known: dict[str, MenuEngine[Services] | None] = {}
        # What was stored last, and when it is stored again.
        self._stored: MenuEngine[Services] | None = None
        self._publish_at: datetime | None = None

    @property
    def current(self) -> MenuEngine[Services]:
        """The menu with which dialogues begin here."""
        return self._live.engine

    def publish(self, now: datetime) -> None:
        """Stores this process's menu for the others, at once where it is new, then once a day.

        Raises: Unavailable.
        """
        shown = self._live.shown
        version, stored = shown.engine.version, self._stored
        changed = stored is None or version != stored.version
        if changed or self._publish_at is None or now >= self._publish_at:
            key, kept = _key(version), int(_STORED_FOR.total_seconds())
            folder = self._sign(version, shown.pack())
            self._calls.call(key, "SET", key, folder, "EX", kept)
            self._calls.call(_INDEX, "ZADD", _INDEX, str(now.timestamp()), version)
            self._calls.call(_INDEX, "EXPIRE", _INDEX, kept)
            if changed and stored is not None:
                # Talks begun with it go on, also where Redis has lost it.
                self._known[stored.version] = stored
            self._stored, self._publish_at = shown.engine, now + _PUBLISHED_EVERY

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
        if version == self.current.version:
            return self.current
        if self._stored and version == self._stored.version:
            return self._stored
        if version not in self._known:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known = {}
            self._known[version] = self._fetch(version)
        return self._known[version]

    def _fetch(self, version: str) -> MenuEngine[Services] | None:
        key = _key(version)
        packed = self._calls.call(key, "GET", key)
        if not isinstance(packed, bytes):
            return None
        if not self._is_ours(version, packed):
            report_forged("menu")
            return None
        # To read a folder takes as long as hundreds of hops.
        return waits.in_thread(self._unpack, packed[_SIGNED:])

    def _unpack(self, packed: bytes) -> MenuEngine[Services] | None:
        with TemporaryDirectory() as folder:
            with ZipFile(io.BytesIO(packed)) as files:
                files.extractall(folder)
            try:
                engine = self._build(Path(folder))
            except BrokenMenu:
                return None
        known = not any(find_unknown_names(engine.menu, engine.vocabulary))
        return engine if known else None

    def _sign(self, version: str, packed: bytes) -> bytes:
        """Returns what is stored: the key's id, 32 bytes of signature, the folder."""
        key = self._keys.today(Purpose.MENU)
        return key.mark + key.sign(version.encode(), packed) + packed

    def _is_ours(self, version: str, stored: bytes) -> bool:
        try:
            key = self._keys.find(Purpose.MENU, stored[:4].hex())
        except KeyUnknown:
            return False
        tag = key.sign(version.encode(), stored[_SIGNED:])
        return compare_digest(stored[4:_SIGNED], tag)


def _key(version: str) -> bytes:
    return f"{PREFIX}{version}".encode()
