"""The agent's entries 2 to 5: the day, the limits, the agent's own AMO, the language."""

from __future__ import annotations

from app.agents.errors import AgentBarred, SessionOver
from app.base.database import reading
from app.base.money import Money
from app.journeys.agent_pin import get_acting_agent, read_open_day, store_agent_refusal
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.journeys.facts import AgentDayFacts, ClosedDay
from app.payments.agent_day import AgentDay, DayDeposit, close_day, find_agent_day
from app.payments.limits import rest_of
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values


@vocabulary.guard("is_artisan_too")
def is_artisan_too(dialogue: Dialogue) -> bool:
    return dialogue.facts.artisan is not None


@vocabulary.action("look_at_agent_day", "seen", "locked", "dismissed", "signed_out")
def look_at_agent_day(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        found = find_agent_day(connection, _get_agent_id(dialogue), dialogue.now)
    if isinstance(day := read_open_day(dialogue, found), str):
        return day
    dialogue.facts.agent_day = AgentDayFacts(
        total=day.totals.by_agent,
        deposits=day.deposits,
        newest=day.newest,
        code_limit=day.agent.code_limit or None,
        day_limit=day.agent.day_limit or None,
        rest=_get_rest(day),
    )
    return "seen"


@vocabulary.source("agent_day")
def describe_agent_day(dialogue: Dialogue) -> Values:
    day = _get_day(dialogue)
    return {"day_total": day.total, "deposits": day.deposits}


@vocabulary.guard("has_deposits")
def has_deposits(dialogue: Dialogue) -> bool:
    return bool(_get_day(dialogue).newest)


@vocabulary.rows("deposits_of_day")
def list_deposits_of_day(dialogue: Dialogue) -> list[Row]:
    newest = _get_day(dialogue).newest
    return [Row(deposit.receipt, _describe_deposit(deposit)) for deposit in newest]


@vocabulary.source("deposit_of_day")
def describe_deposit_of_day(dialogue: Dialogue) -> Values:
    receipt = dialogue.answers.till_deposit
    for deposit in _get_day(dialogue).newest:
        if deposit.receipt == receipt:
            return _describe_deposit(deposit)
    raise NothingToShow()


@vocabulary.action("close_agent_day", "closed", "dismissed", "signed_out")
def close_agent_day(dialogue: Dialogue) -> str:
    """Records that the agent counted the cash, with the sum of this moment, as the till does."""
    try:
        with begin_operation(dialogue, "agent") as operation:
            agent = get_acting_agent(operation.connection, dialogue)
            closed = close_day(operation, agent.id)
    except (AgentBarred, SessionOver) as refusal:
        return store_agent_refusal(dialogue, refusal)
    dialogue.facts.closed_day = ClosedDay(closed.closed_total, dialogue.now)
    return "closed"


@vocabulary.source("agent_day_closed")
def describe_closed_day(dialogue: Dialogue) -> Values:
    if (closed := dialogue.facts.closed_day) is None:
        raise NothingToShow()
    return {"day_total": closed.total, "ended_at": closed.closed_at}


@vocabulary.source("agent_limits")
def describe_agent_limits(dialogue: Dialogue) -> Values:
    day = _get_day(dialogue)
    return {
        "per_code": _word_limit(day.code_limit),
        "per_day": _word_limit(day.day_limit),
        "day_total": day.total,
        "rest": _word_limit(day.rest),
    }


def _get_rest(day: AgentDay) -> Money | None:
    """Returns what may still be taken today, by the agent's own limit and the agency's."""
    limits = (
        (day.agent.day_limit, day.totals.by_agent),
        (day.agent.float_limit, day.totals.by_agency),
    )
    return min((rest_of(limit, total) for limit, total in limits if limit), default=None)


def _word_limit(limit: Money | None) -> Say:
    return Say("limit.none") if limit is None else Say("limit.some", {"limit": limit})


def _describe_deposit(deposit: DayDeposit) -> Values:
    return {
        "receipt": deposit.receipt,
        "total": deposit.total,
        "received_at": deposit.received_at,
    }


def _get_day(dialogue: Dialogue) -> AgentDayFacts:
    if (day := dialogue.facts.agent_day) is None:
        raise NothingToShow()
    return day


def _get_agent_id(dialogue: Dialogue) -> int:
    if (agent_id := dialogue.facts.agent_id) is None:
        raise NothingToShow()
    return agent_id
