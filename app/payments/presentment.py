"""Presents a payable code to a till, or refuses it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from app.agents.queries import Agent
from app.payments.errors import CodeCancelled, CodeExpired, CodePaid, CodeReversed, CodeUnknown
from app.payments.limits import DayTotals, refuse_over_limits
from app.payments.receipts import FinalState, PresentedBill, find_code


def get_payable(
    connection: Connection, code: str, agent: Agent, totals: DayTotals, now: datetime
) -> PresentedBill:
    """Returns the code with name and amount for the agent to collect. Runs one statement.

    `totals` are the agent's and the agency's cash of the day, for the limits of a day.

    Raises: the same refusals as `redeem_code`.
    """
    seen = find_code(connection, code, now)
    if seen is None or seen.payable is None:
        raise refusal_of_code(seen.end if seen else None, agent, now)
    refuse_over_limits(agent, totals, seen.payable.total)
    return seen.payable


def refusal_of_code(
    end: FinalState | None, agent: Agent | None, now: datetime, network: str | None = None
) -> CodeUnknown | CodePaid | CodeExpired | CodeCancelled | CodeReversed:
    """Returns the refusal for a code that is not payable.

    Every agent learns when a paid one was paid, and under which receipt; only an agent of the same
    agency learns who collected it.
    """
    if end is None:
        return CodeUnknown()
    if end.state == "paid":
        return _refusal_of_paid(end, agent, network)
    if end.state == "reversed":
        return CodeReversed(reversed_at=end.ended_at)
    if end.state == "expired" or (end.state == "issued" and end.ended_at <= now):
        return CodeExpired(expired_at=end.ended_at)
    # It was cancelled, or it is still issued but its months are not owed any more.
    return CodeCancelled(cancelled_at=min(end.ended_at, now))


def _refusal_of_paid(end: FinalState, agent: Agent | None, network: str | None) -> CodePaid:
    paid = {"paid_at": end.ended_at, "receipt": end.receipt}
    if agent and end.agency == agent.agency_code:
        return CodePaid(**paid, agent=end.agent_number, total=end.total)
    if network and end.network != network:
        return CodePaid(**paid, why="paid by another network")
    return CodePaid(**paid)
