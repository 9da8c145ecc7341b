"""Agents' sessions at the till, kept here so that each can be ended: a cookie alone opens nothing.

What ends all of an agent's sessions also raises the agent's `generation`, which a dialogue on the
phone had read when it began: it ends with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from pydantic import SecretStr
from sqlalchemy import Connection, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.agents.locks import require_agent
from app.agents.models import agency, agent, agent_session
from app.agents.queries import AGENT, WORKING, Agent
from app.audit.service import record_audit
from app.base.operation import Operation

WORKING_DAY = timedelta(hours=10)
IDLE = timedelta(minutes=30)
_KEPT_FOR = timedelta(days=30)
_TOKEN_BITS = 256


@dataclass(frozen=True, slots=True)
class AgentSession:
    """A session at the till as a request finds it.

    `pin_due`: the till was idle, and the PIN is asked before money moves. `must_choose`: the agent
    has a one-time PIN, and can only choose another.
    """

    id: int
    agent: Agent
    pin_due: bool
    must_choose: bool


@dataclass(frozen=True, slots=True)
class ListedSession:
    """An open session of an agent, and when it was used last."""

    id: int
    began_at: datetime
    seen_at: datetime


# What a session must be to be open; `started_params` has the parameters.
STARTED = (
    agent_session.c.ended_at.is_(None),
    agent_session.c.began_at > bindparam("began_after"),
    agent_session.c.seen_at > bindparam("seen_after"),
)
_USE = (
    update(agent_session)
    .values(
        seen_at=bindparam("at"),
        pin_due=or_(agent_session.c.pin_due, agent_session.c.seen_at <= bindparam("idle_since")),
    )
    .where(
        agent_session.c.token_digest == bindparam("digest"),
        *STARTED,
        agent.c.id == agent_session.c.agent_id,
        agency.c.code == agent.c.agency_code,
        *WORKING,
    )
    .returning(agent_session.c.id, agent_session.c.pin_due, agent.c.pin_expires_at, *AGENT)
)


def begin_session(operation: Operation, random: Random, agent_id: int) -> SecretStr:
    """Opens a session for an agent who signed in, and returns the token that names it."""
    token = SecretStr(f"{random.getrandbits(_TOKEN_BITS):064x}")
    now = operation.now
    number = _number_of(operation.connection, agent_id)
    operation.connection.execute(
        insert(agent_session).values(
            token_digest=_digest(token), agent_id=agent_id, began_at=now, seen_at=now
        )
    )
    record_audit(operation, "agent_signed_in", f"agent:{number}")
    return token


def use_session(operation: Operation, token: SecretStr, idle: timedelta) -> AgentSession | None:
    """Returns the session that a token names, and notes that it was used. None if it is over.

    It is over for a dismissed agent and in a closed agency too. After `idle` the PIN falls due.
    """
    now = operation.now
    params = started_params(now) | {
        "digest": _digest(token),
        "at": now,
        "idle_since": now - idle,
    }
    row = operation.connection.execute(_USE, params).one_or_none()
    if row is None:
        return None
    return AgentSession(row.id, Agent.of(row), row.pin_due, row.pin_expires_at is not None)


def confirm_pin(operation: Operation, session_id: int) -> None:
    """Notes that the PIN was typed in a session: money may move until it is idle again."""
    operation.connection.execute(
        update(agent_session).where(agent_session.c.id == session_id).values(pin_due=False)
    )


def end_session(operation: Operation, token: SecretStr) -> bool:
    """Ends the session that a token names, and with it every copy. False if it was over."""
    columns = agent_session.c
    ended = operation.connection.execute(
        update(agent_session)
        .where(columns.token_digest == _digest(token), columns.ended_at.is_(None))
        .values(ended_at=operation.now, ended_by="sign_out")
        .returning(columns.agent_id)
    ).scalar()
    if ended is None:
        return False
    number = _number_of(operation.connection, ended)
    record_audit(operation, "agent_signed_out", f"agent:{number}")
    return True


def end_sessions(operation: Operation, agent_ids: Sequence[int], why: str) -> int:
    """Ends all that these agents had begun, at till and phone. Returns how many sessions.

    `why` is `new_pin`, `dismissal`, `agency_closed`, `office` or `changed`.
    """
    if not agent_ids:
        return 0
    columns = agent_session.c
    # In the order of ids: two who end the same sessions at once never wait for each other.
    operation.connection.execute(
        select(agent.c.id).where(agent.c.id.in_(agent_ids)).order_by(agent.c.id).with_for_update()
    )
    operation.connection.execute(
        update(agent).where(agent.c.id.in_(agent_ids)).values(generation=agent.c.generation + 1)
    )
    ended = operation.connection.execute(
        update(agent_session)
        .where(columns.agent_id.in_(agent_ids), columns.ended_at.is_(None))
        .values(ended_at=operation.now, ended_by=why)
    )
    return ended.rowcount


def end_sessions_of(operation: Operation, number: str) -> int:
    """Ends all sessions of the agent with this number, for the office. Raises: AgentUnknown."""
    agent_id = require_agent(operation.connection, number)
    count = end_sessions(operation, [agent_id], "office")
    record_audit(operation, "agent_sessions_ended", f"agent:{number}", sessions=count)
    return count


def list_sessions(connection: Connection, number: str, now: datetime) -> list[ListedSession]:
    """Returns an agent's open sessions, newest first. Raises: AgentUnknown."""
    columns = agent_session.c
    rows = connection.execute(
        select(columns.id, columns.began_at, columns.seen_at)
        .where(columns.agent_id == require_agent(connection, number), *STARTED)
        .order_by(columns.began_at.desc()),
        started_params(now),
    )
    return [ListedSession(row.id, row.began_at, row.seen_at) for row in rows]


def count_sessions(connection: Connection, now: datetime, seen_before: datetime | None) -> int:
    """Counts the open sessions of all agents, or those that were used last before a moment."""
    opened = select(func.count()).select_from(agent_session).where(*STARTED)
    if seen_before:
        opened = opened.where(agent_session.c.seen_at < seen_before)
    return int(connection.execute(opened, started_params(now)).scalar_one())


def started_params(now: datetime) -> dict[str, object]:
    """Returns the parameters of `STARTED`."""
    return {"began_after": now - WORKING_DAY, "seen_after": now - IDLE}


def forget_sessions(operation: Operation) -> int:
    """Deletes the sessions that began so long ago that nobody asks for them. Returns how many."""
    old = agent_session.c.began_at < operation.now - _KEPT_FOR
    return operation.connection.execute(delete(agent_session).where(old)).rowcount


def _number_of(connection: Connection, agent_id: int) -> str:
    number = connection.execute(select(agent.c.number).where(agent.c.id == agent_id)).scalar_one()
    return str(number)


def _digest(token: SecretStr) -> bytes:
    return hashlib.sha256(token.get_secret_value().encode()).digest()
