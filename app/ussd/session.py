"""Dialogues stored in Redis: written once a hop by compare-and-set, and read where need be.

Who can write to Redis must not be believed: a value is signed together with its name, its phone,
its revision and its moment. One that is forged, cut, moved to another name or older than dialogues
get is as none. The same dialogue's own value of minutes ago is good: what it did before, it does
under the same key of the database, once; a try of which others were since may count again.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from hashlib import blake2b, sha1
from hmac import compare_digest
from operator import attrgetter
from threading import Lock
from typing import Any, NamedTuple

from redis.exceptions import NoScriptError

from app.base.buckets import HOPS, LATE, find_bucket
from app.base.hop import Hop, Reply
from app.base.json_text import make_writer
from app.base.keys import Key, Keys, Purpose
from app.base.phone import Phone
from app.base.redis_calls import Calls, Part
from app.observe import metrics
from app.ussd.forged import report_forged
from app.ussd.position import Position

# The gateway ends a session after 180 s (docs/rules.md, Networks); a dialogue that broke off may be
# resumed for longer.
STORED_SECONDS = 600
# What is walked of a dialogue whose inputs come alone, without those before them.
LAST_ALONE = -1
# Replies stored for a gateway that repeats a hop; older hops than these get the current screen.
_MOST_REPLIES, _FEWEST_REPLIES = 4, 2
_NAME_BYTES, _PHONE_BYTES, _MOMENT_BYTES, _TAG_BYTES = 12, 9, 4, 16
# Behind the name: a revision of up to ten digits, the moment, the signature. What is written anew
# after a loss has an old revision's number, but not its signature.
_HEAD = slice(_NAME_BYTES, _NAME_BYTES + 11 + _MOMENT_BYTES + _TAG_BYTES)
# Six bytes are eight letters of base64.
_SHOWN_BYTES = 6
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

# A dialogue is small: with zlib's own memory, of a quarter of a megabyte, it would take longer.
_SMALL = 4, zlib.DEFLATED, 11, 4
# A body of so many bytes is stored as it is: in one block that is not compressed (RFC 1951, 3.2.4),
# behind the header of a stream without a dictionary (RFC 1950).
_SHORT = 460
# With what stands before it, it just fits the 512 bytes that Redis sets aside: a dialogue stays
# under 700 (docs/performance.md, P5).
_MOST_BYTES = _SHORT + 11
_AS_IT_IS = b"\x78\x01\x01"

# Hops of a bucket waiting to be counted; if nothing fetches them the oldest are dropped, which is
# counted.
MOST_HOPS = 1_000

# Dialogues that wait in a process for their next hop, some 4 KB each. Of more the one that waited
# longest is dropped, and read again; so are those that Redis has dropped.
_MOST_WAITING = 1_024

# A phone's newest dialogue stands under the phone's key, older ones each under its own. The keys
# come in these pairs, one for each secret, ours first; then where the newest goes if a newer one
# begins, the hops, the promises.
# Writes if what was read still stands there; else returns which key holds what another worker
# wrote. Returns -1 and the phone's newest dialogue if that is not the one seen when we looked, and
# 1 where an old hop had to be dropped from the log.
_SAVE = f"""
local newest, own = redis.call('GET', KEYS[1]), nil
for i = 1, #KEYS - 3 do
  local current = i == 1 and newest or redis.call('GET', KEYS[i])
  if current and (i % 2 == 0 or
      string.sub(current, 1, {_NAME_BYTES}) == ARGV[7 + math.ceil(i / 2)]) then
    local head = string.sub(current, {_HEAD.start + 1}, {_HEAD.stop})
    if i > 2 or head ~= ARGV[1] then return {{i - 1, current}} end
    own = own or KEYS[i]
  end
