"""What waits in Redis for a worker: hops to be counted, actions to be done late."""

from __future__ import annotations

from app.base.buckets import HOPS, LATE, find_bucket, list_hop_keys, list_late_keys
from app.base.phone import Phone
from app.runtime import Runtime


def hops_key(number: str) -> bytes:
    """The list in which a phone's hops wait."""
    return find_bucket(Phone(number)) + HOPS


def list_waiting_hops(runtime: Runtime) -> list[bytes]:
    return [hop for name in list_hop_keys() for hop in runtime.redis.lrange(name, 0, -1)]


def add_action(runtime: Runtime, value: bytes, *, field: str = "action") -> None:
    """Puts a value into a stream of actions, whoever made it."""
    runtime.redis.xadd(find_bucket(Phone("+212600000001")) + LATE, {field: value})


def count_waiting_actions(runtime: Runtime) -> int:
    return sum(runtime.redis.xlen(name) for name in list_late_keys())
