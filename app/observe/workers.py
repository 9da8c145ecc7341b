"""Which workers live: each says so in Redis every few seconds, while all its loops go round.

It says too when each loop last came to the end of a turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis

BEAT_SECONDS = 10.0
# A worker that was not heard for so long is gone.
SILENT_AFTER = timedelta(minutes=1)
_KEY, _TURNS = "workers", "worker-turns"
_FORGOTTEN_AFTER = timedelta(days=30)


def keep_turns(redis: Redis, turns: Mapping[str, datetime]) -> None:
    """Says when the loops of a worker last came to the end of a turn; the latest of all counts."""
    if turns:
        redis.zadd(_TURNS, {loop: moment.timestamp() for loop, moment in turns.items()}, gt=True)


def list_turns(redis: Redis) -> dict[str, datetime]:
    """Returns when each loop of any worker last came to the end of a turn."""
    turns: Any = redis.zrange(_TURNS, 0, -1, withscores=True)
    return {name.decode(): datetime.fromtimestamp(float(at), tz=UTC) for name, at in turns}


def beat(redis: Redis, worker: str, now: datetime) -> None:
    """Says that a worker lives."""
    with redis.pipeline(transaction=False) as pipe:
        pipe.zadd(_KEY, {worker: now.timestamp()})
        pipe.zremrangebyscore(_KEY, "-inf", (now - _FORGOTTEN_AFTER).timestamp())
        pipe.execute()


def leave(redis: Redis, worker: str) -> None:
    """Takes a worker off the list, as it was asked to end."""
    redis.zrem(_KEY, worker)


def count_alive(redis: Redis, now: datetime) -> int:
    """Returns how many workers live."""
    return int(redis.zcount(_KEY, (now - SILENT_AFTER).timestamp(), "+inf"))


def list_beats(redis: Redis, now: datetime) -> dict[str, datetime]:
    """Returns the workers that live, each with when it was heard last."""
    since = (now - SILENT_AFTER).timestamp()
    heard: Any = redis.zrangebyscore(_KEY, since, "+inf", withscores=True)
    return {name.decode(): datetime.fromtimestamp(float(at), tz=UTC) for name, at in heard}


def find_last_beat(redis: Redis) -> datetime | None:
    """Returns when any worker was last heard; None if none was in a month."""
    last = redis.zrange(_KEY, 0, 0, desc=True, withscores=True)
    return datetime.fromtimestamp(float(last[0][1]), tz=UTC) if last else None
