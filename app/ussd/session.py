"""Dialogues stored in Redis: read once a hop, written once by compare-and-set.

Who can write to Redis must not be believed: a value is signed together with its name, its phone,
its revision and its moment. One that is forged, cut, moved to another name or older than dialogues
get is as none. The same dialogue's own value of minutes ago is good: what it did before, it does
under the same key of the database, once.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64encode
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from hashlib import blake2b, sha1
from hmac import compare_digest
from typing import Any, NamedTuple

from redis import Redis
from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from app.base.errors import Unavailable
from app.base.hop import Hop, Reply
from app.base.keys import Key, Keys, Purpose
from app.base.phone import Phone
from app.observe import metrics
from app.ussd.deferred import STREAM
from app.ussd.forged import report_forged
from app.ussd.position import Position

# The gateway ends a session after 180 s (docs/rules.md, Networks); a dialogue that broke off may be
# resumed for longer.
STORED_SECONDS = 600
# What is walked of a dialogue whose inputs come alone, without those before them.
LAST_ALONE = -1
# Replies stored for a gateway that repeats a hop; older hops than these get the current screen.
_MOST_REPLIES, _FEWEST_REPLIES = 4, 2
# With Redis's own overhead and the phone's key, a dialogue stays under 700 bytes
# (docs/performance.md, P5).
_MOST_BYTES = 380
_TAG_BYTES, _MOMENT_BYTES = 16, 4
_MOST_SKEW = 60

# Text that nearly every dialogue holds: zlib points to it instead of writing it.
_USUAL = (
    b'"h":[["g":"k":1,"r":1,"o":1,"s":["2026-","d":[["2026-","p":[["2026-",0 Menu",'
    b'\\n0 Retour 00 Menu 9 Suite","months":"claims","payments","services",'
    b'[["ary-Latn",["zgh",["ar",["fr",["main","amo","pay","code"],0,'
    b'{"a":[,"C",20-01","2027-11-30","2025-01,"A",null,"20-01-01","2026-12-31","2026-'
    b'"],"at":179,"c":["00],["2027-",["2026-","2026-"],179600}]},{},"wrong.choice",1,'
    b'{},"",0,[],0,""],"",false,[["\\n1 \\n2 \\n3 \\n4 \\n5 /2026 DH\\n0 Retour",1]]],1],["'
)

# Hops waiting to be counted; if nothing fetches them the oldest are dropped, and that is counted.
HOPS = "hops"
MOST_HOPS = 100_000

# The names come in pairs, of the dialogue and of its phone, a pair for each secret. Returns whose
# name held the dialogue; for a first hop without one, the phone's last dialogue and its name.
_LOAD = """
for i = 1, #KEYS, 2 do
  local own = redis.call('GET', KEYS[i])
  if own then return {(i - 1) / 2, own, false} end
end
if ARGV[1] == '0' then return false end
for i = 2, #KEYS, 2 do
  local last = redis.call('GET', KEYS[i])
  if last then return {(i - 2) / 2, redis.call('GET', last), last} end
end
return false
"""
# Writes if the revision is still the one read, under the first pair of names; else returns the
# dialogue another worker wrote. The phone's last dialogue is known by one name. Returns 1 where an
# old hop had to be dropped from the log.
_SAVE = f"""
for i = 1, #KEYS, 2 do
  local current = redis.call('GET', KEYS[i])
  if current and (i > 1 or (string.match(current, '^(%d+):') or '') ~= ARGV[1]) then
    return {{(i - 1) / 2, current}}
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
redis.call('SET', KEYS[2], KEYS[1], 'EX', ARGV[3])
for i = 4, #KEYS, 2 do redis.call('DEL', KEYS[i]) end
if ARGV[5] then redis.call('XADD', '{STREAM}', '*', 'action', ARGV[5]) end
if redis.call('RPUSH', '{HOPS}', ARGV[4]) <= {MOST_HOPS} then return false end
redis.call('LPOP', '{HOPS}')
return 1
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
    letters, and `walked_digest` stands for that part; `walked` is `LAST_ALONE` where no chain is
    sent, but each input alone. `revision` counts the writes.
    """

    position: Position
    menu: str
    walked: int = 0
    walked_digest: str = ""
    over: bool = False
    replies: list[StoredReply] = field(default_factory=list)
    revision: int = 0

    def find_reply(self, hop_key: str) -> Reply | None:
        """Returns the reply already given to this hop.

        Where each input comes alone the same digit is another hop, unless it was the last one's.
        """
        for stored in self.replies[-1:] if self.walked == LAST_ALONE else self.replies:
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


@dataclass(frozen=True, slots=True)
class _SessionKeys:
    """The keys that name and sign dialogues begun under one secret; a dialogue keeps to its own."""

    naming: bytes
    signing: Key

    def digest(self, text: str, size: int) -> bytes:
        return blake2b(text.encode(), digest_size=size, key=self.naming).digest()

    def name_dialogue(self, hop: Hop) -> bytes:
        """Hides number and session id, and keeps the dialogues of two phones apart."""
        name = f"{hop.gateway}\0{hop.session_id}\0{hop.phone.e164}"
        return b"u" + self.signing.mark + self.digest(name, 12)

    def name_phone(self, hop: Hop) -> bytes:
        return b"p" + self.signing.mark + self.digest(hop.phone.e164, 9)


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a dialogue: the secret whose keys it has, and the revision to be replaced."""

    place: int
    replaces: bytes = b"0"


