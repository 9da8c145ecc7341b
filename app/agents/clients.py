"""API clients: the systems of agent networks that call the payments API, and their keys.

A key is shown once and stored as its SHA-256: it is 256 random bits, so there is nothing to guess.
signing_keys has the keys that sign our callbacks.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from random import Random

from pydantic import SecretStr
from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from app.agents.callback_hosts import read_host
from app.agents.errors import ClientRefused
from app.agents.models import agency, agent_network, api_client
from app.agents.networks import get_network
from app.agents.signing_keys import seal_newest
from app.audit.service import record_audit
from app.base.errors import InvalidInput
from app.base.keys import Keys
from app.base.money import Money, read_stored_amount
from app.base.operation import Operation

# For development only: production refuses it (docs/contract.md, Payments API).
DEMO_CLIENT, DEMO_KEY = "demo-wafacash", SecretStr("demo-key")
# The allowance of a client that is given no other (docs/contract.md, Payments API).
BILLS_A_DAY = 2000
_KEY_BITS = 256
_NO_DIGEST = bytes(32)


@dataclass(frozen=True, slots=True)
class Client:
    """A network's system that may call. `agencies` is None where it speaks for all of them.

    `bills_a_day` is the most bills of a day that its look-ups make and that were not paid.
    `signing_key` and `old_signing_key` are sealed (signing_keys).
    """

    id: str
    network: str
    network_name: str
    generation: int
    requests_a_minute: int
    day_limit: Money | None
    agencies: frozenset[str] | None
    polling: bool
    other_amounts: bool
    bills_a_day: int
    callback_hosts: frozenset[str]
    signing_key: str | None = None
    old_signing_key: str | None = None
    old_key_until: datetime | None = None

    def speaks_for(self, agency: str | None) -> bool:
        """True if the client may see and undo what this agency took; None is no known agency."""
        return self.agencies is None or agency in self.agencies


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client to be added. `day_limit`, `agencies` and `addresses` are None for no limit.

    `addresses` are IP addresses or CIDR blocks. `polling`: its payments are polled by default.
    `bills_a_day` is the most unpaid bills of a day that its look-ups make. `callback_hosts` are the
    hosts at which it may be called back. `signing_key` is sealed; without one it is derived as of
    before there were such.
    """

    id: str
    network: str
    key: SecretStr
    requests_a_minute: int = 600
    day_limit: Money | None = None
    agencies: Sequence[str] | None = None
    addresses: Sequence[str] | None = None
    polling: bool = False
    bills_a_day: int = BILLS_A_DAY
    callback_hosts: Sequence[str] = ()
    signing_key: str | None = None


_CLIENTS = select(
    api_client.c.id,
    api_client.c.network,
    agent_network.c.shown_name.label("network_name"),
    api_client.c.generation,
    api_client.c.requests_a_minute,
    api_client.c.day_limit_centimes,
    api_client.c.agencies,
    api_client.c.polling,
    agent_network.c.other_amounts,
    api_client.c.bills_a_day,
    api_client.c.callback_hosts,
    api_client.c.key_digest,
    api_client.c.old_key_digest,
    api_client.c.old_key_until,
    api_client.c.addresses,
    api_client.c.revoked_at,
    api_client.c.signing_key,
    api_client.c.old_signing_key,
).join(agent_network, agent_network.c.code == api_client.c.network)
_FIND = _CLIENTS.where(api_client.c.id == bindparam("id"))


def authenticate_client(
    connection: Connection, identity: str, key: SecretStr, address: str, now: datetime
) -> Client:
    """Returns the client that calls with this id and key from this IP address.

    Raises: ClientRefused; its `why` goes to the log, never to the caller.
    """
    row = connection.execute(_FIND, {"id": identity}).one_or_none()
    digest = _digest(key)
    # Compared for an unknown id too, so that the time taken says nothing.
    fits = hmac.compare_digest(digest, row.key_digest if row else _NO_DIGEST)
    if row is None:
        raise ClientRefused(why="unknown client")
    if not fits:
        old = hmac.compare_digest(digest, row.old_key_digest or _NO_DIGEST)
        if not old or row.old_key_until <= now:
            raise ClientRefused(why="old key" if old else "wrong key")
    if row.revoked_at is not None:
        raise ClientRefused(why="revoked key")
    if row.addresses and not _is_within(address, row.addresses):
        raise ClientRefused(why="other address")
    return _read_client(row)


def find_client(connection: Connection, identity: str) -> Client | None:
    """Returns a client by its id, revoked or not."""
    row = connection.execute(_FIND, {"id": identity}).one_or_none()
    return _read_client(row) if row else None


def list_clients(connection: Connection) -> list[tuple[Client, datetime | None]]:
    """Returns every client by id, with the moment it was revoked."""
    rows = connection.execute(_CLIENTS.order_by(api_client.c.id))
    return [(_read_client(row), row.revoked_at) for row in rows]


def draw_key(random: Random) -> SecretStr:
    """Draws a new key: 64 hexadecimal digits."""
    return SecretStr(f"{random.getrandbits(_KEY_BITS):064x}")


