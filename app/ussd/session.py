"""A talk kept in Redis: read once a hop, written once by compare-and-set."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections import deque
from dataclasses import dataclass, field, fields
from hashlib import blake2b, sha1
from typing import Any, NamedTuple

from redis import Redis
from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from app.base.errors import Unavailable
from app.base.hop import Hop, Reply
from app.ussd.deferred import STREAM, DeferredAction
from app.ussd.position import Position

# The gateway ends a session after 180 s (domain.md section 4); a talk that broke off may be taken
# up for longer.
KEPT_SECONDS = 600
# Replies kept for a gateway that asks again; older hops than these get the current screen.
_REPLIES, _FEWEST_REPLIES = 4, 2
# With what Redis adds, and the way back from the phone, a talk stays under 700 bytes (budget P5).
_MOST_BYTES = 400

# What nearly every talk holds: zlib points to it instead of writing it.
_USUAL = (
    b'0 Retour 9 Suite\\n0 Retour",1],["\\n0 Retour",1]]]",1],["",0,[],0,"],false,[["'
    b'[["ary-Latn",["zgh",["ar",["fr",["main","services","payments","claims","amo","pay","code"],0,'
    b'{"h":[["g":{"a":[,"A",null,"C","20-01","2026-12-31","2027-11-30","2025-'
    b'],"at":179,"c":["2026-","2027-",179],"c":null,"s":[],"d":[],"p":[],'
    b'"k":1,"r":0,"o":1,"k":0,"r":0,"o":0},{},"",0,[],0,""],"'
)

# Hops waiting to be counted; when nobody fetches them the oldest go.
HOPS = "hops"
_MOST_HOPS = 100_000

# The talk; for a first hop without one, the last talk of the phone.
_LOAD = """
local own = redis.call('GET', KEYS[1])
if own then return {own, false} end
local last = redis.call('GET', KEYS[2])
return {false, last and redis.call('GET', last)}
"""
# Writes when the revision is still the one read; otherwise gives back what another wrote.
_SAVE = f"""
local current = redis.call('GET', KEYS[1])
if current and string.match(current, '^(%d+):') ~= ARGV[1] then return current end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
redis.call('SET', KEYS[2], KEYS[1], 'EX', ARGV[3])
if redis.call('RPUSH', '{HOPS}', ARGV[4]) > {_MOST_HOPS} then redis.call('LPOP', '{HOPS}') end
if ARGV[5] then redis.call('XADD', '{STREAM}', '*', 'action', ARGV[5]) end
return false
"""
_PLACE = tuple(field.name for field in fields(Position))
_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(slots=True)
class StoredSession:
    """What is kept of a talk: where it stands, how much of the chain is walked, last replies."""

    place: Position
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

    def packed(self) -> bytes:
        """Replies before the last two are kept only while all of it stays small."""
        place = [getattr(self.place, name) for name in _PLACE]
        while True:
            body = [place, self.menu, self.seen, self.seen_digest, self.over, self.replies]
            packed = b"%d:" % (self.revision + 1) + _compressed(_write(body).encode())
            if len(packed) <= _MOST_BYTES or len(self.replies) <= _FEWEST_REPLIES:
                return packed
            del self.replies[0]

    @classmethod
    def unpacked(cls, value: bytes) -> StoredSession:
        revision, _, body = value.partition(b":")
        place, menu, seen, digest, over, replies = json.loads(_expanded(body))
        return cls(Position(*place), menu, seen, digest, over, replies, int(revision))


def _compressed(body: bytes) -> bytes:
    pack = zlib.compressobj(zdict=_USUAL)
    return pack.compress(body) + pack.flush()


def _expanded(packed: bytes) -> bytes:
    return zlib.decompressobj(zdict=_USUAL).decompress(packed)


class LoadedSession(NamedTuple):
    """The talk of a hop; without one, the last talk of the phone if the hop only dials."""

    record: StoredSession | None
    broken_off: StoredSession | None = None


@dataclass(frozen=True, slots=True)
class _Script:
    """A script and what Redis knows it by."""

    text: str
    digest: str


def _script(text: str) -> _Script:
    return _Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


_LOADING, _SAVING = _script(_LOAD), _script(_SAVE)


class Sessions:
    """The talks under way. Every method is one round trip, and raises Unavailable.

    It keeps its connections and speaks over them itself: what a client does around each command
    costs more than the command.
    """

    def __init__(self, redis: Redis, secret: bytes) -> None:
        self._pool = redis.connection_pool
        self._idle: deque[AbstractConnection] = deque()
        # Of what is packed with, too: a release that packs otherwise finds no talk it cannot read.
        mixed = secret + _USUAL
        self._secret = blake2b(mixed, digest_size=32, person=b"maalem talks").digest()

    def digest(self, text: str) -> str:
        """Eight letters that stand for inputs or a session, and tell nobody what they were.

        None is a dash: a command would take such a session for an option.
        """
        return b64encode(self._keyed(text, 6), b"._").decode()

    def load(self, hop: Hop) -> LoadedSession:
        """The hop's talk, or what its phone left behind."""
        if not hop.only_dials:
            return LoadedSession(_unpacked(self._ask("GET", self._talk_key(hop))))
        own, left = self._run(_LOADING, 2, self._talk_key(hop), self._phone_key(hop))
        return LoadedSession(_unpacked(own), _unpacked(left))

    def save(
        self, hop: Hop, record: StoredSession, noted: str, late: DeferredAction | None = None
    ) -> StoredSession | None:
        """None when written; what another worker wrote first when it was faster.

        With the talk go what is noted of the hop, and an action still to be done.
        """
        keys = self._talk_key(hop), self._phone_key(hop)
        arguments: list[str | bytes | int] = [record.revision, record.packed(), KEPT_SECONDS, noted]
        arguments += [late.packed()] if late else []
        return _unpacked(self._run(_SAVING, 2, *keys, *arguments))

    def note(self, noted: str) -> None:
        """Notes something of a talk that is no hop: its end, as the gateway tells it."""
        self._ask("RPUSH", HOPS, noted)

    def _talk_key(self, hop: Hop) -> bytes:
        """Neither number nor session id can be read from it; another phone never shares a talk."""
        return b"u" + self._keyed(f"{hop.gateway}\0{hop.session_id}\0{hop.phone.e164}", 12)

    def _phone_key(self, hop: Hop) -> bytes:
        return b"p" + self._keyed(hop.phone.e164, 9)

    def _keyed(self, text: str, size: int) -> bytes:
        return blake2b(text.encode(), digest_size=size, key=self._secret).digest()

    def _run(self, script: _Script, *arguments: str | bytes | int) -> Any:
        try:
            return self._ask("EVALSHA", script.digest, *arguments)
        except NoScriptError:
            return self._ask("EVAL", script.text, *arguments)

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


def _unpacked(value: object) -> StoredSession | None:
    return StoredSession.unpacked(value) if isinstance(value, bytes) else None
