"""What an agent needs to reverse a deposit later than alone: a second agent, or the artisan's code.

The code goes to the phone that the register has for the artisan, else to the phone that asked for
the payment code, if it was proven otherwise than by an agent; never to a phone of an agent of the
agency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from app.agents.errors import AgentLocked, OneTimePinOver, PinNotChosen, WrongPin
from app.agents.locks import Door
from app.agents.models import agent
from app.agents.queries import Agent, find_agent
from app.agents.sign_in import PinTry, sign_in_with_own_pin
from app.audit.service import record_audit
from app.base.errors import PinKeyUnknown
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.models import artisan, artisan_phone, phone_profile
from app.messaging.service import OutboundMessage, queue_message
from app.payments.errors import NoPhoneForCode, SecondAgentRefused
from app.payments.models import deposit, payment_code
from app.payments.reversal_codes import draw_reversal_code, find_live_reversal_code
from app.payments.reversals import ReversalRequest, lock_reversible, may_reverse_alone
from app.services import Services


@dataclass(frozen=True, slots=True)
class ReversalTerms:
    """The ways in which an agent may reverse a deposit now.

    `alone` is True without anybody else. `has_phone` is true if a code can be sent to the artisan;
    `code_until` is the end of one that was sent.
    """

    alone: bool
    has_phone: bool
    code_until: datetime | None


@dataclass(frozen=True, slots=True)
class SecondAgentEntry:
    """The number and PIN that a second agent typed at the first one's till or phone: its `door`."""

    number: str
    pin: SecretStr
    door: Door


def find_reversal_terms(
    connection: Connection, services: Services, agent: Agent, receipt: str, now: datetime
) -> ReversalTerms:
    """Returns how the agent may reverse a deposit of the agency; all False for an unknown one."""
    row = connection.execute(
        select(deposit.c.agent_id, deposit.c.received_at).where(
            deposit.c.receipt_number == receipt, deposit.c.agency_code == agent.agency_code
        )
    ).one_or_none()
    if row is None:
        return ReversalTerms(alone=False, has_phone=False, code_until=None)
    live = find_live_reversal_code(connection, receipt, now)
    return ReversalTerms(
        alone=may_reverse_alone(services, agent, row.agent_id, row.received_at, now),
        has_phone=_find_phone(connection, receipt, agent.agency_code) is not None,
        code_until=live.expires_at if live else None,
    )


def check_second_agent(
    operation: Operation, services: Services, first: Agent, entry: SecondAgentEntry
) -> Agent:
    """Returns the second agent whose number and PIN were typed: another one of the same agency.

    The caller commits after a refusal too, because wrong PINs are counted. Every cause is refused
    alike. Raises: SecondAgentRefused.
    """
    if entry.number == first.number:
        raise SecondAgentRefused()
    try:
        given = PinTry(entry.number, entry.pin, entry.door)
        agent_id = sign_in_with_own_pin(operation, services, given)
    except (WrongPin, AgentLocked, OneTimePinOver, PinKeyUnknown, PinNotChosen):
        raise SecondAgentRefused() from None
    second = find_agent(operation.connection, agent_id)
    if second is None or second.agency_code != first.agency_code or second.id == first.id:
        raise SecondAgentRefused()
    return second


def send_reversal_code(
    operation: Operation, services: Services, request: ReversalRequest
) -> datetime:
    """Sends the artisan a code to read out. Returns the moment until which it may be typed.

    While one is live no other is sent.

    Raises: ReceiptUnknown, AlreadyReversed, AlreadyPosted, ReversalTooLate, NoPhoneForCode,
    TooManyCodes.
    """
    locked = lock_reversible(operation, request)
    found = _find_phone(operation.connection, request.receipt, request.agency or "")
    if found is None:
        raise NoPhoneForCode()
    phone, language = found
    drawn = draw_reversal_code(operation, services, request.receipt)
    if drawn.typed is None:
        return drawn.expires_at
    message = OutboundMessage(
        kind="reversal_code",
        event=f"{request.receipt}:{operation.now.timestamp():.0f}",
        phone=phone,
        language=language,
        values={"reversal_code": drawn.typed, "total": locked.total},
        useful_until=drawn.expires_at,
    )
    queue_message(operation, services, message)
    details = {"receipt": request.receipt, "channel": request.channel}
    record_audit(operation, "reversal_code_sent", f"artisan:{locked.artisan_id}", **details)
    return drawn.expires_at


def _find_phone(connection: Connection, receipt: str, agency: str) -> tuple[Phone, str] | None:
    """Returns the artisan's phone for the code of a reversal, with its language."""
    number = func.coalesce(artisan.c.phone, payment_code.c.phone)
    row = connection.execute(
        select(
            number.label("phone"),
            func.coalesce(phone_profile.c.language, artisan.c.language).label("language"),
        )
        .select_from(deposit)
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .join(artisan, artisan.c.id == deposit.c.artisan_id)
        .outerjoin(phone_profile, phone_profile.c.phone == number)
        .where(
            deposit.c.receipt_number == receipt,
            number.is_not(None),
            or_(artisan.c.phone.is_not(None), _is_tied()),
            ~exists().where(agent.c.phone == number, agent.c.agency_code == agency),
        )
    ).one_or_none()
    return (Phone(row.phone), row.language) if row else None


def _is_tied() -> ColumnElement[bool]:
    """True if the phone that asked for the payment code is the artisan's, proven by no agent.

    Papers do not prove it either. An agent who proves a phone of their own would be the one to read
    the code out.
    """
    return exists().where(
        and_(
            artisan_phone.c.phone == payment_code.c.phone,
            artisan_phone.c.artisan_id == artisan.c.id,
            artisan_phone.c.way.not_in(("papers", "agent")),
        )
    )
