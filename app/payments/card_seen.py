"""An agent who saw the card while taking the cash proves the phone that asked for the code."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select

from app.agents.queries import Agent
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.models import PAPERS, artisan_phone
from app.enrolment.queries import find_own_phone
from app.enrolment.ties import prove_tie
from app.messaging.service import OutboundMessage, queue_message
from app.payments.models import deposit, payment_code
from app.services import Services

# The agent says so with the customer still at the counter.
_WHILE_THERE = timedelta(minutes=30)


def find_unproven_asker(connection: Connection, code: str) -> Phone | None:
    """Returns the phone that asked for the code, if papers alone tie it to the code's artisan."""
    columns, tied = payment_code.c, artisan_phone.c
    asker = (
        select(columns.phone)
        .join(
            artisan_phone,
            (tied.phone == columns.phone) & (tied.artisan_id == columns.artisan_id),
        )
        .where(columns.code == code, tied.way == PAPERS, tied.identified_at <= columns.issued_at)
    )
    number = connection.execute(asker).scalar()
    return Phone(number) if number else None


def prove_by_agent(operation: Operation, services: Services, receipt: str, agent: Agent) -> bool:
    """Proves the phone that asked for the code of a receipt: this agent saw card and phone.

    The register's phone is told. Returns False if there is nothing to prove, or the deposit is
    another agent's or no longer of this moment.
    """
    columns = deposit.c
    own = columns.receipt_number == receipt, columns.agent_id == agent.id
    taken = operation.connection.execute(
        select(columns.code, columns.artisan_id).where(
            *own, columns.received_at > operation.now - _WHILE_THERE
        )
    ).one_or_none()
    asker = find_unproven_asker(operation.connection, taken.code) if taken else None
    if taken is None or asker is None:
        return False
    if not prove_tie(operation, asker, taken.artisan_id, "agent"):
        return False
    own_phone = find_own_phone(operation.connection, taken.artisan_id)
    if own_phone and own_phone.phone != asker:
        event, values = f"agent:{receipt}", {"ends": asker.e164[-4:]}
        message = OutboundMessage(
            "phone_proven", event, own_phone.phone, own_phone.language, values
        )
        queue_message(operation, services, message)
    return True
