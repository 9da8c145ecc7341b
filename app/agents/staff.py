"""Adds and dismisses agents, gives one-time PINs, and takes the PINs that agents choose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import Connection, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.agents.errors import AgentNumberTaken, PhoneTaken, PinUnchanged, SessionOver
from app.agents.locks import list_all_locks, require_agent
from app.agents.models import agency, agent, agent_lock, agent_session
from app.agents.pins import ONE_TIME_FOR, is_agents_pin, numbers_of, read_agent_pin, store_form
from app.agents.rules import limit_values
from app.agents.samples import SAMPLE_PIN
from app.agents.sessions import STARTED, end_sessions, started_params
from app.audit.service import record_audit
from app.base.errors import InvalidInput
from app.base.money import Money
from app.base.operation import Operation
from app.base.phone import Phone
from app.services import Services


@dataclass(frozen=True, slots=True)
class NewAgent:
    """An agent to be added, or given a one-time PIN, agency and phone.

    `code_limit` is the most cash for one code, `day_limit` for a day. None leaves a limit as it is,
    zero lifts it. `own` is for samples: the PIN is the agent's own and needs no change.
    """

    number: str
    agency_code: str
    pin: SecretStr
    phone: Phone | None = None
    code_limit: Money | None = None
    day_limit: Money | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class ListedAgent:
    """An agent as the office lists them.

    `pin` is `own` or `one-time`, `locked` the kinds of doors that wrong PINs have locked.
    """

    number: str
    agency_code: str
    network: str
    phone: Phone | None
    active: bool
    agency_active: bool
    pin: str
    locked: tuple[str, ...]
    sessions: int


def add_agent(
    operation: Operation, services: Services, new: NewAgent, *, only_new: bool = False
) -> None:
    """Adds an agent, or gives one a one-time PIN, agency and phone.

    Whoever has the number is signed out everywhere, and every door is unlocked. `only_new`: a
    number that is somebody's stays as it is.

    Raises: PhoneTaken, InvalidInput for the PIN, AgentNumberTaken.
    """
    pin = read_agent_pin(new.pin.get_secret_value(), *numbers_of(new.number, new.phone))
    _refuse_sample_pin(pin, services)
    if new.phone and _is_of_another_agent(operation.connection, new.phone, new.number):
        raise PhoneTaken()
    limits = limit_values(code_limit_centimes=new.code_limit, day_limit_centimes=new.day_limit)
    values = {
        "agency_code": new.agency_code,
        "pin_hash": store_form(pin, services),
        "pin_expires_at": None if new.own else operation.now + ONE_TIME_FOR,
        "phone": new.phone.e164 if new.phone else None,
        "active": True,
        **limits,
    }
    statement = insert(agent).values(number=new.number, **values)
    known = operation.connection.execute(
        select(agent.c.id).where(agent.c.number == new.number)
    ).scalar()
    if only_new:
        upsert = statement.on_conflict_do_nothing(index_elements=["number"])
    else:
        upsert = statement.on_conflict_do_update(index_elements=["number"], set_=values)
    agent_id = operation.connection.execute(upsert.returning(agent.c.id)).scalar()
    if agent_id is None:
        raise AgentNumberTaken(number=new.number)
    end_sessions(operation, [agent_id], "changed")
    _open_doors(operation, new.number)
    details = {"agency": new.agency_code, "phone": new.phone.masked if new.phone else None}
    act = "agent_added" if known is None else "agent_changed"
    record_audit(operation, act, f"agent:{new.number}", **details, **limits)


def _refuse_sample_pin(pin: SecretStr, services: Services) -> None:
    """Raises: InvalidInput for the PIN of development's agent, which would never be right."""
    if pin == SAMPLE_PIN and not services.samples:
        raise InvalidInput(what="pin", why="the sample agent's, which everybody knows")


