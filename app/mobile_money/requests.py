"""Stores requests by their correlation id, with their state and answer, and finds them again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from app.agents.clients import Client
from app.base.operation import Operation
from app.base.rows import read_row
from app.mobile_money.models import api_request
from app.mobile_money.objects import JsonObject
from app.payments.errors import KeyReused
from app.services import Services


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request to pay or to reverse; `target` is the reference of a bill or a payment.

    `kind` is `payment` or `reversal`. `method` is the way of its answer: in `step`, by `callback`
    to `callback_url`, or by `polling`.
    """

    client: Client
    kind: str
    path: str
    target: str
    body: object
    correlation_id: str
    method: str
    callback_url: str | None = None


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request as it is stored; `status` and `answer` are None while it is `pending`."""

    client_id: str
    correlation_id: str
    server_id: str
    request_digest: bytes
    kind: str
    target: str
    body: JsonObject
    method: str
    state: str
    status: int | None
    answer: JsonObject | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """An HTTP status and a JSON object; `why` is the reason of a refusal, for the log alone.

    `location` is where the state of a promised answer is told, from the API's base on.
    """

    status: int
    body: JsonObject
    why: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """A stored request's new state, its answer, and the reference of the payment or reversal."""

    state: str
    answer: ApiAnswer
    reference: str | None = None


STORED = (
    api_request.c.client_id,
    api_request.c.correlation_id,
    api_request.c.server_id,
    api_request.c.request_digest,
    api_request.c.kind,
    api_request.c.target,
    api_request.c.body,
    api_request.c.method,
    api_request.c.state,
    api_request.c.status,
    api_request.c.answer,
    api_request.c.reference,
)


def new_uuid(random: Random) -> str:
    """Draws a UUID of version 4."""
    return str(UUID(int=random.getrandbits(128), version=4))


def find_by_server_id(
    connection: Connection, client: Client, server_id: str
) -> StoredRequest | None:
    """Returns a request of this client by our id for it."""
    return _find_request(connection, client, api_request.c.server_id == server_id)


def find_by_correlation_id(
    connection: Connection, client: Client, correlation_id: str
) -> StoredRequest | None:
    """Returns a request of this client by the client's own id."""
    return _find_request(connection, client, api_request.c.correlation_id == correlation_id)


def state_object(request: StoredRequest) -> JsonObject:
    """Makes the object with the state of a request that is answered by callback or polling."""
    values: JsonObject = {
        "serverCorrelationId": request.server_id,
        "status": request.state,
        "notificationMethod": "callback" if request.method == "callback" else "polling",
    }
    if request.reference:
        values["objectReference"] = request.reference
    if request.state == "pending":
        values["pendingReason"] = "waits for its turn"
    return values | ({"error": request.answer} if request.state == "failed" else {})


def state_address(request: StoredRequest) -> str:
    """Returns where the request's state is told, from the API's base on."""
    return f"/requeststates/{request.server_id}"


def _find_request(
    connection: Connection, client: Client, condition: ColumnElement[bool]
) -> StoredRequest | None:
    row = connection.execute(
        select(*STORED).where(api_request.c.client_id == client.id, condition)
    ).one_or_none()
    return read_row(StoredRequest, row) if row else None


def store_request(
    operation: Operation, services: Services, request: ApiRequest
) -> tuple[StoredRequest, bool]:
    """Stores the request unless its correlation id is known. Returns it, and True if it is new.

    Raises: KeyReused if the correlation id is another request's.
    """
    content = json.dumps([request.path, request.body], sort_keys=True)
    digest = sha256(content.encode()).digest()
    statement = insert(api_request).values(
        client_id=request.client.id,
        correlation_id=request.correlation_id,
        server_id=new_uuid(services.random),
        request_digest=digest,
        kind=request.kind,
        target=request.target,
        body=request.body,
        method=request.method,
        callback_url=request.callback_url,
        created_at=operation.now,
    )
    row = operation.connection.execute(
        statement.on_conflict_do_nothing().returning(*STORED)
    ).one_or_none()
    if row is not None:
        return read_row(StoredRequest, row), True
    stored = find_by_correlation_id(operation.connection, request.client, request.correlation_id)
    assert stored is not None  # no request is ever deleted
    if stored.request_digest != digest:
        raise KeyReused()
    return stored, False


def store_outcome(operation: Operation, request: StoredRequest, outcome: RequestOutcome) -> None:
    columns = api_request.c
    operation.connection.execute(
        update(api_request)
        .where(
            columns.client_id == request.client_id,
            columns.correlation_id == request.correlation_id,
        )
        .values(
            state=outcome.state,
            status=outcome.answer.status,
            answer=outcome.answer.body,
            reference=outcome.reference,
            completed_at=operation.now,
            callback_due_at=operation.now if request.method == "callback" else None,
        )
    )
