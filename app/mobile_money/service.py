"""Answers a request once: the same correlation id gives the same answer, whatever was cut or raced.

Works in the caller's transaction and commits nothing itself. A refusal is an answer too, and is
stored; an answer that the database was away is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import structlog
from sqlalchemy import Connection, Row, select
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
    PaymentBody,
    error_object,
    payment_object,
    read_payment,
    read_reversal,
    reversal_object,
)
from app.mobile_money.own_payments import find_own_refusal, find_own_undoing, may_see_answer
from app.mobile_money.requests import (
    STORED,
    ApiAnswer,
    ApiRequest,
    RequestOutcome,
    StoredRequest,
    state_address,
    state_object,
    store_outcome,
    store_request,
)
from app.payments.collector import Collector
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.errors import (
    AlreadyReversed,
    CodePaid,
    CodeReversed,
    CodeUnknown,
    ReceiptUnknown,
)
from app.payments.lost_codes import LostCash, note_retry
from app.payments.models import deposit, payment_code
from app.payments.reversals import ReversalRequest, reverse_deposit
from app.payments.rules import read_code
from app.services import Services

_log = structlog.get_logger("api")
_LONGEST_REASON = 200


def answer_request(operation: Operation, services: Services, request: ApiRequest) -> ApiAnswer:
    """Answers a request: as it was answered before, now, or with a promise.

    Of two at the same moment one waits here for the other, and gets its answer.
    Raises: KeyReused, Refused if the answer is of an agency the client speaks for no more.
    """
    stored, new = store_request(operation, services, request)
    if new and request.method == "step":
        return carry_out(operation, services, stored)
    if not may_see_answer(operation.connection, request.client, stored):
        raise _refuse_agent()
    if stored.method == "step" and stored.status is not None and stored.answer is not None:
        return ApiAnswer(stored.status, stored.answer)
    return ApiAnswer(202, state_object(stored), location=state_address(stored))


def carry_out(operation: Operation, services: Services, request: StoredRequest) -> ApiAnswer:
    """Does what a stored request asks for and stores the answer; a callback is due at once.

    Raises: Unavailable; nothing is stored then.
    """
    client = find_client(operation.connection, request.client_id)
    assert client is not None  # its row is referenced
    try:
        with operation.connection.begin_nested():
            carry = _make_payment if request.kind == "payment" else _make_reversal
            by_client = replace(operation, actor=f"client:{client.id}")
            outcome = carry(by_client, services, client, request)
    except Unavailable:
        raise
    except MaalemError as error:
        refused = refusal_of(error)
        why = str(error.params.get("why") or error.code)
        if isinstance(error, CodeUnknown):
            payment = read_payment(request.body)
            note_unknown_bill(operation, client, read_code(request.target), payment)
        answer = ApiAnswer(refused.status, error_object(refused, operation.now), why)
        outcome = RequestOutcome("failed", answer)
    store_outcome(operation, request, outcome)
    return outcome.answer


def answer_waiting(operation: Operation, services: Services) -> bool:
    """Answers the oldest request that waits and that nobody else answers.

    Returns False if there was none.
    """
    row = operation.connection.execute(
        select(*STORED)
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
        store_outcome(operation, request, RequestOutcome("failed", answer))
    return True


def _make_payment(
    operation: Operation, services: Services, client: Client, request: StoredRequest
) -> RequestOutcome:
    connection, payment = operation.connection, read_payment(request.body)
    code, number = read_code(request.target), payment.agent_number
    agent = find_agent_of(connection, client.network, number) if number else None
    if not client.speaks_for(agent.agency_code if agent else None):
        raise _refuse_agent()
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
        client.network_name,
    )
    confirmation = CashConfirmation(code, f"api:{request.correlation_id}", payment.amount)
    by_collector = replace(operation, actor=collector.actor)
    try:
        receipt = redeem_code(by_collector, services, collector, confirmation)
    except (CodePaid, CodeReversed):
        if own := find_own_refusal(connection, client, code):
            raise own from None
        raise
    paid = BillPayment(
        receipt, code, payment.amount, operation.now, request_fields=payment.request_fields
    )
    return RequestOutcome("completed", ApiAnswer(201, payment_object(paid)), receipt)


def note_unknown_bill(
    operation: Operation, client: Client, code: str, payment: PaymentBody
) -> None:
    """Notes a payment for a code that we do not know, as a restore may have lost it."""
    known = select(payment_code.c.code).where(payment_code.c.code == code)
    if operation.connection.execute(known).scalar() is None:
        cash = LostCash(code, payment.amount, operation.now)
        note_retry(operation, client.network, cash, payment.reference)


def _make_reversal(
    operation: Operation, services: Services, client: Client, request: StoredRequest
) -> RequestOutcome:
    """Reverses a payment by our reference of it, or by the network's own."""
    amount = read_reversal(request.body)
    payment = _find_payment(operation.connection, client, request.target)
    total = Money(payment.total_centimes)
    if amount is not None and amount != total:
        error = "overPaymentNotAllowed" if amount > total else "underPaymentNotAllowed"
        raise Refused("businessRule", error, "only the whole payment is reversed")
    undoing = ReversalRequest(
        payment.receipt_number, "api", _read_reason(request.body), client.network
    )
    try:
        reverse_deposit(operation, services, undoing)
    except AlreadyReversed:
        if own := find_own_undoing(operation.connection, client, payment.receipt_number):
            raise own from None
        raise
    answer = ApiAnswer(201, reversal_object(payment.receipt_number, total, operation.now))
    return RequestOutcome("completed", answer, f"R{payment.receipt_number}")


def _find_payment(
    connection: Connection, client: Client, reference: str
) -> Row[*tuple[object, ...]]:
    """Returns the payment with a reference, which is our receipt's number or the network's own.

    If several have the network's own reference, the one that is not reversed is returned. Those of
    agencies that the client does not speak for are as if they were not there.

    Raises: ReceiptUnknown, or Refused if several are not reversed.
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
    ).all()
    if not rows:
        raise ReceiptUnknown()
    own = [row for row in rows if row.network == client.network]
    if not own:
        raise ReceiptUnknown(why="another network's")
    own = [row for row in own if client.speaks_for(row.agency_code)]
    if not own:
        raise ReceiptUnknown(why="another agency's")
    if sum(row.counts for row in own) > 1:
        words = "more than one payment has that reference: name serviceProviderPaymentReference"
        raise Refused("businessRule", "incorrectState", words)
    return own[0]


def _refuse_agent() -> Refused:
    words = "metadata.agentId: none of the agencies this client speaks for"
    return Refused("authorisation", "requestingPartyAuthorisationError", words)


def _read_reason(body: Mapping[str, object]) -> str:
    """Returns the reason that the network gives, for the books."""
    reason = body.get("descriptionText")
    return (
        reason[:_LONGEST_REASON] if isinstance(reason, str) and reason.strip() else "by the network"
    )
