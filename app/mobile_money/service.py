"""Answers a request once: the same correlation id gives the same answer, whatever was cut or raced.

Works in the caller's transaction and commits nothing itself. A refusal is an answer too, and is
stored; an answer that the database was away is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from random import Random
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Connection, Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from app.agents.clients import Client, find_client
from app.agents.queries import find_agent_of
from app.base.database import AWAY
from app.base.errors import MaalemError, Unavailable
from app.base.money import Money
from app.base.operation import Operation
from app.base.rows import read_row
from app.mobile_money.errors import Refused, refusal_of
from app.mobile_money.models import api_request
from app.mobile_money.objects import (
    BillPayment,
    JsonObject,
    error_object,
    payment_object,
    read_payment,
    read_reversal,
    reversal_object,
)
from app.payments.collector import Collector
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.errors import KeyReused, ReceiptUnknown
from app.payments.models import deposit, payment_code
from app.payments.reversals import ReversalRequest, reverse_deposit
from app.payments.rules import read_code
from app.services import Services

_log = structlog.get_logger("api")
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request as it came: its `path`, and its `target`, a bill's or a payment's reference.

    `kind` is `payment` or `reversal`. `method` is how it wants its answer: in `step`, by `callback`
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
    """An HTTP status and a JSON object; `why` it is a refusal is for the log alone."""

    status: int
    body: JsonObject
    why: str | None = None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A stored request's new state, its answer, and the reference of what was made."""

    state: str
    answer: ApiAnswer
    reference: str | None = None


