"""Adds agencies and agents, and signs agents in."""

from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from pydantic import SecretStr
from sqlalchemy import Connection, case, select, update
from sqlalchemy.dialects.postgresql import insert

from app.agents.errors import AgentLocked, WrongPin
from app.agents.models import agency, agent
from app.base.errors import InvalidInput
from app.base.phone import Phone

WRONG_PINS_ALLOWED = 5
LOCKED_FOR = timedelta(minutes=30)
_hasher = PasswordHasher()
# Checked for an unknown number, so that the answer takes as long as for a known one.
_NOBODY = _hasher.hash("nobody")


def add_agency(connection: Connection, code: str, name: str, town: str) -> None:
    """Adds or renames an agency; its code is what receipts show."""
    statement = insert(agency).values(code=code, name=name, town=town)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["code"],
            set_={"name": statement.excluded.name, "town": statement.excluded.town},
        )
    )


def add_agent(
    connection: Connection, number: str, agency_code: str, pin: SecretStr, phone: Phone | None
) -> None:
    """Adds an agent, or gives one a new PIN, agency and phone, and unlocks the sign-in."""
    if not (pin.get_secret_value().isdecimal() and 4 <= len(pin.get_secret_value()) <= 8):
        raise InvalidInput(what="pin", why="not 4 to 8 digits")
    values = {
        "agency_code": agency_code,
        "pin_hash": _hasher.hash(pin.get_secret_value()),
        "phone": phone.e164 if phone else None,
        "wrong_pins": 0,
        "locked_until": None,
        "active": True,
    }
    connection.execute(
        insert(agent)
        .values(number=number, **values)
        .on_conflict_do_update(index_elements=["number"], set_=values)
    )


def sign_in(connection: Connection, number: str, pin: SecretStr, now: datetime) -> int:
    """The agent's id. WrongPin or AgentLocked; commit either way, so that wrong PINs count.

    The slow comparison comes before the row is locked; what it found counts in the order of the
    lock, so guesses sent at the same moment are counted one by one.
    """
    one = select(agent.c.id, agent.c.pin_hash).where(agent.c.number == number, agent.c.active)
    row = connection.execute(one).one_or_none()
    right = _is_right(row.pin_hash if row else _NOBODY, pin)
    if row is None:
        raise WrongPin()
    locked_until = connection.execute(
        select(agent.c.locked_until).where(agent.c.id == row.id).with_for_update()
    ).scalar_one()
    if locked_until and locked_until > now:
        raise AgentLocked(until=locked_until)
    if not right:
        _count_wrong_pin(connection, row.id, now)
        raise WrongPin()
    connection.execute(
        update(agent).where(agent.c.id == row.id).values(wrong_pins=0, locked_until=None)
    )
    return int(row.id)


def _is_right(pin_hash: str, pin: SecretStr) -> bool:
    try:
        return _hasher.verify(pin_hash, pin.get_secret_value())
    except VerifyMismatchError:
        return False


def _count_wrong_pin(connection: Connection, agent_id: int, now: datetime) -> None:
    wrong = agent.c.wrong_pins + 1
    full = wrong >= WRONG_PINS_ALLOWED
    connection.execute(
        update(agent)
        .where(agent.c.id == agent_id)
        .values(
            wrong_pins=case((full, 0), else_=wrong),
            locked_until=case((full, now + LOCKED_FOR), else_=agent.c.locked_until),
        )
    )
