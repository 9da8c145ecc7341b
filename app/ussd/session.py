"""Dialogues stored in Redis: read once a hop, written once by compare-and-set."""

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

# The gateway ends a session after 180 s (docs/rules.md, Networks); a dialogue that broke off may be
# resumed for longer.
STORED_SECONDS = 600
# Replies stored for a gateway that repeats a hop; older hops than these get the current screen.
_MOST_REPLIES, _FEWEST_REPLIES = 4, 2
# With Redis's own overhead and the phone's key, a dialogue stays under 700 bytes
# (docs/performance.md, P5).
_MOST_BYTES = 400

# Text that nearly every dialogue holds: zlib points to it instead of writing it.
_USUAL = (
    b'"h":[["g":"k":1,"r":1,"o":1,"s":["2026-","d":[["2026-","p":[["2026-",0 Menu",'
    b'\\n0 Retour 00 Menu 9 Suite","months":"claims","payments","services",'
    b'[["ary-Latn",["zgh",["ar",["fr",["main","amo","pay","code"],0,'
    b'{"a":[,"C",20-01","2027-11-30","2025-01,"A",null,"20-01-01","2026-12-31","2026-'
    b'"],"at":179,"c":["00],["2027-",["2026-","2026-"],179600}]},{},"wrong.choice",1,'
    b'{},"",0,[],0,""],"",false,[["\\n1 \\n2 \\n3 \\n4 \\n5 /2026 DH\\n0 Retour",1]]],1],["'
)

# Hops waiting to be counted; if nothing fetches them the oldest are dropped.
HOPS = "hops"
_MOST_HOPS = 100_000

# Returns the dialogue; for a first hop without one, the last dialogue of the phone.
_LOAD = """
local own = redis.call('GET', KEYS[1])
if own then return {own, false} end
local last = redis.call('GET', KEYS[2])
return {false, last and redis.call('GET', last)}
"""
# Writes if the revision is still the one read; else returns the dialogue another worker wrote.
_SAVE = f"""
local current = redis.call('GET', KEYS[1])
if current and string.match(current, '^(%d+):') ~= ARGV[1] then return current end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
redis.call('SET', KEYS[2], KEYS[1], 'EX', ARGV[3])
if redis.call('RPUSH', '{HOPS}', ARGV[4]) > {_MOST_HOPS} then redis.call('LPOP', '{HOPS}') end
if ARGV[5] then redis.call('XADD', '{STREAM}', '*', 'action', ARGV[5]) end
return false
"""
_POSITION_FIELDS = tuple(field.name for field in fields(Position))
_write_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class StoredReply(NamedTuple):
    """A reply already given, under the key of its hop."""

    hop_key: str
    text: str
    more: int

    def reply(self) -> Reply:
        return Reply(self.text, bool(self.more))


@dataclass(slots=True)
class StoredSession:
    """A dialogue as it is stored: its position, the inputs already walked, the last replies.

    `menu` is the version of its menu. `walked` is the length of the chain already walked, in
    letters, and `walked_digest` stands for that part. `revision` counts the writes.
    """

    position: Position
    menu: str
    walked: int = 0
    walked_digest: str = ""
    over: bool = False
    replies: list[StoredReply] = field(default_factory=list)
    revision: int = 0

    def find_reply(self, hop_key: str) -> Reply | None:
        """Returns the reply already given to this hop."""
        for stored in self.replies:
            if stored.hop_key == hop_key:
                return stored.reply()
        return None

    def last_reply(self) -> Reply:
        return self.replies[-1].reply()

    def add_reply(self, hop_key: str, reply: Reply) -> None:
        """Stores the reply under its hop, and drops the oldest ones."""
        self.replies.append(StoredReply(hop_key, reply.text, int(reply.more)))
        del self.replies[:-_MOST_REPLIES]

    def pack(self) -> bytes:
        """Returns the next revision as bytes. Drops older replies while it is too large."""
        position = [getattr(self.position, name) for name in _POSITION_FIELDS]
        while True:
            body = [
                position,
                self.menu,
                self.walked,
                self.walked_digest,
                self.over,
                self.replies,
            ]
            packed = b"%d:" % (self.revision + 1) + _compress(_write_json(body).encode())
            if len(packed) <= _MOST_BYTES or len(self.replies) <= _FEWEST_REPLIES:
                return packed
            del self.replies[0]

    @classmethod
    def unpack(cls, packed: bytes) -> StoredSession:
        """Reads what `pack` wrote."""
        revision, _, body = packed.partition(b":")
        position, menu, walked, walked_digest, over, replies = json.loads(_expand(body))
        return cls(
            Position(**dict(zip(_POSITION_FIELDS, position, strict=True))),
            menu,
            walked,
            walked_digest,
            over,
            [StoredReply._make(reply) for reply in replies],
            int(revision),
        )


