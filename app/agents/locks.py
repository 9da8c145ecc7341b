"""Locks after wrong PINs, apart for each door, so that nobody locks an agent out of all of them.

The agent's phone is one door. At the till a device on which the agent signed in before is another;
all devices that are not known share one more. A number that no agent has is counted and locked like
any: who tries learns nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog
from sqlalchemy import ColumnElement, Connection, bindparam, case, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.agents.errors import AgentLocked, AgentUnknown
from app.agents.models import agent, agent_lock
from app.audit.service import record_audit
from app.base.operation import Operation
from app.observe import metrics

WRONG_PINS_ALLOWED = 5
LOCKED_FOR, LONGEST_LOCK = timedelta(minutes=30), timedelta(hours=12)
# Locks older than this count no more towards the next one.
_FORGOTTEN_AFTER = timedelta(days=2)
_LONGEST_NUMBER = 12
_log = structlog.get_logger("agents")


@dataclass(frozen=True, slots=True)
class Door:
    """A way in with an agent's PIN; wrong PINs are counted for each by itself.

    `lane` is as the database keeps it; `kind` is `phone`, `device` or `unknown`.
    """

    lane: str

    @classmethod
    def phone(cls) -> Door:
        """Returns the agent's own phone."""
        return cls("phone")

    @classmethod
    def device(cls, nonce: str) -> Door:
        """Returns a device on which this agent signed in before; `nonce` stands in its cookie."""
        return cls(f"device:{nonce}")

    @classmethod
    def unknown(cls) -> Door:
        """Returns the door that all other devices share."""
        return cls("unknown")

    @classmethod
    def colleague(cls, number: str) -> Door:
        """Returns the till or phone of another agent, where a second agent's PIN is typed.

        It is the same in each session of theirs: a new sign-in brings no new guesses.
        """
        return cls.device(sha256(f"phone of {number}".encode()).hexdigest()[:32])

    @property
    def kind(self) -> str:
        return self.lane.partition(":")[0]


_OWN = (agent_lock.c.number == bindparam("of")), (agent_lock.c.door == bindparam("at"))
_UNTIL = select(agent_lock.c.locked_until).where(*_OWN)
_CLEAR = delete(agent_lock).where(*_OWN)


def refuse_while_locked(operation: Operation, number: str, door: Door) -> bool:
    """Refuses a right PIN like a wrong one while the door is locked. True if tries are counted.

    Raises: AgentLocked.
    """
    params = {"of": number, "at": door.lane}
    row = operation.connection.execute(_UNTIL.with_for_update(), params).one_or_none()
    if row and row.locked_until and row.locked_until > operation.now:
        raise AgentLocked(until=row.locked_until)
    return row is not None


def refuse_locked_door(connection: Connection, number: str, door: Door, now: datetime) -> None:
    """Raises: AgentLocked while wrong PINs have locked an agent's door."""
    until = connection.execute(_UNTIL, {"of": number, "at": door.lane}).scalar()
    if until is not None and until > now:
        raise AgentLocked(until=until)


def forget_wrong_pins(operation: Operation, number: str, door: Door) -> None:
    """Forgets the wrong PINs of a door after a right one."""
    operation.connection.execute(_CLEAR, {"of": number, "at": door.lane})


def count_wrong_pin(operation: Operation, number: str, door: Door, *, known: bool) -> None:
    """Counts a wrong PIN, and locks the door after too many. `known`: an agent has the number.

    Guesses sent at the same moment are counted one by one.

    Raises: AgentLocked if the door was locked before.
    """
    columns, now, number = agent_lock.c, operation.now, number[:_LONGEST_NUMBER] or "-"
    stale = columns.tried_at < now - _FORGOTTEN_AFTER
    before = case((stale, 0), else_=columns.locks)
    full = columns.wrong_pins + 1 >= WRONG_PINS_ALLOWED
    statement = insert(agent_lock).values(number=number, door=door.lane, wrong_pins=1, tried_at=now)
    counted = operation.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["number", "door"],
            set_={
                "wrong_pins": case((full, 0), else_=columns.wrong_pins + 1),
                "locks": case((full, func.least(before + 1, 1000)), else_=before),
                "locked_until": case((full, now + _length_of_lock(before)), else_=None),
                "tried_at": now,
            },
            where=or_(columns.locked_until.is_(None), columns.locked_until <= now),
        ).returning(columns.locks, columns.locked_until)
    ).one_or_none()
    if counted is None:
        params = {"of": number, "at": door.lane}
        raise AgentLocked(until=operation.connection.execute(_UNTIL, params).scalar_one())
    if counted.locked_until:
        _tell_of_lock(operation, number, door, known=known, locks=counted.locks)


def unlock_agent(operation: Operation, number: str) -> int:
    """Opens every door that wrong PINs have locked for an agent. Returns how many were.

    Raises: AgentUnknown.
    """
    require_agent(operation.connection, number)
    columns = agent_lock.c
    opened = operation.connection.execute(
        delete(agent_lock).where(columns.number == number).returning(columns.locked_until)
    ).scalars()
    count = len([until for until in opened if until and until > operation.now])
    record_audit(operation, "agent_unlocked", f"agent:{number}", doors=count)
    return count


def list_all_locks(
    connection: Connection, now: datetime, only: Collection[str] | None = None
) -> dict[str, list[str]]:
    """Returns the kinds of doors that are locked now, by number; of all agents, or `only` these."""
    columns = agent_lock.c
    statement = select(columns.number, columns.door).where(columns.locked_until > now)
    if only is not None:
        statement = statement.where(columns.number.in_(only))
    rows = connection.execute(statement.order_by(columns.number, columns.door))
    doors: dict[str, list[str]] = {}
    for row in rows:
        doors.setdefault(row.number, []).append(Door(row.door).kind)
    return doors


def forget_locks(operation: Operation) -> int:
    """Deletes counts that are so old that they count no more. Returns how many."""
    old = agent_lock.c.tried_at < operation.now - _FORGOTTEN_AFTER
    return int(operation.connection.execute(delete(agent_lock).where(old)).rowcount)


def require_agent(connection: Connection, number: str) -> int:
    """Returns our own id of the agent of this number, dismissed or not. Raises: AgentUnknown."""
    found = connection.execute(select(agent.c.id).where(agent.c.number == number)).scalar()
    if found is None:
        raise AgentUnknown(number=number)
    return int(found)


def _length_of_lock(locks: ColumnElement[int]) -> ColumnElement[timedelta]:
    """Returns how long the next lock is: twice the one before, and never over the longest."""
    doubled = LOCKED_FOR * func.power(2, func.least(locks, 10))
    return func.least(doubled, LONGEST_LOCK)


def _tell_of_lock(
    operation: Operation, number: str, door: Door, *, known: bool, locks: int
) -> None:
    metrics.agent_locks.labels(door.kind, "known" if known else "unknown").inc()
    if known:
        _log.error("agent_locked", agent=number, door=door.kind, locks=locks)
        record_audit(operation, "agent_locked", f"agent:{number}", door=door.kind, locks=locks)
