"""Finds the payments that a client made itself, so that it knows its own repetition.

A client that speaks for some agencies alone sees what those took, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Row, Select, or_, select

from app.agents.clients import Client
from app.base.clock import local_date, local_midnight
from app.base.money import Money
from app.mobile_money.accounts import find_owners
from app.mobile_money.errors import Refused
from app.mobile_money.objects import PaymentBody, write_amount
from app.mobile_money.requests import StoredRequest
from app.payments.models import deposit, payment_code, reversal


def refuse_own_repetition(
    connection: Connection,
    client: Client,
    identifiers: Mapping[str, str],
    payment: PaymentBody,
    now: datetime,
) -> None:
    """Refuses a payment that names neither bill nor correlation id, if it may be a repetition.

    It may be if the client has a payment of today for the account that stands, of the same amount,
    and of the same reference where both have one. Otherwise it could pay what is due next.

    Raises: Refused, also if an identifier is nobody's.
    """
    owners = find_owners(connection, identifiers)
    columns = deposit.c
    conditions = [
        columns.artisan_id.in_(owners),
        columns.received_at >= local_midnight(local_date(now)),
        columns.total_centimes == payment.amount.centimes,
        payment_code.c.state == "paid",
    ]
    if payment.reference is not None:
        same = columns.network_reference == payment.reference
        conditions.append(or_(same, columns.network_reference.is_(None)))
    row = connection.execute(_select_own(client, *conditions)).first()
    if row is not None:
        words = "this client paid the same today: name the bill, or give an X-CorrelationID"
        raise _refuse_as_own(words, row)


def find_own_refusal(connection: Connection, client: Client, code: str) -> Refused | None:
    """Returns the refusal of a bill that this client paid itself; None if somebody else did.

    It names the payment, so that a client whose answer was lost knows that it was its own.
    """
    row = connection.execute(_select_own(client, deposit.c.code == code)).first()
    if row is None:
        return None
    end = "paid" if row.state == "paid" else "paid and reversed"
    return _refuse_as_own(f"the bill was {end}: this client paid it", row)


def find_own_undoing(connection: Connection, client: Client, receipt: str) -> Refused | None:
    """Returns the refusal of a payment that this client reversed itself; None if somebody else."""
    columns = reversal.c
    reversed_at = connection.execute(
        select(columns.reversed_at).where(
            columns.receipt_number == receipt, columns.made_by == f"client:{client.id}"
        )
    ).scalar()
    if reversed_at is None:
        return None
    words = "reversed before: this client reversed it"
    named = {"reversedBy": "this client", "transactionReference": f"R{receipt}"}
    return Refused("businessRule", "incorrectState", words, **named, reversed_at=reversed_at)


def may_see_answer(connection: Connection, client: Client, request: StoredRequest) -> bool:
    """True unless the answer tells of a payment at an agency the client does not speak for."""
    if client.agencies is None or request.reference is None:
        return True
    receipt = request.reference.removeprefix("R")
    agency = select(deposit.c.agency_code).where(deposit.c.receipt_number == receipt)
    return client.speaks_for(connection.execute(agency).scalar())


def _select_own(client: Client, *conditions: ColumnElement[bool]) -> Select[*tuple[object, ...]]:
    """Selects the client's own payments that it may see, the newest first."""
    columns = deposit.c
    statement: Select[*tuple[object, ...]] = (
        select(
            columns.receipt_number,
            columns.total_centimes,
            columns.received_at,
            columns.network_reference,
            payment_code.c.state,
        )
        .join(payment_code, payment_code.c.code == columns.code)
        .where(columns.client_id == client.id, *conditions)
        .order_by(columns.received_at.desc())
    )
    if client.agencies is not None:
        statement = statement.where(columns.agency_code.in_(client.agencies))
    return statement


def _refuse_as_own(words: str, row: Row[*tuple[object, ...]]) -> Refused:
    named: dict[str, object] = {
        "paidBy": "this client",
        "serviceProviderPaymentReference": row.receipt_number,
        "amountPaid": write_amount(Money(row.total_centimes)),
        "paidAt": row.received_at,
    }
    if row.network_reference:
        named["requestingOrganisationTransactionReference"] = row.network_reference
    return Refused("businessRule", "incorrectState", words, **named)