_STORED = (
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


def answer_request(operation: Operation, services: Services, request: ApiRequest) -> ApiAnswer:
    """Answers a request: as it was answered before, now, or with a promise.

    Of two at the same moment one waits here for the other, and gets its answer.
    Raises: KeyReused.
    """
    stored, new = _store_request(operation, services, request)
    if new and request.method == "step":
        return carry_out(operation, services, stored)
    if stored.method == "step" and stored.status is not None and stored.answer is not None:
        return ApiAnswer(stored.status, stored.answer)
    return ApiAnswer(202, state_object(stored))


def carry_out(operation: Operation, services: Services, request: StoredRequest) -> ApiAnswer:
    """Does what a stored request asks for and stores the answer; a callback is due at once.

    Raises: Unavailable; nothing is stored then.
    """
    try:
        with operation.connection.begin_nested():
            client = find_client(operation.connection, request.client_id)
            assert client is not None  # its row is referenced
            carry = _pay if request.kind == "payment" else _reverse
            by_client = replace(operation, actor=f"client:{client.id}")
            outcome = carry(by_client, services, client, request)
    except Unavailable:
        raise
    except MaalemError as error:
        refused = refusal_of(error)
        why = str(error.params.get("why") or error.code)
        answer = ApiAnswer(refused.status, error_object(refused, operation.now), why)
        outcome = _Outcome("failed", answer)
    _store_outcome(operation, request, outcome)
    return outcome.answer


def answer_waiting(operation: Operation, services: Services) -> bool:
    """Answers the oldest request that waits and that nobody else answers.

    Returns False if there was none.
    """
    row = operation.connection.execute(
        select(*_STORED)
        .where(api_request.c.state == "pending", api_request.c.method != "step")
        .order_by(api_request.c.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return False
    request = read_row(StoredRequest, row)
    try:
        with operation.connection.begin_nested():
            carry_out(operation, services, request)
    except AWAY:
        raise
    except SQLAlchemyError as error:
        # Stored as refused: it would be first again, and no request behind it would be answered.
        _log.error("unanswerable", client=request.client_id, why=type(error).__name__)
        refused = Refused("internal", "genericError", "something went wrong")
        answer = ApiAnswer(500, error_object(refused, operation.now))
        _store_outcome(operation, request, _Outcome("failed", answer))
    return True


def find_by_server_id(
    connection: Connection, client: Client, server_id: str
) -> StoredRequest | None:
    """Returns a request of this client by our id for it."""
    return _find(connection, client, api_request.c.server_id == server_id)


def find_by_correlation_id(
    connection: Connection, client: Client, correlation_id: str
) -> StoredRequest | None:
    """Returns a request of this client by the client's own id."""
    return _find(connection, client, api_request.c.correlation_id == correlation_id)


def state_object(request: StoredRequest) -> JsonObject:
    """Makes the object that says how far a request is that is not answered in step."""
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


def _find(
    connection: Connection, client: Client, condition: ColumnElement[bool]
) -> StoredRequest | None:
    row = connection.execute(
        select(*_STORED).where(api_request.c.client_id == client.id, condition)
    ).one_or_none()
    return read_row(StoredRequest, row) if row else None


def _store_request(
    operation: Operation, services: Services, request: ApiRequest
) -> tuple[StoredRequest, bool]:
    """Stores the request unless its correlation id is known. Returns it, and True if it is new."""
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
        statement.on_conflict_do_nothing().returning(*_STORED)
    ).one_or_none()
    if row is not None:
        return read_row(StoredRequest, row), True
    stored = find_by_correlation_id(operation.connection, request.client, request.correlation_id)
    assert stored is not None  # no request is ever deleted
    if stored.request_digest != digest:
        raise KeyReused()
    return stored, False


def _store_outcome(operation: Operation, request: StoredRequest, outcome: _Outcome) -> None:
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


def _pay(
    operation: Operation, services: Services, client: Client, request: StoredRequest
) -> _Outcome:
    connection, payment = operation.connection, read_payment(request.body)
    code, number = read_code(request.target), payment.agent_number
    agent = find_agent_of(connection, client.network, number) if number else None
    if client.agencies is not None and (agent is None or agent.agency_code not in client.agencies):
        words = "metadata.agentId: none of the agencies this client speaks for"
        raise Refused("authorisation", "requestingPartyAuthorisationError", words)
    collector = Collector(
        "api",
        f"client:{client.id}",
        client.network,
        agent,
        number,
        payment.terminal,
        client,
        payment.reference,
        client.other_amounts,
    )
    receipt = redeem_code(
        replace(operation, actor=collector.actor),
        services,
        collector,
        CashConfirmation(code, f"api:{request.correlation_id}", payment.amount),
    )
    paid = BillPayment(
        receipt, code, payment.amount, operation.now, request_fields=payment.request_fields
    )
    return _Outcome("completed", ApiAnswer(201, payment_object(paid)), receipt)


def _reverse(
    operation: Operation, services: Services, client: Client, request: StoredRequest
) -> _Outcome:
    """Reverses a payment by our reference of it, or by the network's own."""
    amount = read_reversal(request.body)
    payment = _find_payment(operation.connection, client, request.target)
    if client.agencies is not None and payment.agency_code not in client.agencies:
        raise ReceiptUnknown(why="another agency's")
    total = Money(payment.total_centimes)
    if amount is not None and amount != total:
        error = "overPaymentNotAllowed" if amount > total else "underPaymentNotAllowed"
        raise Refused("businessRule", error, "only the whole payment is reversed")
    reverse_deposit(
        replace(operation, actor=f"client:{client.id}"),
        services,
        ReversalRequest(payment.receipt_number, "api", _read_reason(request.body), client.network),
    )
    answer = ApiAnswer(201, reversal_object(payment.receipt_number, total, operation.now))
    return _Outcome("completed", answer, f"R{payment.receipt_number}")


def _find_payment(
    connection: Connection, client: Client, reference: str
) -> Row[*tuple[object, ...]]:
    """Returns the payment of a reference, ours or the network's own.

    Of several with the network's own it is the one that stands.
    Raises: ReceiptUnknown, Refused where it may be either of two: no cash is given back by a guess.
    """
    ours, undone = deposit.c.receipt_number == reference, payment_code.c.state == "reversed"
    theirs = (deposit.c.client_id == client.id) & (deposit.c.network_reference == reference)
    rows = connection.execute(
        select(
            deposit.c.receipt_number,
            deposit.c.total_centimes,
            deposit.c.network,
            deposit.c.agency_code,
            (ours | ~undone).label("counts"),
        )
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .where(ours | theirs)
        .order_by(~ours, undone, deposit.c.received_at.desc())
        .limit(3)
    ).all()
    if not rows:
        raise ReceiptUnknown()
    own = [row for row in rows if row.network == client.network]
    if not own:
        raise ReceiptUnknown(why="another network's")
    if sum(row.counts for row in own) > 1:
        words = "more than one payment has that reference: name serviceProviderPaymentReference"
        raise Refused("businessRule", "incorrectState", words)
    return own[0]


def _read_reason(body: Mapping[str, object]) -> str:
    """Returns the reason that the network gives, for the books."""
    reason = body.get("descriptionText")
    return (
        reason[:_LONGEST_REASON] if isinstance(reason, str) and reason.strip() else "by the network"
    )