def add_client(operation: Operation, client: NewClient) -> bool:
    """Adds the client. Returns False if its id is known: that client stays as it is.

    Raises: InvalidInput, which names the field.
    """
    _check_network(operation.connection, client)
    addresses = client.addresses
    statement = insert(api_client).values(
        id=client.id,
        network=client.network,
        key_digest=_digest(client.key),
        requests_a_minute=client.requests_a_minute,
        day_limit_centimes=client.day_limit.centimes if client.day_limit else None,
        agencies=list(client.agencies) if client.agencies else None,
        addresses=[_read_network(address) for address in addresses] if addresses else None,
        polling=client.polling,
        bills_a_day=client.bills_a_day,
        callback_hosts=[read_host(host) for host in client.callback_hosts],
        signing_key=client.signing_key,
        created_at=operation.now,
    )
    added = statement.on_conflict_do_nothing(index_elements=["id"]).returning(api_client.c.id)
    if operation.connection.execute(added).scalar() is None:
        return False
    record_audit(operation, "client_added", f"client:{client.id}", **_describe(client))
    return True


def _describe(client: NewClient) -> dict[str, object]:
    """Returns what an audit row says of a client; never the key."""
    return {
        "network": client.network,
        "requests_a_minute": client.requests_a_minute,
        "day_limit": str(client.day_limit) if client.day_limit else None,
        "agencies": list(client.agencies or ()),
        "addresses": list(client.addresses or ()),
        "polling": client.polling,
        "bills_a_day": client.bills_a_day,
        "callback_hosts": [read_host(host) for host in client.callback_hosts],
    }


@dataclass(frozen=True, slots=True)
class NewKeys:
    """A client's new keys: the one it calls with, and the sealed one that signs what it gets."""

    key: SecretStr
    signing_key: str


def rotate_key(
    operation: Operation, identity: str, new: NewKeys, keep_old: timedelta, keys: Keys
) -> bool:
    """Gives the client other keys; the keys before work for `keep_old` longer.

    Returns False if no client of that id may call.
    """
    columns = api_client.c
    before = find_client(operation.connection, identity)
    if before is None:
        return False
    rotated = operation.connection.execute(
        update(api_client)
        .where(columns.id == identity, columns.revoked_at.is_(None))
        .values(
            old_key_digest=columns.key_digest if keep_old else None,
            old_key_until=operation.now + keep_old if keep_old else None,
            key_digest=_digest(new.key),
            signing_key=new.signing_key,
            old_signing_key=seal_newest(keys, before) if keep_old else None,
            generation=columns.generation + 1,
        )
    )
    if not rotated.rowcount:
        return False
    hours = int(keep_old.total_seconds() // 3600)
    record_audit(operation, "client_key_changed", f"client:{identity}", old_key_hours=hours)
    return True


def revoke_client(operation: Operation, identity: str) -> bool:
    """Revokes the client at once and for good. Returns False if no such client may call."""
    columns = api_client.c
    revoked = operation.connection.execute(
        update(api_client)
        .where(columns.id == identity, columns.revoked_at.is_(None))
        .values(revoked_at=operation.now)
    )
    if not revoked.rowcount:
        return False
    record_audit(operation, "client_revoked", f"client:{identity}")
    return True


def change_bills_a_day(operation: Operation, identity: str, bills: int) -> bool:
    """Sets how many unpaid bills the client's look-ups may make in a day; holds from the next.

    Returns False if no such client may call.
    """
    columns = api_client.c
    before = operation.connection.execute(
        select(columns.bills_a_day)
        .where(columns.id == identity, columns.revoked_at.is_(None))
        .with_for_update(key_share=True)
    ).scalar()
    if before is None:
        return False
    operation.connection.execute(
        update(api_client).where(columns.id == identity).values(bills_a_day=bills)
    )
    amounts = {"bills_a_day": bills, "before": before}
    record_audit(operation, "client_allowance_set", f"client:{identity}", **amounts)
    return True


def allow_other_amounts(operation: Operation, network: str, allowed: bool) -> bool:
    """Sets if a network may send more or less than a code's amount.

    Returns False if there is no such network.
    """
    changed = operation.connection.execute(
        update(agent_network).where(agent_network.c.code == network).values(other_amounts=allowed)
    )
    if not changed.rowcount:
        return False
    record_audit(operation, "other_amounts_set", f"network:{network}", allowed=allowed)
    return True


def _check_network(connection: Connection, client: NewClient) -> None:
    """Raises: InvalidInput for a network that is none, or agencies that are not the network's."""
    network, agencies = client.network, client.agencies or ()
    get_network(connection, network)
    known = select(agency.c.code).where(agency.c.network == network, agency.c.code.in_(agencies))
    if strange := set(agencies) - set(connection.execute(known).scalars()):
        raise InvalidInput(what="agency", why=f"none of {network}: {', '.join(sorted(strange))}")


def _read_client(row: Row[*tuple[object, ...]]) -> Client:
    return Client(
        id=row.id,
        network=row.network,
        network_name=row.network_name,
        generation=row.generation,
        requests_a_minute=row.requests_a_minute,
        day_limit=read_stored_amount(row.day_limit_centimes),
        agencies=frozenset(row.agencies) if row.agencies else None,
        polling=row.polling,
        other_amounts=row.other_amounts,
        bills_a_day=row.bills_a_day,
        callback_hosts=frozenset(row.callback_hosts),
        signing_key=row.signing_key,
        old_signing_key=row.old_signing_key,
        old_key_until=row.old_key_until,
    )


def _digest(key: SecretStr) -> bytes:
    return hashlib.sha256(key.get_secret_value().encode()).digest()


def _read_network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise InvalidInput(what="address", why=f"{text} is no address and no CIDR block") from None


def _is_within(address: str, networks: Sequence[str]) -> bool:
    try:
        caller = ip_address(address)
    except ValueError:
        return False
    return any(caller in ip_network(network) for network in networks)
