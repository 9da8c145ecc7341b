"""Answers a request once: the same correlation id gives the same answer, whatever was cut or raced.

Works in the caller's transaction and commits nothing itself. What is refused is an answer too, and
is kept; that the database was away is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from app.agents.clients import Client, find_client
from app.agents.queries import find_agent_of
from app.base.database import AWAY
from app.base.errors import MaalemError, Unavailable
from app.base.money import Money
from app.mobile_money.errors import Refused, refusal_of
from app.mobile_money.models import api_request
from app.mobile_money.objects import (
    error_object,
    payment_object,
    read_payment,
    read_reversal,
    reversal_object,
    state_object,
)
from app.payments.collector import Collector
from app.payments.deposits import redeem_code
from app.payments.errors import KeyReused, ReceiptUnknown
from app.payments.models import deposit, payment_code
from app.payments.reversals import ReversalRequest, reverse_deposit
from app.payments.rules import read_code
from app.text.words import Words

_log = structlog.get_logger("api")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request as it came: to which `path`, what for (`target`: a bill's or a payment's
    reference), and how it wants its answer: in `step`, by `callback` or by `polling`.
    """

    client: Client
    kind: str
    path: str
    target: str
    body: Any
    correlation_id: str
    method: str
    callback_url: str | None = None


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """An HTTP status and a JSON object; `why` it is a refusal is for the log alone."""

    status: int
    body: Any
    why: str | None = None


def new_uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def answer_request(
    connection: Connection, asked: ApiRequest, *, words: Words, random: Random, now: datetime
) -> ApiAnswer:
    """The answer to a request: given before, given now, or promised. KeyReused.

    Of two at the same moment one waits here for the other, and gets its answer.
    """
    row, new = _keep(connection, asked, random, now)
    if new and asked.method == "step":
        return carry_out(connection, row, words=words, now=now)
    if row.method == "step" and row.answer is not None:
        return ApiAnswer(row.status, row.answer)
    return ApiAnswer(202, told_state(row))


def carry_out(connection: Connection, row: Any, *, words: Words, now: datetime) -> ApiAnswer:
    """Does what a kept request asks for and keeps the answer; a callback is due at once."""
    try:
        with connection.begin_nested():
            client = find_client(connection, row.client_id)
            assert client is not None  # its row is referenced
            do = _pay if row.kind == "payment" else _reverse
            reference, answer = do(connection, client, row, words, now)
        state = "completed"
    except Unavailable:
        raise
    except MaalemError as error:
        refused = refusal_of(error)
        why = str(error.params.get("why") or error.code)
        reference, answer, state = (
            None,
            ApiAnswer(refused.status, error_object(refused, now), why),
            "failed",
        )
    _keep_answer(connection, row, state, answer, reference, now)
    return answer


def _keep_answer(
    connection: Connection,
    row: Any,
    state: str,
    answer: ApiAnswer,
    reference: str | None,
    now: datetime,
) -> None:
    connection.execute(
        update(api_request)
        .where(_is(row))
        .values(
            state=state,
            status=answer.status,
            answer=answer.body,
            reference=reference,
            completed_at=now,
            callback_due_at=now if row.method == "callback" else None,
        )
    )