def limit_agent(
    operation: Operation, number: str, code_limit: Money | None, day_limit: Money | None
) -> None:
    """Sets the most cash of one code and of a day; None leaves a limit as it is, zero lifts it.

    Raises: AgentUnknown.
    """
    agent_id = require_agent(operation.connection, number)
    limits = limit_values(code_limit_centimes=code_limit, day_limit_centimes=day_limit)
    if limits:
        operation.connection.execute(update(agent).where(agent.c.id == agent_id).values(limits))
    record_audit(operation, "agent_limits_set", f"agent:{number}", **limits)


def dismiss_agent(operation: Operation, number: str) -> int:
    """Dismisses an agent: at once nothing can be done under the number. Returns ended sessions.

    Raises: AgentUnknown.
    """
    agent_id = require_agent(operation.connection, number)
    ended = end_sessions(operation, [agent_id], "dismissal")
    operation.connection.execute(update(agent).where(agent.c.id == agent_id).values(active=False))
    record_audit(operation, "agent_dismissed", f"agent:{number}", sessions=ended)
    return ended


def choose_pin(
    operation: Operation, services: Services, agent_id: int, pin: SecretStr, stored: str = ""
) -> int:
    """Sets the PIN that an agent chose, and ends all that was begun with the one before.

    Returns the agent's new generation, by which the session that chose it goes on. `stored` is the
    PIN's stored form, where it was made before: making it takes long.

    The caller has seen the PIN of before.

    Raises: InvalidInput for an easy PIN, PinUnchanged, SessionOver.
    """
    row = operation.connection.execute(
        select(
            agent.c.number,
            agent.c.phone,
            agent.c.pin_hash,
            agent.c.pin_expires_at,
            agent.c.generation,
        )
        .where(agent.c.id == agent_id, agent.c.active)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise SessionOver()
    phone = Phone(row.phone) if row.phone else None
    chosen = read_agent_pin(pin.get_secret_value(), *numbers_of(row.number, phone))
    _refuse_sample_pin(chosen, services)
    if is_agents_pin(row.pin_hash, chosen, services):
        raise PinUnchanged()
    operation.connection.execute(
        update(agent)
        .where(agent.c.id == agent_id)
        .values(pin_hash=stored or store_form(chosen, services), pin_expires_at=None)
    )
    ended = end_sessions(operation, [agent_id], "new_pin")
    act = "agent_pin_changed" if row.pin_expires_at is None else "agent_pin_chosen"
    record_audit(operation, act, f"agent:{row.number}", sessions=ended)
    return int(row.generation) + 1


def list_agents(connection: Connection, now: datetime) -> list[ListedAgent]:
    """Returns every agent by number, dismissed ones too."""
    open_session = agent_session.c.agent_id == agent.c.id, *STARTED
    sessions = select(func.count()).select_from(agent_session).where(*open_session)
    rows = connection.execute(
        select(
            agent.c.number,
            agent.c.agency_code,
            agency.c.network,
            agent.c.phone,
            agent.c.active,
            agency.c.active.label("agency_active"),
            agent.c.pin_expires_at,
            sessions.scalar_subquery().label("sessions"),
        )
        .join(agency, agency.c.code == agent.c.agency_code)
        .order_by(agent.c.number),
        started_params(now),
    ).all()
    locks = list_all_locks(connection, now)
    return [
        ListedAgent(
            row.number,
            row.agency_code,
            row.network,
            Phone(row.phone) if row.phone else None,
            row.active,
            row.agency_active,
            "one-time" if row.pin_expires_at else "own",
            tuple(locks.get(row.number, ())),
            row.sessions,
        )
        for row in rows
    ]


def _open_doors(operation: Operation, number: str) -> None:
    operation.connection.execute(delete(agent_lock).where(agent_lock.c.number == number))


def _is_of_another_agent(connection: Connection, phone: Phone, number: str) -> bool:
    """True if another active agent has the phone. A unique index refuses two at the same moment."""
    others = and_(agent.c.phone == phone.e164, agent.c.number != number, agent.c.active)
    return connection.execute(select(agent.c.id).where(others)).first() is not None