@dataclass(frozen=True, slots=True)
class LoadedSession:
    """The dialogue of a hop; without one, the last dialogue of a phone that only dials."""

    record: StoredSession | None
    slot: Slot = Slot(0)
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

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._pool = redis.connection_pool
        self._idle: deque[AbstractConnection] = deque()
        pairs = zip(keys.all(Purpose.TALK_NAME), keys.all(Purpose.TALK), strict=True)
        self._keys = [_SessionKeys(_mix(naming), signing) for naming, signing in pairs]

    def digest(self, text: str, slot: Slot) -> str:
        """Returns eight letters that stand for inputs or a session; `text` cannot be read from it.

        It holds no dash: a command would read a session that begins with one as an option.
        """
        return b64encode(self._keys[slot.place].digest(text, 6), b"._").decode()

    def digest_caller(self, phone: Phone, day: date, slot: Slot) -> str:
        """Returns what stands for a phone in the log of hops, on this day (UTC) alone."""
        return self.digest(f"{phone.e164}\0{day.toordinal()}", slot)

    def digest_callers(self, phone: Phone, days: Iterable[date]) -> list[str]:
        """Returns all that may stand for a phone on these days, under each secret there is."""
        slots = [Slot(place) for place in range(len(self._keys))]
        return [self.digest_caller(phone, day, slot) for day in days for slot in slots]

    def load(self, hop: Hop, now: datetime) -> LoadedSession:
        """Returns the hop's dialogue, or the last one of its phone."""
        names = self._name(hop, range(len(self._keys)))
        if len(self._keys) == 1 and not hop.only_dials:
            value = self._call("GET", names[0])
            found: Any = [0, value, False] if value is not None else None
        else:
            found = self._run(_LOADING, len(names), *names, int(hop.only_dials))
        if not found:
            return LoadedSession(None)
        place, value, last = found
        if last is False or last is None:
            record = self._verify(place, value, names[2 * place], hop, now)
            return LoadedSession(record, Slot(place, _read_revision(value)))
        return LoadedSession(None, broken_off=self._verify(place, value, last, hop, now))

    def save(
        self,
        hop: Hop,
        record: StoredSession,
        entry: str,
        now: datetime,
        slot: Slot = Slot(0),
        deferred: bytes | None = None,
    ) -> LoadedSession | None:
        """Writes the dialogue, the hop's entry in the log of hops and an action to run later.

        Returns None, or the dialogue that another worker wrote first; then nothing is written.
        """
        order = [slot.place, *(n for n in range(len(self._keys)) if n != slot.place)]
        names = self._name(hop, order)
        value = self._sign(slot.place, record.pack(), names[0], hop, now)
        arguments: list[str | bytes | int] = [slot.replaces, value, STORED_SECONDS, entry]
        arguments += [deferred] if deferred else []
        lost: Any = self._run(_SAVING, len(names), *names, *arguments)
        if lost == 1:
            metrics.hops_dropped.inc()
            return None
        if not lost:
            return None
        turn, value = lost
        place = order[turn]
        winner = self._verify(place, value, names[2 * turn], hop, now)
        if winner is None:
            # Nobody's who may write here: it is replaced.
            self._call("DEL", names[2 * turn])
            return self.save(hop, record, entry, now, Slot(slot.place), deferred)
        return LoadedSession(winner, Slot(place, _read_revision(value)))

    def log(self, entry: str) -> None:
        """Adds an entry to the log of hops that is no hop: the end of a session."""
        if int(str(self._call("RPUSH", HOPS, entry))) > MOST_HOPS:
            self._call("LPOP", HOPS)
            metrics.hops_dropped.inc()

    def _name(self, hop: Hop, places: Iterable[int]) -> list[bytes]:
        """Returns the names of the dialogue and of its phone, under each secret in that order."""
        ordered = [self._keys[place] for place in places]
        return [
            name for keys in ordered for name in (keys.name_dialogue(hop), keys.name_phone(hop))
        ]

    def _sign(self, place: int, packed: bytes, name: bytes, hop: Hop, now: datetime) -> bytes:
        """Returns what is stored: `revision:`, the moment, the signature, the packed dialogue."""
        keys, moment = self._keys[place], int(now.timestamp()).to_bytes(_MOMENT_BYTES, "big")
        revision, mark, body = packed.partition(b":")
        tag = keys.signing.sign(name, keys.name_phone(hop), revision, moment, body)
        return revision + mark + moment + tag[:_TAG_BYTES] + body

    def _verify(
        self, place: int, value: object, name: object, hop: Hop, now: datetime
    ) -> StoredSession | None:
        """Returns the dialogue of a value, if it is ours, this phone's, of this name and recent."""
        if not isinstance(value, bytes) or not isinstance(name, bytes):
            return None
        revision, mark, rest = value.partition(b":")
        moment, body = rest[:_MOMENT_BYTES], rest[_MOMENT_BYTES + _TAG_BYTES :]
        keys = self._keys[place]
        tag = keys.signing.sign(name, keys.name_phone(hop), revision, moment, body)[:_TAG_BYTES]
        if not compare_digest(tag, rest[_MOMENT_BYTES : _MOMENT_BYTES + _TAG_BYTES]):
            report_forged("talk")
            return None
        age = now.timestamp() - int.from_bytes(moment, "big")
        if age > STORED_SECONDS + _MOST_SKEW:
            report_forged("talk")
            return None
        return StoredSession.unpack(revision + mark + body)

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


def _mix(naming: Key) -> bytes:
    """Mixes a key with the dictionary: a release that packs otherwise finds none to read."""
    return naming.sign(_USUAL)


def _read_revision(value: object) -> bytes:
    """Returns the revision that a value claims, as the script reads it."""
    claimed = re.match(rb"(\d+):", value) if isinstance(value, bytes) else None
    return claimed[1] if claimed else b""
