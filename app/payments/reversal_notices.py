"""Tells an agent by SMS that somebody else reversed a deposit whose cash the agent took."""

from __future__ import annotations

from sqlalchemy import func, select

from app.agents.models import agent
from app.base.money import Money
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.models import phone_profile
from app.messaging.service import OutboundMessage, queue_message
from app.payments.models import deposit
from app.payments.wording import reversed_by_words
from app.services import Services
from app.text.languages import DEFAULT
from app.text.words import Say


def tell_collecting_agent(
    operation: Operation, services: Services, receipt: str, channel: str
) -> None:
    """Queues an SMS to the agent who took the cash, unless that is who reversed it."""
    row = operation.connection.execute(
        select(
            agent.c.number,
            agent.c.phone,
            deposit.c.total_centimes,
            func.coalesce(phone_profile.c.language, DEFAULT).label("language"),
        )
        .join(deposit, deposit.c.agent_id == agent.c.id)
        .outerjoin(phone_profile, phone_profile.c.phone == agent.c.phone)
        .where(deposit.c.receipt_number == receipt, agent.c.active, agent.c.phone.is_not(None))
    ).one_or_none()
    if row is None or operation.actor == f"agent:{row.number}":
        return
    values = {
        "receipt": receipt,
        "total": Money(row.total_centimes),
        "reversed_by": Say(reversed_by_words(channel)),
    }
    message = OutboundMessage("deposit_reversed", receipt, Phone(row.phone), row.language, values)
    queue_message(operation, services, message)
