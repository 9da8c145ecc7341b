"""Actions too slow for the screen: promised by SMS, queued with the session, run by the worker.

An entry of the queue is signed, and the id of its key stands before it: whoever else can write to
Redis makes no action run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from app.base.buckets import list_late_keys
from app.base.errors import Unavailable
from app.base.keys import Keys, KeyUnknown, Purpose
from app.base.phone import Phone
from app.base.spans import find_trace
from app.ussd.forged import report_forged
from app.ussd.vocabulary import Answers, Dialogue, Facts, Services, Vocabulary

_WORKERS = "workers"
# A worker that has not finished by then is dead, and another takes the action over.
_TAKEN_OVER_AFTER_MS = 60_000
# Where the action begins in a signed entry.
_SIGNED = 4 + 32


@dataclass(frozen=True, slots=True)
class DeferredAction:
    """An action and the dialogue it was asked in, enough to run it without a session.

    `facts` and `answers` are packed. `asked_at` is in seconds since 1970. `trace` is the trace that
    it was asked in, where traces are made.
    """

    action: str
    phone: str
    language: str
    facts: dict[str, object]
    answers: dict[str, object]
    key: str
    asked_at: float
    says: tuple[str, ...] = ()
    trace: str = ""

    @classmethod
    def of(cls, action: str, dialogue: Dialogue[Any, Any, Any]) -> DeferredAction:
        """Returns `action` as `dialogue` was about to run it."""
        asked_in = find_trace()
        return cls(
            action,
            dialogue.phone.e164,
            dialogue.language,
            dialogue.facts.packed,
            dialogue.answers.packed,
            dialogue.action_key,
            dialogue.now.timestamp(),
            dialogue.says,
            asked_in.identity if asked_in else "",
        )

    def dialogue(
        self, vocabulary: Vocabulary[Services, Facts, Answers], services: Services, now: datetime
    ) -> Dialogue[Services, Facts, Answers]:
        """Returns the dialogue again, at a later moment, under the same action key."""
        return Dialogue(
            Phone(self.phone),
            self.language,
            vocabulary.facts(dict(self.facts)),
            vocabulary.answers(dict(self.answers)),
            now,
            self.key,
            services,
            says=self.says,
        )

    @property
    def asked(self) -> datetime:
        return datetime.fromtimestamp(self.asked_at, UTC)

    def pack(self) -> str:
        """Returns the action as JSON, for the stream."""
        values = asdict(self)
        if not self.trace:
            del values["trace"]  # a worker of the version before knows none
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def unpack(cls, packed: bytes) -> DeferredAction:
        """Returns the action that `pack` wrote."""
        values = json.loads(packed)
        return cls(**{**values, "says": tuple(values.get("says", ()))})


class Entry(NamedTuple):
    """An entry of a stream; each bucket has a stream of its own."""

    stream: bytes
    identity: bytes


class DeferredActions:
    """The queue of deferred actions. An action stays in it until it is done, even if a worker dies.

    Every method raises Unavailable if Redis is away.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys

    def sign(self, deferred: DeferredAction) -> bytes:
        """Returns the entry of the queue: the key's id, 32 bytes of signature, the action."""
        key, packed = self._keys.today(Purpose.LATE_ACTION), deferred.pack().encode()
        return key.mark + key.sign(packed) + packed

    def claim(self, worker: str, limit: int) -> Iterator[tuple[Entry, DeferredAction]]:
        """Yields the actions that nobody has, left behind and new, up to `limit` a bucket of each.

        `mark_done` takes the entry.
        """
        try:
            for stream in list_filled_streams(self._redis):
                self._make_group(stream)
                yield from self._read_entries(
                    stream, self._claim_left_behind(stream, worker, limit)
                )
                new = cast(
                    "list[Any] | None",
                    self._redis.xreadgroup(_WORKERS, worker, {stream: ">"}, count=limit),
                )
                yield from self._read_entries(stream, new[0][1] if new else [])
        except RedisError as error:
            raise Unavailable(what="redis") from error

    def mark_done(self, entry: Entry) -> None:
        """Removes an action that is answered, or given up."""
        try:
            self._redis.xack(entry.stream, _WORKERS, entry.identity)
            self._redis.xdel(entry.stream, entry.identity)
        except RedisError as error:
            raise Unavailable(what="redis") from error

    def _make_group(self, stream: bytes) -> None:
        try:
            self._redis.xgroup_create(stream, _WORKERS, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _claim_left_behind(self, stream: bytes, worker: str, limit: int) -> list[Any]:
        claimed = self._redis.xautoclaim(
            stream, _WORKERS, worker, min_idle_time=_TAKEN_OVER_AFTER_MS, count=limit
        )
        return cast("list[list[Any]]", claimed)[1]

    def _read_entries(
        self, stream: bytes, entries: list[Any]
    ) -> Iterator[tuple[Entry, DeferredAction]]:
        """Yields the actions that are ours; what is not ours leaves the queue."""
        for identity, values in entries:
            if not values:
                continue
            entry, packed = Entry(stream, identity), self._verify(values.get(b"action", b""))
            if packed is None:
                report_forged("late_action")
                self.mark_done(entry)
                continue
            yield entry, DeferredAction.unpack(packed)

    def _verify(self, value: bytes) -> bytes | None:
        """Returns the packed action, if one of our keys signed it."""
        try:
            key = self._keys.find(Purpose.LATE_ACTION, value[:4].hex())
        except KeyUnknown:
            return None
        packed = value[_SIGNED:]
        return packed if compare_digest(value[4:_SIGNED], key.sign(packed)) else None


def list_filled_streams(redis: Redis) -> list[bytes]:
    """Returns the streams in which actions wait. Raises: RedisError."""
    streams = list_late_keys()
    with redis.pipeline(transaction=False) as pipe:
        for stream in streams:
            pipe.xlen(stream)
        return [stream for stream, length in zip(streams, pipe.execute(), strict=True) if length]
