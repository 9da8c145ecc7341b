"""The keys that sign our callbacks to a network's system: drawn and shown once, stored sealed.

Another SECRET_KEY changes none of them. While a client's API key of before still works, its signing
key of before still signs; the id in `X-Key-Id` says which of two a receiver needs.
"""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Protocol

from pydantic import SecretStr
from sqlalchemy import select, update

from app.agents.models import api_client
from app.base.keys import Keys, KeyUnknown, Purpose, key_id
from app.base.operation import Operation

_BITS = 256


class _Client(Protocol):
    """A client as far as its sealed keys go, and until when the older one signs."""

    @property
    def id(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def signing_key(self) -> str | None: ...
    @property
    def old_signing_key(self) -> str | None: ...
    @property
    def old_key_until(self) -> datetime | None: ...


def draw_signing_key(random: Random, keys: Keys) -> str:
    """Draws a key and returns it as it is stored."""
    return keys.seal(Purpose.CALLBACK, f"{random.getrandbits(_BITS):064x}")


def callback_key(keys: Keys, client: _Client, now: datetime | None = None) -> SecretStr:
    """Returns the key that signs our callbacks to a client at `now`; without it, the newest one.

    Raises: KeyUnknown.
    """
    old, until = client.old_signing_key, client.old_key_until
    if now and old and until and now < until:
        return SecretStr(keys.open(Purpose.CALLBACK, old))
    return SecretStr(keys.open(Purpose.CALLBACK, seal_newest(keys, client)))


def seal_newest(keys: Keys, client: _Client) -> str:
    """Returns the newest signing key as it is stored.

    That of a client of before this was stored is derived from the secret of then, which is the
    oldest that is known.
    """
    if client.signing_key:
        return client.signing_key
    derived = keys.derive_from_oldest(f"callback:{client.id}:{client.generation}")
    return keys.seal(Purpose.CALLBACK, derived.hex())


def store_signing_keys_again(operation: Operation, keys: Keys) -> int:
    """Stores the signing keys of all clients under today's key. Returns of how many clients."""
    columns, stored = api_client.c, 0
    for row in operation.connection.execute(select(api_client).with_for_update()).all():
        before = row.signing_key, row.old_signing_key
        after = _seal_again(keys, seal_newest(keys, row)), _seal_again(keys, row.old_signing_key)
        if after != before:
            values = dict(zip(("signing_key", "old_signing_key"), after, strict=True))
            own = update(api_client).where(columns.id == row.id)
            stored += operation.connection.execute(own.values(values)).rowcount
    return stored


def _seal_again(keys: Keys, sealed: str | None) -> str | None:
    """Returns a sealed key under today's key; one that cannot be opened stays as it is."""
    if sealed is None or sealed.startswith(keys.ids[0]):
        return sealed
    try:
        return keys.seal_again(Purpose.CALLBACK, sealed)
    except (KeyUnknown, ValueError):
        return sealed


def name_signing_key(key: SecretStr) -> str:
    """Returns the id of a signing key, as `X-Key-Id` tells it."""
    return key_id(key.get_secret_value().encode())
