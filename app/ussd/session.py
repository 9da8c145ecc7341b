"""A talk kept in Redis: read once a hop, written once by compare-and-set."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from collections import deque
from dataclasses import dataclass, field, fields
from hashlib import blake2b, sha1
from typing import Any

from redis import Redis
from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from app.base.errors import Unavailable
from app.base.hop import Hop, Reply
from app.ussd.engine import Place

# The gateway ends a session after 180 s (domain.md section 4).
KEPT_SECONDS = 200
# Replies kept for a gateway that asks again; older hops than these get the current screen.
_REPLIES = 4
_LONGEST_KEPT = 700

# Writes when the revision is still the one read; otherwise gives back what another wrote.
_SAVE = """
local current = redis.call('GET', KEYS[1])
if current and string.match(current, '^(%d+):') ~= ARGV[1] then return current end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return false
"""
_SAVE_DIGEST = sha1(_SAVE.encode(), usedforsecurity=False).hexdigest()
_PLACE = tuple(field.name for field in fields(Place))
_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(slots=True)
class Record:
    """What is kept of a talk: where it stands, how much of the chain is walked, last replies."""

    place: Place
    menu: str
    seen: int = 0
    seen_digest: str = ""
    over: bool = False
    replies: list[list[Any]] = field(default_factory=list)
    revision: int = 0

    def answer(self, hop_key: str) -> Reply | None:
        """The reply already given to this hop."""
        for key, text, more in self.replies:
            if key == hop_key:
                return Reply(text, bool(more))
        return None

    def remember(self, hop_key: str, reply: Reply) -> None:
        """Keeps the reply under its hop, and forgets the oldest ones."""
        self.replies.append([hop_key, reply.text, int(reply.more)])
        del self.replies[:-_REPLIES]
        while sum(len(text) for _, text, _ in self.replies) > _LONGEST_KEPT:
            del self.replies[0]

    def packed(self) -> bytes:
        place = [getattr(self.place, name) for name in _PLACE]
        body = [place, self.menu, self.seen, self.seen_digest, self.over, self.replies]
        return b"%d:" % (self.revision + 1) + zlib.compress(_write(body).encode(), 1)

    @classmethod
    def unpacked(cls, value: bytes) -> Record:
        revision, _, body = value.partition(b":")
        place, menu, seen, digest, over, replies = json.loads(zlib.decompress(body))
        return cls(Place(*place), menu, seen, digest, over, replies, int(revision))


def short_digest(text: str) -> str:
    """Eight letters that stand for a chain of inputs."""
    return urlsafe_b64encode(blake2b(text.encode(), digest_size=6).digest()).decode()


class Sessions:
    """The talks under way. Every method is one round trip, and raises Unavailable.

    It keeps its connections and speaks over them itself: what a client does around each command
    costs more than the command.
    """

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._idle: deque[AbstractConnection] = deque()

    def load(self, hop: Hop) -> Record | None:
        return _unpacked(self._ask("GET", _key(hop)))

    def save(self, hop: Hop, record: Record) -> Record | None:
        """None when written; what another worker wrote first when it was faster."""
        arguments = 1, _key(hop), record.revision, record.packed(), KEPT_SECONDS
        try:
            return _unpacked(self._ask("EVALSHA", _SAVE_DIGEST, *arguments))
        except NoScriptError:
            return _unpacked(self._ask("EVAL", _SAVE, *arguments))

    def _ask(self, *command: str | bytes | int) -> object:
        try:
            connection = self._taken()
            try:
                return _answer(connection, command)
            except RedisConnectionError:
                # Dropped since it was last used; it opens itself again.
                return _answer(connection, command)
            finally:
                self._idle.append(connection)
        except NoScriptError:
            raise
        except RedisError as error:
            raise Unavailable(what="redis") from error

    def _taken(self) -> AbstractConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._pool.get_connection()


def _answer(connection: AbstractConnection, command: tuple[str | bytes | int, ...]) -> object:
    connection.send_command(*command)  # type: ignore[no-untyped-call]
    answer: object = connection.read_response()
    return answer


def _unpacked(value: object) -> Record | None:
    return Record.unpacked(value) if isinstance(value, bytes) else None


def _key(hop: Hop) -> str:
    """Neither number nor session id can be read from it; another phone never shares a talk."""
    named = f"{hop.gateway}\0{hop.session_id}\0{hop.phone.e164}"
    digest = blake2b(named.encode(), digest_size=12).digest()
    return "u:" + urlsafe_b64encode(digest).decode()