def _compress(body: bytes) -> bytes:
    compressor = zlib.compressobj(zdict=_USUAL)
    return compressor.compress(body) + compressor.flush()


def _expand(packed: bytes) -> bytes:
    return zlib.decompressobj(zdict=_USUAL).decompress(packed)


class LoadedSession(NamedTuple):
    """The dialogue of a hop; without one, the last dialogue of a phone that only dials."""

    record: StoredSession | None
    broken_off: StoredSession | None = None


@dataclass(frozen=True, slots=True)
class _Script:
    """A Lua script and its SHA-1, by which Redis knows it."""

    text: str
    digest: str


def _make_script(text: str) -> _Script:
    return _Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


_LOADING, _SAVING = _make_script(_LOAD), _make_script(_SAVE)


class Sessions:
    """The dialogues under way. Every method is one round trip, and raises Unavailable.

    It keeps its own connections: the work of the client around each command costs more than the
    command.
    """

    def __init__(self, redis: Redis, secret: bytes) -> None:
        self._pool = redis.connection_pool
        self._idle: deque[AbstractConnection] = deque()
        # Mixed with the dictionary: a release that packs otherwise finds none it cannot read.
        mixed = secret + _USUAL
        self._secret = blake2b(mixed, digest_size=32, person=b"maalem talks").digest()

    def digest(self, text: str) -> str:
        """Returns eight letters that stand for inputs or a session; `text` cannot be read from it.

        It holds no dash: a command would read a session that begins with one as an option.
        """
        return b64encode(self._keyed_digest(text, 6), b"._").decode()

    def load(self, hop: Hop) -> LoadedSession:
        """Returns the hop's dialogue, or the last one of its phone."""
        if not hop.only_dials:
            return LoadedSession(_unpack(self._call("GET", self._dialogue_key(hop))))
        own, last = self._run(_LOADING, 2, self._dialogue_key(hop), self._phone_key(hop))
        return LoadedSession(_unpack(own), _unpack(last))

    def save(
        self, hop: Hop, record: StoredSession, entry: str, deferred: DeferredAction | None = None
    ) -> StoredSession | None:
        """Writes the dialogue, the hop's entry in the log of hops and an action to run later.

        Returns None, or the dialogue that another worker wrote first; then nothing is written.
        """
        keys = self._dialogue_key(hop), self._phone_key(hop)
        arguments: list[str | bytes | int] = [
            record.revision,
            record.pack(),
            STORED_SECONDS,
            entry,
        ]
        arguments += [deferred.pack()] if deferred else []
        return _unpack(self._run(_SAVING, 2, *keys, *arguments))

    def log(self, entry: str) -> None:
        """Adds an entry to the log of hops that is no hop: the end of a session."""
        self._call("RPUSH", HOPS, entry)

    def _dialogue_key(self, hop: Hop) -> bytes:
        """Hides number and session id, and keeps the dialogues of two phones apart."""
        name = f"{hop.gateway}\0{hop.session_id}\0{hop.phone.e164}"
        return b"u" + self._keyed_digest(name, 12)

    def _phone_key(self, hop: Hop) -> bytes:
        return b"p" + self._keyed_digest(hop.phone.e164, 9)

    def _keyed_digest(self, text: str, size: int) -> bytes:
        return blake2b(text.encode(), digest_size=size, key=self._secret).digest()

    def _run(self, script: _Script, *arguments: str | bytes | int) -> Any:
        try:
            return self._call("EVALSHA", script.digest, *arguments)
        except NoScriptError:
            return self._call("EVAL", script.text, *arguments)

    def _call(self, *command: str | bytes | int) -> object:
        try:
            connection = self._get_connection()
            try:
                return _send(connection, command)
            except RedisConnectionError:
                # Dropped since it was last used; it opens itself again.
                return _send(connection, command)
            finally:
                self._idle.append(connection)
        except NoScriptError:
            raise
        except RedisError as error:
            raise Unavailable(what="redis") from error

    def _get_connection(self) -> AbstractConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._pool.get_connection()


def _send(connection: AbstractConnection, command: tuple[str | bytes | int, ...]) -> object:
    connection.send_command(*command)  # type: ignore[no-untyped-call]
    answer: object = connection.read_response()
    return answer


def _unpack(value: object) -> StoredSession | None:
    return StoredSession.unpack(value) if isinstance(value, bytes) else None
