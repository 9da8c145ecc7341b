"""Agent networks' systems: made, given new keys, let in, shut out.

A key is shown once and stored as its SHA-256: it is 256 random bits, so there is nothing to guess.
The key that signs our callbacks is derived from the installation's secret, and stored nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from app.agents.errors import ClientRefused
from app.agents.models import agency, agent_network, api_client
from app.base.errors import InvalidInput
from app.base.money import Money

# Development's own; production lets it in nowhere (contract section 4).
DEMO_CLIENT, DEMO_KEY = "demo-wafacash", SecretStr("demo-key")
_KEY_BITS = 256
_NO_DIGEST = bytes(32)


@dataclass(frozen=True, slots=True)
class Client:
    """A network's system that was let in; `agencies` is None where it speaks for all."""

    id: str
    network: str
    generation: int
    requests_a_minute: int
    day_limit: Money | None
    agencies: frozenset[str] | None
    polling: bool
    other_amounts: bool


_ROW = (
    api_client.c.id,
    api_client.c.network,
    api_client.c.generation,
    api_client.c.requests_a_minute,
    api_client.c.day_limit_centimes,
    api_client.c.agencies,
    api_client.c.polling,
    agent_network.c.other_amounts,
)
_CLIENTS = select(
    *_ROW,
    api_client.c.key_digest,
    api_client.c.old_key_digest,
    api_client.c.old_key_until,
    api_client.c.addresses,
    api_client.c.revoked_at,
).join(agent_network, agent_network.c.code == api_client.c.network)
_FIND = _CLIENTS.where(api_client.c.id == bindparam("id"))


def let_in(
    connection: Connection, identity: str, key: SecretStr, address: str, now: datetime
) -> Client:
    """The client that calls. ClientRefused says why to the log (`why`), never to the caller."""
    row = connection.execute(_FIND, {"id": identity}).one_or_none()
    given = hashlib.sha256(key.get_secret_value().encode()).digest()
    # Compared even where there is nobody, so that the time tells nothing.
    fits = hmac.compare_digest(given, row.key_digest if row else _NO_DIGEST)
    if row is None:
        raise ClientRefused(why="unknown client")
    if not fits:
        old = hmac.compare_digest(given, row.old_key_digest or _NO_DIGEST)
        if not old or row.old_key_until <= now:
            raise ClientRefused(why="old key" if old else "wrong key")
    if row.revoked_at is not None:
        raise ClientRefused(why="revoked key")
    if row.addresses and not _is_in(address, row.addresses):
        raise ClientRefused(why="other address")
    return _client(row[: len(_ROW)])


def find_client(connection: Connection, identity: str) -> Client | None:
    """A client by its id, whether or not it may still call."""
    row = connection.execute(_FIND, {"id": identity}).one_or_none()
    return _client(row[: len(_ROW)]) if row else None


def list_clients(connection: Connection) -> list[tuple[Client, datetime | None]]:
    """Every client and when it was shut out, by id."""
    rows = connection.execute(_CLIENTS.order_by(api_client.c.id))
    return [(_client(row[: len(_ROW)]), row.revoked_at) for row in rows]


def draw_key(random: Random) -> SecretStr:
    """A new key, 64 hexadecimal digits."""
    return SecretStr(f"{random.getrandbits(_KEY_BITS):064x}")


def add_client(
    connection: Connection,
    identity: str,
    network: str,
    key: SecretStr,
    *,
    requests_a_minute: int = 600,
    day_limit: Money | None = None,
    agencies: Sequence[str] | None = None,
    addresses: Sequence[str] | None = None,
    polling: bool = False,
    now: datetime,
) -> bool:
    """Whether it is new; a client of that id stays as it is. InvalidInput names the field."""
    _refuse_unknown(connection, network, agencies)
    statement = insert(api_client).values(
        id=identity,
        network=network,
        key_digest=_digest(key),
        requests_a_minute=requests_a_minute,
        day_limit_centimes=day_limit.centimes if day_limit else None,
        agencies=list(agencies) if agencies else None,
        addresses=[_network(one) for one in addresses] if addresses else None,
        polling=polling,
        created_at=now,
    )
    new = statement.on_conflict_do_nothing(index_elements=["id"]).returning(api_client.c.id)
    return connection.execute(new).scalar() is not None


def rotate_key(
    connection: Connection, identity: str, key: SecretStr, keep_old: timedelta, now: datetime
) -> bool:
    """Gives the client another key; the one before stays good for `keep_old`. False: no client."""
    row = api_client.c
    changed = connection.execute(
        update(api_client)
        .where(row.id == identity, row.revoked_at.is_(None))
        .values(
            old_key_digest=row.key_digest if keep_old else None,
            old_key_until=now + keep_old if keep_old else None,
            key_digest=_digest(key),
            generation=row.generation + 1,
        )
    )
    return bool(changed.rowcount)


def revoke_client(connection: Connection, identity: str, now: datetime) -> bool:
    """Shuts it out at once and for good. False: there is none to shut out."""
    row = api_client.c
    changed = connection.execute(
        update(api_client)
        .where(row.id == identity, row.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return bool(changed.rowcount)


def callback_key(secret: bytes, client: Client) -> SecretStr:
    """What signs our callbacks to this client; shown when its key is, and derived when needed."""
    told = f"callback:{client.id}:{client.generation}".encode()
    return SecretStr(hmac.new(secret, told, hashlib.sha256).hexdigest())


def let_network_send_other_amounts(connection: Connection, network: str, allowed: bool) -> bool:
    """Whether a network may send more or less than a code's amount. False: no such network."""
    changed = connection.execute(
        update(agent_network).where(agent_network.c.code == network).values(other_amounts=allowed)
    )
    return bool(changed.rowcount)


def _refuse_unknown(connection: Connection, network: str, agencies: Sequence[str] | None) -> None:
    code = agent_network.c.code
    if connection.execute(select(code).where(code == network)).scalar() is None:
        raise InvalidInput(what="network", why=f"no network {network}")
    known = select(agency.c.code).where(
        agency.c.network == network, agency.c.code.in_(agencies or ())
    )
    if strange := set(agencies or ()) - set(connection.execute(known).scalars()):
        raise InvalidInput(what="agency", why=f"none of {network}: {', '.join(sorted(strange))}")


def _client(row: Sequence[Any]) -> Client:
    identity, network, generation, rate, day_limit, agencies, polling, other_amounts = row
    return Client(
        identity,
        network,
        generation,
        rate,
        Money(day_limit) if day_limit is not None else None,
        frozenset(agencies) if agencies else None,
        polling,
        other_amounts,
    )


def _digest(key: SecretStr) -> bytes:
    return hashlib.sha256(key.get_secret_value().encode()).digest()


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise InvalidInput(what="address", why=f"{text} is no address and no CIDR block") from None


def _is_in(address: str, networks: Sequence[str]) -> bool:
    try:
        caller = ip_address(address)
    except ValueError:
        return False
    return any(caller in ip_network(network) for network in networks)
