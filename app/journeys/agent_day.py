"""The agent's entries 2 to 5: the day, the limits, the own AMO, the language."""

from datetime import UTC, datetime
from typing import Any

from app.agents.queries import find_agent
from app.base.database import reading
from app.base.money import Money
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.payments.agent_day import AgentDay, close_day, find_agent_day
from app.payments.limits import rest_of
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values


@vocabulary.guard("is_artisan_too")
def is_artisan_too(dialogue: Dialogue) -> bool:
    return bool(dialogue.facts.get("a"))


@vocabulary.action("look_at_agent_day", "seen", "dismissed")
def look_at_agent_day(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        day = find_agent_day(connection, dialogue.facts["g"], dialogue.now)
    if day is None:
        return "dismissed"
    dialogue.facts["till_day"] = {
        "total": day.totals.by_agent.centimes,
        "count": day.deposits,
        "newest": [
            [one.receipt, one.total.centimes, int(one.received_at.timestamp())]
            for one in day.newest
        ],
        "limits": [_centimes(day.agent.code_limit), _centimes(day.agent.day_limit), _rest(day)],
    }
    return "seen"


@vocabulary.source("agent_day")
def agent_day(dialogue: Dialogue) -> Values:
    day = _day(dialogue)
    return {"day_total": Money(day["total"]), "deposits": day["count"]}


@vocabulary.guard("has_deposits")
def has_deposits(dialogue: Dialogue) -> bool:
    return bool(_day(dialogue)["newest"])


@vocabulary.rows("deposits_of_day")
def deposits_of_day(dialogue: Dialogue) -> list[Row]:
    return [Row(row[0], _deposit_values(row)) for row in _day(dialogue)["newest"]]


@vocabulary.source("deposit_of_day")
def deposit_of_day(dialogue: Dialogue) -> Values:
    for row in _day(dialogue)["newest"]:
        if row[0] == dialogue.answers.get("till_deposit"):
            return _deposit_values(row)
    raise NothingToShow()


@vocabulary.action("close_agent_day", "closed", "dismissed")
def close_agent_day(dialogue: Dialogue) -> str:
    """What the agent counted is noted with the sum of this moment, as at the till's page."""
    with begin_operation(dialogue) as operation:
        if find_agent(operation.connection, dialogue.facts["g"]) is None:
            return "dismissed"
        closed = close_day(operation, dialogue.facts["g"])
    dialogue.facts["till_closed"] = [closed.closed_total.centimes, int(dialogue.now.timestamp())]
    return "closed"


@vocabulary.source("agent_day_closed")
def agent_day_closed(dialogue: Dialogue) -> Values:
    if not (row := dialogue.facts.get("till_closed")):
        raise NothingToShow()
    total, at = row
    return {"day_total": Money(total), "ended_at": datetime.fromtimestamp(at, UTC)}


@vocabulary.source("agent_limits")
def agent_limits(dialogue: Dialogue) -> Values:
    day = _day(dialogue)
    per_code, per_day, rest = map(_limit, day["limits"])
    return {
        "per_code": per_code,
        "per_day": per_day,
        "day_total": Money(day["total"]),
        "rest": rest,
    }


def _rest(day: AgentDay) -> int | None:
    """What may still be taken today, by the agent's own limit and the agency's."""
    limits = (
        (day.agent.day_limit, day.totals.by_agent),
        (day.agent.float_limit, day.totals.by_agency),
    )
    rests = [rest_of(limit, taken).centimes for limit, taken in limits if limit]
    return min(rests) if rests else None


def _limit(centimes: int | None) -> Say:
    return Say("limit.none") if centimes is None else Say("limit.some", {"limit": Money(centimes)})


def _deposit_values(row: list[Any]) -> Values:
    receipt, total, at = row
    received_at = datetime.fromtimestamp(at, UTC)
    return {"receipt": receipt, "total": Money(total), "received_at": received_at}


def _day(dialogue: Dialogue) -> dict[str, Any]:
    day: dict[str, Any] | None = dialogue.facts.get("till_day")
    if day is None:
        raise NothingToShow()
    return day


def _centimes(limit: Money | None) -> int | None:
    return limit.centimes if limit else None
