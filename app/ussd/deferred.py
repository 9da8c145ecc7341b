"""Actions too late for the screen: promised by SMS, queued with the session, done later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from app.base.errors import Unavailable
from app.base.phone import Phone
from app.ussd.vocabulary import Dialogue, Services

STREAM = "late"
_WORKERS = "workers"
# A worker that has not finished by then is dead, and another takes the action over.
_TAKEN_OVER_AFTER_MS = 60_000


@dataclass(frozen=True, slots=True)
class DeferredAction:
    """All that is needed to run an action again without a session; JSON."""

    action: str
    phone: str
    language: str
    facts: dict[str, Any]
    kept: dict[str, Any]
    key: str
    asked_at: float

    @classmethod
    def of(cls, action: str, dialogue: Dialogue[Any]) -> DeferredAction:
        """`action` as `talk` was about to run it."""
        at = dialogue.now.timestamp()
        phone, key = dialogue.phone.e164, dialogue.action_key
        return cls(action, phone, dialogue.language, dialogue.facts, dialogue.kept, key, at)

    def dialogue(self, services: Services, now: datetime) -> Dialogue[Services]:
        """The talk again, at a later moment; the action's key is the same."""
        phone = Phone(self.phone)
        return Dialogue(
            phone, self.language, dict(self.facts), dict(self.kept), now, self.key, services
        )

    @property
    def asked(self) -> datetime:
        return datetime.fromtimestamp(self.asked_at, UTC)

    def packed(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))


class DeferredActions:
    """The queue of them. An action stays in it until it is done, whoever dies meanwhile."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def take(self, worker: str, most: int) -> Iterator[tuple[str, DeferredAction]]:
        """Up to `most` actions nobody else is at, each with the id it is `done` by."""
        try:
            self._make_group()
            yield from _read(self._left_behind(worker, most))
            fresh = cast(
                "list[Any] | None",
                self._redis.xreadgroup(_WORKERS, worker, {STREAM: ">"}, count=most),
            )
            yield from _read(fresh[0][1] if fresh else [])
        except RedisError as error:
            raise Unavailable(what="redis") from error

    def done(self, identity: str) -> None:
        """It is answered, or nobody waits for it any more."""
        try:
            self._redis.xack(STREAM, _WORKERS, identity)
            self._redis.xdel(STREAM, identity)
        except RedisError as error:
            raise Unavailable(what="redis") from error

    def _make_group(self) -> None:
        try:
            self._redis.xgroup_create(STREAM, _WORKERS, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _left_behind(self, worker: str, most: int) -> list[Any]:
        claimed = self._redis.xautoclaim(
            STREAM, _WORKERS, worker, min_idle_time=_TAKEN_OVER_AFTER_MS, count=most
        )
        return cast("list[list[Any]]", claimed)[1]


def _read(entries: list[Any]) -> Iterator[tuple[str, DeferredAction]]:
    for identity, fields in entries:
        if fields:
            yield identity.decode(), DeferredAction(**json.loads(fields[b"action"]))