def answer_waiting(connection: Connection, *, words: Words, now: datetime) -> bool:
    """Does the oldest request that waits and that nobody else is doing; whether there was one."""
    row = connection.execute(
        select(api_request)
        .where(api_request.c.state == "pending", api_request.c.method != "step")
        .order_by(api_request.c.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return False
    try:
        with connection.begin_nested():
            carry_out(connection, row, words=words, now=now)
    except AWAY:
        raise
    except SQLAlchemyError as error:
        # Kept as refused: it would be first again, and nobody behind it would be answered.
        _log.error("unanswerable", client=row.client_id, why=type(error).__name__)
        refused = Refused("internal", "genericError", "something went wrong")
        _keep_answer(
            connection, row, "failed", ApiAnswer(500, error_object(refused, now)), None, now
        )
    return True


def find_by_server_id(connection: Connection, client: Client, server_id: str) -> Any:
    """A request of this client by our id for it; None where it has none such."""
    return _find(connection, client, api_request.c.server_id == server_id)


def find_by_correlation_id(connection: Connection, client: Client, correlation_id: str) -> Any:
    """The same by the client's own id."""
    return _find(connection, client, api_request.c.correlation_id == correlation_id)


def told_state(row: Any) -> dict[str, Any]:
    """How far it is."""
    return state_object(str(row.server_id), row.state, row.method, row.reference, row.answer)


def _find(connection: Connection, client: Client, which: Any) -> Any:
    return connection.execute(
        select(api_request).where(api_request.c.client_id == client.id, which)
    ).one_or_none()


def _keep(
    connection: Connection, asked: ApiRequest, random: Random, now: datetime
) -> tuple[Any, bool]:
    """The request's row, and whether it is new."""
    told = json.dumps([asked.path, asked.body], sort_keys=True)
    digest = sha256(told.encode()).digest()
    statement = insert(api_request).values(
        client_id=asked.client.id,
        correlation_id=asked.correlation_id,
        server_id=new_uuid(random),
        request_digest=digest,
        kind=asked.kind,
        target=asked.target,
        body=asked.body,
        method=asked.method,
        callback_url=asked.callback_url,
        created_at=now,
    )
    new = connection.execute(
        statement.on_conflict_do_nothing().returning(api_request)
    ).one_or_none()
    if new is not None:
        return new, True
    row = find_by_correlation_id(connection, asked.client, asked.correlation_id)
    if row.request_digest != digest:
        raise KeyReused()
    return row, False


def _pay(
    connection: Connection, client: Client, row: Any, words: Words, now: datetime
) -> tuple[str, ApiAnswer]:
    payment, code = read_payment(row.body), read_code(row.target)
    agent = (
        find_agent_of(connection, client.network, payment.agent_number)
        if payment.agent_number
        else None
    )
    if client.agencies is not None and (agent is None or agent.agency_code not in client.agencies):
        words_for = "metadata.agentId: none of the agencies this client speaks for"
        raise Refused("authorisation", "requestingPartyAuthorisationError", words_for)
    collector = Collector(
        "api",
        f"client:{client.id}",
        client.network,
        agent,
        payment.agent_number,
        payment.terminal,
        client,
        payment.reference,
        client.other_amounts,
    )
    receipt = redeem_code(
        connection,
        code,
        collector,
        key=f"api:{row.correlation_id}",
        words=words,
        now=now,
        amount=payment.amount,
    )
    return receipt, ApiAnswer(
        201, payment_object(receipt, code, payment.amount, now, kept=payment.kept)
    )


def _reverse(
    connection: Connection, client: Client, row: Any, words: Words, now: datetime
) -> tuple[str, ApiAnswer]:
    """By our reference of the payment, or by the network's own."""
    amount = read_reversal(row.body)
    found = _named_payment(connection, client, row.target)
    if client.agencies is not None and found.agency_code not in client.agencies:
        raise ReceiptUnknown(why="another agency's")
    total = Money(found.total_centimes)
    if amount is not None and amount != total:
        error = "overPaymentNotAllowed" if amount > total else "underPaymentNotAllowed"
        raise Refused("businessRule", error, "only the whole payment is reversed")
    undoing = ReversalRequest("api", f"client:{client.id}", network=client.network)
    reason = _reason(row.body)
    reverse_deposit(connection, found.receipt_number, undoing, reason, words=words, now=now)
    return f"R{found.receipt_number}", ApiAnswer(
        201, reversal_object(found.receipt_number, total, now)
    )


def _named_payment(connection: Connection, client: Client, name: str) -> Any:
    """The one payment of that reference; of several with the network's own, the one that stands.

    ReceiptUnknown; Refused where it may be either of two: nobody's cash is given back by a guess.
    """
    ours, undone = deposit.c.receipt_number == name, payment_code.c.state == "reversed"
    theirs = (deposit.c.client_id == client.id) & (deposit.c.network_reference == name)
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
    own = [one for one in rows if one.network == client.network]
    if not own:
        raise ReceiptUnknown(why="another network's")
    if sum(one.counts for one in own) > 1:
        words_for = "more than one payment has that reference: name serviceProviderPaymentReference"
        raise Refused("businessRule", "incorrectState", words_for)
    return own[0]


def _reason(body: Mapping[str, Any]) -> str:
    """What the network says of it, for whoever reads the books."""
    told = body.get("descriptionText")
    return told[:200] if isinstance(told, str) and told.strip() else "by the network"


def _is(row: Any) -> Any:
    return (api_request.c.client_id == row.client_id) & (
        api_request.c.correlation_id == row.correlation_id
    )