end
if newest and not own then
  if string.sub(newest, 1, {_NAME_BYTES}) ~= ARGV[5] then return {{-1, newest}} end
  if ARGV[6] == '1' then redis.call('RENAME', KEYS[1], KEYS[#KEYS - 2]) end
end
redis.call('SET', own or KEYS[1], ARGV[2], 'EX', ARGV[3])
local hops, late = KEYS[#KEYS - 1], KEYS[#KEYS]
if ARGV[7] ~= '' then redis.call('XADD', late, '*', 'action', ARGV[7]) end
if redis.call('RPUSH', hops, ARGV[4]) <= {MOST_HOPS} then return false end
redis.call('LPOP', hops)
return 1
"""
_list_position = attrgetter(*(field.name for field in fields(Position)))
_FRESH = _list_position(Position(""))
_write_json = make_writer(",", ":")
_read_json = json.JSONDecoder().raw_decode


class DialogueOutdated(Exception):
    """Redis does not hold what this process wrote of the dialogue last."""


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
    sent, but each input alone. `revision` counts the writes; `saved_at` is the last one's second.
    """

    position: Position
    menu: str
    walked: int = 0
    walked_digest: str = ""
    over: bool = False
    replies: list[StoredReply] = field(default_factory=list)
    revision: int = 0
    saved_at: int = 0

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
        """Returns all but the revision and the moment as bytes.

        Drops older replies while it is too large.
        """
        position = list(_list_position(self.position))
        # What stands at the end as it does where a dialogue begins is left out.
        while position[-1] == _FRESH[len(position) - 1]:
            position.pop()
        body = position, self.menu, self.walked, self.walked_digest, self.over, self.replies
        while True:
            packed = _compress(_write_json(body).encode())
            if len(packed) <= _MOST_BYTES or len(self.replies) <= _FEWEST_REPLIES:
                return packed
            del self.replies[0]

    @classmethod
    def unpack(cls, packed: bytes, revision: int, saved_at: int) -> StoredSession:
        """Reads what `pack` wrote."""
        body = _read_json(_expand(packed).decode())[0]
        position, menu, walked, walked_digest, over, replies = body
        return cls(
            Position(*position),
            menu,
            walked,
            walked_digest,
            over,
            [StoredReply._make(reply) for reply in replies],
            revision,
            saved_at,
        )


def _compress(body: bytes) -> bytes:
    """Returns the body as a stream of zlib, which any release reads; a short one as it is.

    zlib gives the interpreter away at each call, which costs a hop more than its own time.
    """
    size = len(body)
    if size <= _SHORT:
        length = size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")
        return _AS_IT_IS + length + body + zlib.adler32(body).to_bytes(4, "big")
    compressor = zlib.compressobj(*_SMALL, zdict=_USUAL)
    return compressor.compress(body) + compressor.flush()


def _expand(packed: bytes) -> bytes:
    if packed.startswith(_AS_IT_IS):
        return packed[len(_AS_IT_IS) + 4 : -4]
    return zlib.decompressobj(zdict=_USUAL).decompress(packed)


class _Names(NamedTuple):
    """The names that one secret gives a dialogue and its phone, and the keys it may stand under.

    Under `newest` is the phone's newest dialogue, under `own` this one if a newer one began.
    `bucket` is the phone's.
    """

    place: int
    bucket: bytes
    dialogue: bytes
    phone: bytes
    newest: bytes
    own: bytes


@dataclass(frozen=True, slots=True)
class _SessionKeys:
    """The keys that name and sign dialogues begun under one secret; a dialogue keeps to its own."""

    place: int
    naming: bytes
    signing: Key
    # Made once for each size, and copied: that takes half of making it.
    _hashes: dict[int, blake2b] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sizes = _NAME_BYTES, _PHONE_BYTES, _SHOWN_BYTES
        made = {size: blake2b(digest_size=size, key=self.naming) for size in sizes}
        object.__setattr__(self, "_hashes", made)

    def digest(self, text: str, size: int) -> bytes:
        made = self._hashes[size].copy()
        made.update(text.encode())
        return made.digest()

    def name(self, hop: Hop, bucket: bytes) -> _Names:
        """Hides number and session id, and keeps the dialogues of two phones apart."""
        number = hop.phone.e164
        dialogue = self.digest(f"{hop.gateway}\0{hop.session_id}\0{number}", _NAME_BYTES)
        phone, mark = self.digest(number, _PHONE_BYTES), self.signing.mark
        newest, own = bucket + b"p" + mark + phone, self.name_older(bucket, dialogue)
        return _Names(self.place, bucket, dialogue, phone, newest, own)

    def name_older(self, bucket: bytes, dialogue: bytes) -> bytes:
        return bucket + b"u" + self.signing.mark + dialogue


class Slot(NamedTuple):
    """The place of a dialogue: the secret whose keys it has, and the head of what is replaced.

    `seen` is the name of the phone's newest dialogue, where that is another; it is `kept` if it is
    to be believed. `names` are those that each secret gives the dialogue, if they were computed.
    `recalled` says that Redis was not read: this process wrote what it last knows of.
    """

    place: int
    replaces: bytes = b""
    seen: bytes = b""
    kept: bool = False
    names: Sequence[_Names] = ()
    recalled: bool = False


_TODAYS = Slot(0)


class LoadedSession(NamedTuple):
    """The dialogue of a hop; without one, the last dialogue of a phone that only dials."""

    record: StoredSession | None
    slot: Slot = _TODAYS
    broken_off: StoredSession | None = None


@dataclass(frozen=True, slots=True)
class _Script:
    """A Lua script and its SHA-1, by which Redis knows it."""

    text: str
    digest: str


def _make_script(text: str) -> _Script:
    return _Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


_SAVING = _make_script(_SAVE)


class Sessions:
    """The dialogues under way. What asks Redis is one round trip, and raises Unavailable."""

    def __init__(self, calls: Calls, keys: Keys) -> None:
        self._calls = calls
        pairs = zip(keys.all(Purpose.TALK_NAME), keys.all(Purpose.TALK), strict=True)
        self._keys = [
            _SessionKeys(place, _mix(naming), signing)
            for place, (naming, signing) in enumerate(pairs)
        ]
        self._waiting: OrderedDict[tuple[str, str, str], LoadedSession] = OrderedDict()
        self._lock = Lock()

    def digest(self, text: str, slot: Slot) -> str:
        """Returns eight letters that stand for inputs or a session; `text` cannot be read from it.

        It holds no dash: a command would read a session that begins with one as an option.
        """
        return b64encode(self._keys[slot.place].digest(text, _SHOWN_BYTES), b"._").decode()

    def name_talk(self, hop: Hop) -> str:
        """Returns what stands for a dialogue in logs: the name that `flask talks` lists."""
        return self.digest_talk(hop, _TODAYS)

    def digest_talk(self, hop: Hop, slot: Slot) -> str:
        """Returns what stands for a dialogue under a slot's secret."""
        return self.digest(f"{hop.gateway}\0{hop.session_id}", slot)

    def digest_caller(self, phone: Phone, day: date, slot: Slot) -> str:
        """Returns what stands for a phone in the log of hops, on this day (UTC) alone."""
        return self.digest(f"{phone.e164}\0{day.toordinal()}", slot)

    def digest_callers(self, phone: Phone, days: Iterable[date]) -> list[str]:
        """Returns all that may stand for a phone on these days, under each secret there is."""
        slots = [Slot(place) for place in range(len(self._keys))]
        return [self.digest_caller(phone, day, slot) for day in days for slot in slots]

    def recall(self, hop: Hop, now: datetime) -> LoadedSession | None:
        """Returns the dialogue as this process wrote it, if the hop adds one input to its chain.

        Redis is not asked: another process may have written it since, then `save` writes nothing.
        Of inputs that come alone nobody here knows which was the last.
        """
        chain, line = hop.inputs, _name_line(hop)
        waiting = self._waiting.get(line) if chain and hop.message is None else None
        if waiting is None or waiting.record is None:
            return None
        record, before = waiting.record, chain.rpartition("*")[0]
        follows = record.walked == len(before) and record.walked_digest == self.digest(
            before, waiting.slot
        )
        if not follows or _is_old(waiting, now):
            return None
        # Of two hops at once one has it: both would change it.
        with self._lock:
            return waiting if self._waiting.pop(line, None) is waiting else None

    def confirm(self, slot: Slot) -> None:
        """Asks whether a recalled dialogue is still the one in Redis. Raises: DialogueOutdated."""
        names = slot.names[slot.place]
        ours = names.dialogue + slot.replaces
        values: Any = self._calls.call(names.bucket, "MGET", names.newest, names.own)
        if not any(value and value.startswith(ours) for value in values):
            raise DialogueOutdated

    def load(self, hop: Hop, now: datetime) -> LoadedSession:
        """Returns the hop's dialogue, or the last one of its phone."""
        names = self._name(hop)
        values: Any = self._calls.call(names[0].bucket, "MGET", *_list_keys(names))
        for each, newest, own in zip(names, values[::2], values[1::2], strict=True):
            value = newest if newest and newest.startswith(each.dialogue) else own
            if value is not None:
                record = self._verify(each, each.dialogue, value, now)
                slot = Slot(each.place, value[_HEAD], names=names)
                return LoadedSession(record, slot)
        pairs = zip(names, values[::2], strict=True)
        left = [self._verify_newest(each, newest, now) for each, newest in pairs]
        slot = _beside(Slot(0, names=names), values[0], left[0])
        found = [record for record in left if record]
        if not found or not hop.only_dials:
            return LoadedSession(None, slot)
        return LoadedSession(None, slot, max(found, key=lambda record: record.saved_at))

    def save(
        self,
        hop: Hop,
        record: StoredSession,
        entry: str,
        now: datetime,
        slot: Slot = _TODAYS,
        deferred: bytes | None = None,
    ) -> LoadedSession | None:
        """Writes the dialogue, the hop's entry in the log of hops and an action to run later.

        Returns None, or the dialogue that another worker wrote first; then nothing is written.
        """
        known = slot.names or self._name(hop)
        first = known[slot.place]
        names = [first, *(each for each in known if each is not first)]
        bucket = first.bucket
        older = self._keys[slot.place].name_older(bucket, slot.seen)
        keys = [*_list_keys(names), older, bucket + HOPS, bucket + LATE]
        value = self._sign(first, record, now)
        written = slot.replaces, value, STORED_SECONDS, entry, slot.seen, int(slot.kept)
        dialogues = [each.dialogue for each in names]
        arguments: list[Part] = [*keys, *written, deferred or b"", *dialogues]
        lost: Any = self._run(bucket, _SAVING, len(keys), *arguments)
        if lost == 1:
            metrics.hops_dropped.inc()
        if not lost or lost == 1:
            self._keep(hop, record, now, Slot(slot.place, value[_HEAD], names=known, recalled=True))
            return None
        turn, value = lost
        if turn < 0:
            # Another dialogue of this phone began meanwhile.
            slot = _beside(slot, value, self._verify_newest(first, value, now))
            return self.save(hop, record, entry, now, slot, deferred)
        holder = names[turn // 2]
        winner = self._verify(holder, holder.dialogue, value, now)
        if winner is None:
            # Nobody's who may write here: it is replaced.
            self._calls.call(bucket, "DEL", keys[turn])
            return self.save(hop, record, entry, now, Slot(slot.place), deferred)
        return LoadedSession(winner, Slot(holder.place, value[_HEAD]))

    def _keep(self, hop: Hop, record: StoredSession, now: datetime, slot: Slot) -> None:
        """Keeps what was written for the next hop, where one can come that says what it follows."""
        if record.over or hop.message is not None:
            return
        record.revision, record.saved_at = record.revision + 1, int(now.timestamp())
        line, waiting = _name_line(hop), self._waiting
        with self._lock:
            waiting.pop(line, None)
            waiting[line] = LoadedSession(record, slot)
            while len(waiting) > _MOST_WAITING or _is_old(next(iter(waiting.values())), now):
                waiting.popitem(last=False)

    def log(self, hop: Hop, entry: str) -> None:
        """Adds an entry to the log of hops that is no hop: the end of a session."""
        bucket = find_bucket(hop.phone)
        if int(str(self._calls.call(bucket, "RPUSH", bucket + HOPS, entry))) > MOST_HOPS:
            self._calls.call(bucket, "LPOP", bucket + HOPS)
            metrics.hops_dropped.inc()

    def _name(self, hop: Hop) -> list[_Names]:
        """Returns the names that each secret gives the hop's dialogue, in their order."""
        bucket = find_bucket(hop.phone)
        return [keys.name(hop, bucket) for keys in self._keys]

    def _sign(self, names: _Names, record: StoredSession, now: datetime) -> bytes:
        """Returns the next revision to be stored: name, `revision:`, moment, signature, body."""
        revision, body = b"%d" % (record.revision + 1), record.pack()
        stamp = int(now.timestamp()).to_bytes(_MOMENT_BYTES, "big")
        signing = self._keys[names.place].signing
        tag = signing.sign(names.dialogue, names.phone, revision, stamp, body)
        return b"%b%b:%b%b%b" % (names.dialogue, revision, stamp, tag[:_TAG_BYTES], body)

    def _verify_newest(
        self, names: _Names, value: bytes | None, now: datetime
    ) -> StoredSession | None:
        """Returns the phone's newest dialogue, if it is ours; its name stands in it."""
        return self._verify(names, value[:_NAME_BYTES], value, now) if value is not None else None

    def _verify(
        self, names: _Names, dialogue: bytes, value: bytes, now: datetime
    ) -> StoredSession | None:
        """Returns the dialogue of a value, if it is ours, this phone's, of this name and recent."""
        revision, _, rest = value[_NAME_BYTES:].partition(b":")
        stamp, body = rest[:_MOMENT_BYTES], rest[_MOMENT_BYTES + _TAG_BYTES :]
        signing = self._keys[names.place].signing
        tag = signing.sign(dialogue, names.phone, revision, stamp, body)[:_TAG_BYTES]
        saved_at = int.from_bytes(stamp, "big")
        ours = compare_digest(tag, rest[_MOMENT_BYTES : _MOMENT_BYTES + _TAG_BYTES])
        if not ours or now.timestamp() - saved_at > STORED_SECONDS + _MOST_SKEW:
            report_forged("talk")
            return None
        return StoredSession.unpack(body, int(revision), saved_at)

    def _run(self, bucket: bytes, script: _Script, *arguments: Part) -> Any:
        try:
            return self._calls.call(bucket, "EVALSHA", script.digest, *arguments)
        except NoScriptError:
            return self._calls.call(bucket, "EVAL", script.text, *arguments)


def _is_old(waiting: LoadedSession, now: datetime) -> bool:
    """True if Redis has dropped the dialogue by now."""
    record = waiting.record
    return record is None or now.timestamp() - record.saved_at > STORED_SECONDS


def _name_line(hop: Hop) -> tuple[str, str, str]:
    return hop.gateway, hop.session_id, hop.phone.e164


def _mix(naming: Key) -> bytes:
    """Mixes a key with the dictionary: a release that packs otherwise finds none to read."""
    return naming.sign(_USUAL)


def _list_keys(names: Iterable[_Names]) -> list[bytes]:
    """Returns the keys in pairs, as the script takes them."""
    return [key for each in names for key in (each.newest, each.own)]


def _beside(slot: Slot, newest: bytes | None, record: StoredSession | None) -> Slot:
    """Returns the slot beside the phone's newest dialogue, which stays if it is believed."""
    seen = b"" if newest is None else newest[:_NAME_BYTES]
    return slot._replace(seen=seen, kept=record is not None)
