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

    Raises: KeyUnknown; also for one that names no secret while several are known, because another
    secret gives another key, and no receiver would believe it.
    """
    old, until = client.old_signing_key, client.old_key_until
    if now and old and until and now < until:
        return SecretStr(keys.open(Purpose.CALLBACK, old))
    return SecretStr(keys.open(Purpose.CALLBACK, seal_newest(keys, client)))


def seal_newest(keys: Keys, client: _Client, unnamed_by: str | None = None) -> str:
    """Returns the newest signing key as it is stored.

    That of a client of before this was stored is derived from the secret of then, whose id is
    `unnamed_by`. Raises: KeyUnknown if that is left out and several are known.
    """
    if client.signing_key:
        return client.signing_key
    derived = keys.derive_unnamed(f"callback:{client.id}:{client.generation}", unnamed_by)
    return keys.seal(Purpose.CALLBACK, derived.hex())


def store_signing_keys_again(
    operation: Operation, keys: Keys, unnamed_by: str | None = None
) -> int:
    """Stores the signing keys of all clients under today's key. Returns of how many clients.

    `unnamed_by` is the id of the secret of those that name none. Raises: KeyUnknown if it is left
    out and several are known.
    """
    columns, stored = api_client.c, 0
    every = select(api_client).order_by(columns.id).with_for_update()
    for row in operation.connection.execute(every).all():
        before = row.signing_key, row.old_signing_key
        # One that was shut out is called back no more.
        newest = row.signing_key if row.revoked_at else seal_newest(keys, row, unnamed_by)
        after = _seal_again(keys, newest), _seal_again(keys, row.old_signing_key)
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
