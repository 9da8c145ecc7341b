"""The 256 buckets that Redis's keys stand in: everything of one phone is on one node.

Redis Cluster finds a key's node by what stands in its braces, and a script may touch one node only.
The bucket is a digest by no secret, so that a phone keeps it when SECRET_KEY is replaced.
"""

from __future__ import annotations

from hashlib import blake2b

from app.base.phone import Phone

BUCKETS = tuple(b"{b%d}" % number for number in range(256))
# The hops of a bucket that wait to be counted, and its promises that wait for a worker.
HOPS, LATE = b"hops", b"late"
# As releases before the buckets wrote them; a worker empties these too.
OLD_HOPS, OLD_LATE = b"hops", b"deferred_actions"


def find_bucket(phone: Phone) -> bytes:
    """Returns the bucket of a phone, as its keys begin."""
    return BUCKETS[blake2b(phone.e164.encode(), digest_size=1).digest()[0]]


def list_hop_keys() -> list[bytes]:
    """Returns every list of hops that a worker walks."""
    return [OLD_HOPS, *(bucket + HOPS for bucket in BUCKETS)]


def list_late_keys() -> list[bytes]:
    """Returns every stream of promises that a worker walks."""
    return [OLD_LATE, *(bucket + LATE for bucket in BUCKETS)]
