"""Compares an agent's number and PIN, at the till and on the phone, and counts wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr
from sqlalchemy import select, update

from app.agents.errors import OneTimePinOver, PinNotChosen, WrongPin
from app.agents.locks import Door, count_wrong_pin, forget_wrong_pins, refuse_while_locked
from app.agents.models import agency, agent
from app.agents.pins import (
    FEWEST_DIGITS,
    ONE_TIME_FOR,
    form_of_nobody,
    is_agents_pin,
    is_outdated,
    is_over,
    is_usual,
    store_form_again,
)
from app.agents.queries import WORKING
from app.base.operation import Operation
from app.services import Services


@dataclass(frozen=True, slots=True)
class PinTry:
    """A number and a PIN as they were typed at a door."""

    number: str
    pin: SecretStr
    door: Door


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The agent of a right PIN.

    `must_choose`: it was a one-time PIN, or one that the rules of today refuse.
    """

    agent_id: int
    generation: int
    must_choose: bool


def sign_in(operation: Operation, services: Services, given: PinTry) -> SignedIn:
    """Returns the agent with this number and PIN, of an agency that is open.

    The caller commits after a refusal too, because wrong PINs are counted. The slow comparison
    comes before anything is locked, and is made for an unknown number too.

    Raises: WrongPin, AgentLocked, OneTimePinOver, PinKeyUnknown.
    """
    statement = (
        select(agent.c.id, agent.c.pin_hash, agent.c.pin_expires_at, agent.c.generation)
        .join(agency, agency.c.code == agent.c.agency_code)
        .where(agent.c.number == given.number, *WORKING)
    )
    row = operation.connection.execute(statement).one_or_none()
    stored = row.pin_hash if row else form_of_nobody(services.keys)
    right = is_agents_pin(stored, given.pin, services)
    counted = refuse_while_locked(operation, given.number, given.door)
    if row is None or not right:
        count_wrong_pin(operation, given.number, given.door, known=row is not None)
        raise WrongPin()
    if counted:
        forget_wrong_pins(operation, given.number, given.door)
    if is_over(row.pin_expires_at, operation.now):
        raise OneTimePinOver()
    own = row.pin_expires_at is None and _is_still_good(given.pin)
    if is_outdated(stored, services) or not (own or row.pin_expires_at):
        again = store_form_again(stored, given.pin, services)
        ends_at = None if own else row.pin_expires_at or operation.now + ONE_TIME_FOR
        _store_again(operation, row.id, stored, {"pin_hash": again, "pin_expires_at": ends_at})
    return SignedIn(row.id, row.generation, must_choose=not own)


def sign_in_with_own_pin(operation: Operation, services: Services, given: PinTry) -> int:
    """Returns our own id of the agent, before money moves: a one-time PIN moves none.

    The caller commits after a refusal too.

    Raises: WrongPin, AgentLocked, OneTimePinOver, PinKeyUnknown, PinNotChosen.
    """
    entered = sign_in(operation, services, given)
    if entered.must_choose:
        raise PinNotChosen()
    return entered.agent_id


def _is_still_good(pin: SecretStr) -> bool:
    digits = pin.get_secret_value()
    return len(digits) >= FEWEST_DIGITS and not is_usual(digits)


def _store_again(
    operation: Operation, agent_id: int, stored: str, values: Mapping[str, object]
) -> None:
    """Stores a PIN with today's key. One that the rules refuse is good for choosing another.

    A PIN that was chosen meanwhile stays: only the form that was compared is replaced.
    """
    operation.connection.execute(
        update(agent).where(agent.c.id == agent_id, agent.c.pin_hash == stored).values(dict(values))
    )
