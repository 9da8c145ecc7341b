"""Whether a code can be paid, and the refusal where it cannot."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from app.agents.queries import Agent
from app.base.money import Money
from app.payments.errors import CodeCancelled, CodeExpired, CodePaid, CodeReversed, CodeUnknown
from app.payments.limits import DayTotals, refuse_over_limits
from app.payments.receipts import FinalState, PresentedBill, find_code


def get_payable(
    connection: Connection, code: str, agent: Agent, taken: DayTotals, now: datetime
) -> PresentedBill:
    """What the agent is to ask for, before any cash; raises what redeem_code would. One statement.

    `taken` is what was taken today, which limits of a day are told from.
    """
    seen = find_code(connection, code, now)
    if seen is None or seen.payable is None:
        raise refusal_of_code(seen.end if seen else None, agent, now)
    refuse_over_limits(agent, taken, seen.payable.total)
    return seen.payable


def refusal_of_code(
    end: FinalState | None, agent: Agent | None, now: datetime, network: str | None = None
) -> CodeUnknown | CodePaid | CodeExpired | CodeCancelled | CodeReversed:
    """The refusal for a code that cannot be paid; who paid it is told to the same agency only."""
    if end is None:
        return CodeUnknown()
    if end.state == "paid":
        if agent and end.agency == agent.agency_code:
            return CodePaid(
                paid_at=end.ended_at,
                agent=end.agent_number,
                receipt=end.receipt,
                total=Money(end.total_centimes),
            )
        if network and end.network != network:
            return CodePaid(why="paid by another network")
        return CodePaid()
    if end.state == "reversed":
        return CodeReversed(reversed_at=end.ended_at)
    if end.state == "expired" or (end.state == "issued" and end.ended_at <= now):
        return CodeExpired(expired_at=end.ended_at)
    # Cancelled, or still issued though the register says that its months are not owed any more.
    return CodeCancelled(cancelled_at=min(end.ended_at, now))
