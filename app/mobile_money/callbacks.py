"""Delivers promised answers: a signed PUT to the address of a request, tried again for hours.

Names are looked up here and the IP address is connected to, so that a name cannot point inwards
between the look and the call. A client that hangs keeps two of our threads at most (`busy`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import Collection, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException
from threading import Timer
from urllib.parse import SplitResult

from pydantic import SecretStr
from sqlalchemy import func, select, tuple_, update

from app.agents.clients import Client, find_client
from app.agents.signing_keys import callback_key, name_signing_key
from app.base.keys import Keys, KeyUnknown
from app.base.operation import Operation
from app.base.special_addresses import is_of_the_internet
from app.mobile_money.callback_addresses import (
    CallbackRules,
    find_fault,
    host_of,
    port_of,
    split_url,
)
from app.mobile_money.models import api_request
from app.mobile_money.objects import write_moment

# 5 s, 10 s, 20 s, ... an hour at most: the tries take some four and a half hours.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)
MOST_ATTEMPTS = 14
AT_ONCE_A_CLIENT = 2
_CONNECT_SECONDS, _QUIET_SECONDS = 3.0, 5.0
# A host of both families, of which this machine may have one.
_MOST_ADDRESSES = 2
# Of a whole call: a server that answers a byte now and then is cut off too.
MOST_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Callback:
    """An answer to be delivered to `url`; `attempt` counts from 1."""

    client: Client
    correlation_id: str
    url: str
    body: bytes
    attempt: int


@dataclass(frozen=True, slots=True)
class _SignedPut:
    """A signed request, ready to be sent."""

    parts: SplitResult
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str:
        query = f"?{self.parts.query}" if self.parts.query else ""
        return (self.parts.path or "/") + query


def claim_callbacks(operation: Operation, most: int, busy: Collection[str]) -> list[Callback]:
    """Claims callbacks that are due, a few of each client and none of a `busy` client.

    A claimed callback is due again later, unless `mark_delivered` ends it.
    """
    connection, now = operation.connection, operation.now
    columns = api_request.c
    turn = func.row_number().over(partition_by=columns.client_id, order_by=columns.callback_due_at)
    due = (
        select(columns.client_id, columns.correlation_id, turn.label("turn"))
        .where(columns.callback_due_at <= now, columns.client_id.not_in(list(busy)))
        .subquery()
    )
    first = select(due.c.client_id, due.c.correlation_id).where(due.c.turn <= AT_ONCE_A_CLIENT)
    locked = (
        select(columns.client_id, columns.correlation_id, columns.callback_attempts)
        .where(
            tuple_(columns.client_id, columns.correlation_id).in_(first),
            columns.callback_due_at <= now,
        )
        .order_by(columns.callback_due_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return [
        _claim_callback(operation, row.client_id, row.correlation_id, row.callback_attempts)
        for row in connection.execute(locked).all()
    ]


def _claim_callback(
    operation: Operation, client_id: str, correlation_id: str, attempts: int
) -> Callback:
    """Counts one attempt more than `attempts`, and sets the moment the next is due."""
    columns, attempt = api_request.c, attempts + 1
    wait = min(_FIRST_WAIT * 2**attempts, _LONGEST_WAIT)
    claimed = operation.connection.execute(
        update(api_request)
        .where(columns.client_id == client_id, columns.correlation_id == correlation_id)
        .values(
            callback_attempts=attempt,
            callback_due_at=operation.now + wait if attempt < MOST_ATTEMPTS else None,
        )
        .returning(columns.callback_url, columns.answer)
    ).one()
    client = find_client(operation.connection, client_id)
    assert client is not None
    body = json.dumps(claimed.answer).encode()
    return Callback(client, str(correlation_id), claimed.callback_url, body, attempt)


def mark_delivered(operation: Operation, callback: Callback) -> None:
    """Ends the attempts of a callback that arrived."""
    columns = api_request.c
    operation.connection.execute(
        update(api_request)
        .where(
            columns.client_id == callback.client.id,
            columns.correlation_id == callback.correlation_id,
        )
        .values(callback_due_at=None)
    )


def deliver(
    callback: Callback,
    keys: Keys,
    rules: CallbackRules,
    now: datetime,
    seconds: float = MOST_SECONDS,
) -> str:
    """Returns `delivered`, or why it was not. Needs no database; follows no redirection.

    The client's hosts may be others than when it asked, so the address is judged again.
    """
    if fault := find_fault(callback.url, callback.client.callback_hosts, rules):
        return fault
    parts = split_url(callback.url)
    assert parts is not None
    try:
        answers = socket.getaddrinfo(host_of(parts), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return "unknown host"
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    if not rules.private and not all(map(is_of_the_internet, addresses)):
        return "a private address"
    try:
        key = callback_key(keys, callback.client, now)
    except KeyUnknown:
        # It waits: signed with another key, it would be taken for somebody else's.
        return "signing key unknown"
    try:
        status = _send_put(_sign_put(parts, callback, key, now), addresses, seconds)
    except (HTTPException, OSError) as error:
        return type(error).__name__
    return "delivered" if 200 <= status < 300 else f"status {status}"


def signature(key: SecretStr, date: str, correlation_id: str, body: bytes) -> str:
    """Computes HMAC-SHA256 in hexadecimal, over date, correlation id and body, a line each."""
    content = f"{date}\n{correlation_id}\n".encode() + body
    return hmac.new(key.get_secret_value().encode(), content, hashlib.sha256).hexdigest()


def _sign_put(parts: SplitResult, callback: Callback, key: SecretStr, now: datetime) -> _SignedPut:
    date = write_moment(now)
    headers = {
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "X-Date": date,
        "X-Client-Id": callback.client.id,
        "X-CorrelationID": callback.correlation_id,
        "X-Content-Hash": hashlib.sha256(callback.body).hexdigest(),
        "X-Key-Id": name_signing_key(key),
        "X-Signature": signature(key, date, callback.correlation_id, callback.body),
    }
    return _SignedPut(parts, headers, callback.body)


def connect_first(addresses: Sequence[str], port: int) -> socket.socket:
    """Connects to the first of these IP addresses that answers, in the resolver's order.

    Raises: OSError of the last one tried.
    """
    *others, last = addresses[:_MOST_ADDRESSES]
    for address in others:
        with suppress(OSError):
            return socket.create_connection((address, port), _CONNECT_SECONDS)
    return socket.create_connection((last, port), _CONNECT_SECONDS)


def _send_put(put: _SignedPut, addresses: Sequence[str], seconds: float) -> int:
    """Sends the request. Returns the status, within `seconds` of being connected."""
    connected = connect_first(addresses, port_of(put.parts))
    # The timer cuts the connection by a second handle, because TLS may wrap the first.
    with connected.dup() as handle:
        cut = Timer(seconds, handle.shutdown, (socket.SHUT_RDWR,))
        cut.start()
        try:
            return _request_over(put, connected)
        finally:
            cut.cancel()
            cut.join()
            connected.close()


def _request_over(put: _SignedPut, connected: socket.socket) -> int:
    """Sends the request over an open connection. Returns the status of the answer."""
    host = host_of(put.parts)
    connected.settimeout(_QUIET_SECONDS)
    with closing(HTTPConnection(host)) as connection:
        connection.sock = (
            ssl.create_default_context().wrap_socket(connected, server_hostname=host)
            if put.parts.scheme == "https"
            else connected
        )
        connection.request("PUT", put.target, put.body, put.headers)
        return connection.getresponse().status
