"""Bounds an agent's look-ups of a day that found no code, at till and phone together.

A slip of the fingers is refused by the check digit and asks nothing: codes that are well formed and
nobody's are what a guesser types. A day begins at midnight in Morocco.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import case, update

from app.agents.errors import TooManyLookUps
from app.agents.models import agent
from app.agents.queries import Agent
from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.operation import Operation

UNKNOWN_CODES_A_DAY = 20
_log = structlog.get_logger("agents")


def refuse_out_of_look_ups(who: Agent, now: datetime) -> None:
    """Raises: TooManyLookUps for an agent who had the day's unknown codes, as last read."""
    if who.unknown_codes_on == local_date(now) and who.unknown_codes >= UNKNOWN_CODES_A_DAY:
        raise TooManyLookUps()


def count_unknown_code(operation: Operation, who: Agent) -> None:
    """Counts a look-up that found nothing; those of one moment are counted one by one.

    The caller commits after a refusal too.

    Raises: TooManyLookUps if it was one too many.
    """
    columns, today = agent.c, local_date(operation.now)
    goes_on = columns.unknown_codes_on == today
    counted = operation.connection.execute(
        update(agent)
        .where(columns.id == who.id)
        .values(
            unknown_codes=case((goes_on, columns.unknown_codes + 1), else_=1),
            unknown_codes_on=today,
        )
        .returning(columns.unknown_codes)
    ).scalar_one()
    if counted == UNKNOWN_CODES_A_DAY:
        record_audit(operation, "agent_look_ups_used_up", f"agent:{who.number}", unknown=counted)
        _log.error("agent_look_ups_used_up", agent=who.number, unknown=counted)
    if counted > UNKNOWN_CODES_A_DAY:
        raise TooManyLookUps()
