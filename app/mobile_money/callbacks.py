"""Delivers promised answers: a signed PUT to the address a request named, tried again for hours.

Addresses are looked up here and connected to as found, so that a name cannot point inwards between
the look and the call. A caller that hangs keeps two of our threads at most (`busy`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import ssl
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address, ip_network
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr
from sqlalchemy import Connection, func, select, tuple_, update

from app.agents.clients import Client, callback_key, find_client
from app.mobile_money.models import api_request
from app.mobile_money.objects import refuse, write_moment

# 5 s, 10 s, 20 s, ... an hour at most: eleven tries are some five hours.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)
MOST_ATTEMPTS = 14
AT_ONCE_A_CLIENT = 2
_CONNECT_SECONDS, _QUIET_SECONDS = 3.0, 5.0
# Of a whole call: who answers a byte now and then is cut off too.
MOST_SECONDS = 8.0
# Addresses that carry another one inside, which a translator on the way would go to.
_CARRIERS = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "::/96")))


@dataclass(frozen=True, slots=True)
class Callback:
    """An answer on its way."""

    client: Client
    correlation_id: str
    url: str
    body: bytes
    attempt: int


def check_address(url: str, *, private: bool) -> str:
    """An address we may call; refused before anything is promised. `private` allows our own."""
    parts = _split(url)
    schemes = ("https", "http") if private else ("https",)
    if parts is None or parts.scheme not in schemes or len(url) > 1024:
        raise refuse("X-Callback-URL", f"not an address with {' or '.join(schemes)}")
    if not private and _is_literal(parts) and not _is_public(str(parts.hostname)):
        raise refuse("X-Callback-URL", "a private address")
    return url


def claim_callbacks(
    connection: Connection, now: datetime, most: int, busy: Collection[str]
) -> list[Callback]:
    """Callbacks that are due, a few of each client; none of a client that keeps us waiting.

    Each is due again later whatever becomes of it, until `mark_delivered` says that it arrived.
    """
    row = api_request.c
    turn = func.row_number().over(partition_by=row.client_id, order_by=row.callback_due_at)
    due = (
        select(row.client_id, row.correlation_id, turn.label("turn"))
        .where(row.callback_due_at <= now, row.client_id.not_in(list(busy)))
        .subquery()
    )
    first = select(due.c.client_id, due.c.correlation_id).where(due.c.turn <= AT_ONCE_A_CLIENT)
    locked = (
        select(row.client_id, row.correlation_id, row.callback_attempts)
        .where(tuple_(row.client_id, row.correlation_id).in_(first), row.callback_due_at <= now)
        .order_by(row.callback_due_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    claimed = []
    for client_id, correlation_id, attempts in connection.execute(locked).all():
        attempt = attempts + 1
        wait = min(_FIRST_WAIT * 2**attempts, _LONGEST_WAIT)
        taken = connection.execute(
            update(api_request)
            .where(row.client_id == client_id, row.correlation_id == correlation_id)
            .values(
                callback_attempts=attempt,
                callback_due_at=now + wait if attempt < MOST_ATTEMPTS else None,
            )
            .returning(row.callback_url, row.answer)
        ).one()
        client = find_client(connection, client_id)
        assert client is not None
        body = json.dumps(taken.answer).encode()
        claimed.append(Callback(client, str(correlation_id), taken.callback_url, body, attempt))
    return claimed


def mark_delivered(connection: Connection, callback: Callback) -> None:
    row = api_request.c
    connection.execute(
        update(api_request)
        .where(row.client_id == callback.client.id, row.correlation_id == callback.correlation_id)
        .values(callback_due_at=None)
    )


def deliver(
    callback: Callback,
    secret: bytes,
    *,
    private: bool,
    now: datetime,
    seconds: float = MOST_SECONDS,
) -> str:
    """`delivered`, or why not. Holds no database connection; follows no redirection."""
    parts = _split(callback.url)
    if parts is None:
        return "no address"
    host = str(parts.hostname)
    try:
        addresses = {
            str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        }
    except OSError:
        return "unknown host"
    if not private and not all(map(_is_public, addresses)):
        return "a private address"
    try:
        status = _put(parts, sorted(addresses)[0], callback, secret, now, seconds)
    except (HTTPException, OSError) as error:
        return type(error).__name__
    return "delivered" if 200 <= status < 300 else f"status {status}"


def signature(key: SecretStr, date: str, correlation_id: str, body: bytes) -> str:
    """HMAC-SHA256 in hexadecimal, over date, correlation id and body, a line each."""
    told = f"{date}\n{correlation_id}\n".encode() + body
    return hmac.new(key.get_secret_value().encode(), told, hashlib.sha256).hexdigest()


def _put(
    parts: SplitResult,
    address: str,
    callback: Callback,
    secret: bytes,
    now: datetime,
    seconds: float,
) -> int:
    headers = _headers(parts, callback, secret, write_moment(now))
    target = parts.path or "/"
    target += f"?{parts.query}" if parts.query else ""
    reached = socket.create_connection((address, _port(parts)), _CONNECT_SECONDS)
    # Another handle of the same connection, whoever else wraps it.
    with reached.dup() as handle:
        cut = Timer(seconds, handle.shutdown, (socket.SHUT_RDWR,))
        cut.start()
        try:
            return _asked(parts, reached, target, callback.body, headers)
        finally:
            cut.cancel()
            cut.join()
            reached.close()


def _headers(parts: SplitResult, callback: Callback, secret: bytes, date: str) -> dict[str, str]:
    key = callback_key(secret, callback.client)
    return {
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "X-Date": date,
        "X-Client-Id": callback.client.id,
        "X-CorrelationID": callback.correlation_id,
        "X-Content-Hash": hashlib.sha256(callback.body).hexdigest(),
        "X-Signature": signature(key, date, callback.correlation_id, callback.body),
    }


def _asked(
    parts: SplitResult, reached: socket.socket, target: str, body: bytes, headers: dict[str, str]
) -> int:
    """The status that is answered over a connection that stands."""
    host = str(parts.hostname)
    reached.settimeout(_QUIET_SECONDS)
    with closing(HTTPConnection(host)) as connection:
        connection.sock = (
            ssl.create_default_context().wrap_socket(reached, server_hostname=host)
            if parts.scheme == "https"
            else reached
        )
        connection.request("PUT", target, body, headers)
        return connection.getresponse().status


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.port != 0 and re.fullmatch(r"[!-~]+", url)
    except ValueError:
        return None
    return parts if usable and "@" not in parts.netloc else None


def _is_literal(parts: SplitResult) -> bool:
    try:
        ip_address(str(parts.hostname))
    except ValueError:
        return parts.hostname == "localhost"
    return True


def _is_public(address: str) -> bool:
    """Neither ours, nor everybody's (multicast), nor one that carries another."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    carries = any(found in network for network in _CARRIERS if network.version == found.version)
    return found.is_global and not found.is_multicast and not carries
