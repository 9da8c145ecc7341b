"""The agent's entry 1: a code, what it pays, the cash, the PIN, the receipt.

`facts["g"]` is the agent's id, read by phone when dialling. The agent is read again at each step:
whoever was dismissed may do nothing more.
"""

from datetime import UTC, datetime
from typing import Any

import structlog
from pydantic import SecretStr

from app.agents.errors import AgentLocked, WrongPin
from app.agents.queries import Agent, find_agent
from app.agents.service import sign_in
from app.base.database import reading
from app.base.errors import InvalidInput, MaalemError
from app.base.money import Money
from app.base.months import Month, Period
from app.enrolment.rules import masked_name
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.observe import metrics
from app.payments.agent_day import find_agent_day
from app.payments.collector import at_till
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.errors import (
    CodeCancelled,
    CodeExpired,
    CodeMistyped,
    CodePaid,
    CodeReversed,
    CodeUnknown,
    OverCodeLimit,
    OverDayLimit,
    OverFloatLimit,
)
from app.payments.presentment import get_payable
from app.payments.receipts import PresentedBill
from app.payments.rules import read_code
from app.payments.wording import period_words
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Values

_log = structlog.get_logger("till")
_REFUSALS = (
    CodeUnknown,
    CodePaid,
    CodeExpired,
    CodeCancelled,
    CodeReversed,
    OverCodeLimit,
    OverDayLimit,
    OverFloatLimit,
)
# How long a PIN is (app/agents/service.py), and no longer text is looked at.
_PIN_LENGTHS = range(4, 9)


@vocabulary.check("payment_code")
def payment_code(typed: str, _now: datetime) -> str:
    """The twelve digits; a wrong or swapped one is found here, before any query."""
    try:
        return read_code(typed)
    except CodeMistyped:
        raise InvalidInput(what="payment_code", why="a wrong digit") from None


@vocabulary.check("agent_pin")
def agent_pin(typed: str, _now: datetime) -> str:
    if not (typed.isascii() and typed.isdecimal() and len(typed) in _PIN_LENGTHS):
        raise InvalidInput(what="agent_pin", why="not 4 to 8 digits")
    return typed


@vocabulary.action("look_at_code_to_pay", "payable", "received", "refused", "dismissed")
def look_at_code_to_pay(dialogue: Dialogue) -> str:
    """What to ask for, before any cash. A code this agent took shows its receipt again."""
    with reading(dialogue.services.database) as connection:
        day = find_agent_day(connection, dialogue.facts["g"], dialogue.now)
        if day is None:
            return "dismissed"
        try:
            code = dialogue.answers["till_code"]
            payable = get_payable(connection, code, day.agent, day.totals, dialogue.now)
        except _REFUSALS as refusal:
            return _refused(dialogue, day.agent, refusal)
    dialogue.facts["till_code"] = _packed_code(payable)
    return "payable"


@vocabulary.source("code_to_pay")
def code_to_pay(dialogue: Dialogue) -> Values:
    if not (row := dialogue.facts.get("till_code")):
        raise NothingToShow()
    _, total, name, first, last = row
    period = period_words(Period(Month.parse(first), Month.parse(last)))
    return {"total": Money(total), "name": name, "period": period}


@vocabulary.action("redeem_code", "received", "wrong_pin", "locked", "refused", "dismissed")
def redeem(dialogue: Dialogue) -> str:
    """Books the cash for the code that was shown, once. No answer by SMS: a PIN is kept nowhere,
    and whoever types the code again sees whether it was booked.
    """
    if not dialogue.facts.get("till_code"):
        raise NothingToShow()
    with reading(dialogue.services.database) as connection:
        agent = find_agent(connection, dialogue.facts["g"])
    if agent is None:
        return "dismissed"
    try:
        _check_pin(dialogue, agent)
        receipt = _redeem(dialogue, agent)
    except WrongPin:
        return "wrong_pin"
    except AgentLocked as locked:
        dialogue.facts["till_until"] = int(locked.params["until"].timestamp())
        return "locked"
    except _REFUSALS as refusal:
        return _refused(dialogue, agent, refusal)
    _keep_receipt(dialogue, receipt, Money(dialogue.facts.pop("till_code")[1]))
    _log.info("deposit", agent=agent.number, receipt=receipt)
    return "received"


def _actor_of(agent: Agent) -> str:
    return f"agent:{agent.number}"


def _check_pin(dialogue: Dialogue, agent: Agent) -> None:
    """Committed whatever comes of it, so that a wrong PIN counts."""
    refused: WrongPin | AgentLocked
    with begin_operation(dialogue, _actor_of(agent)) as operation:
        try:
            sign_in(operation, agent.number, SecretStr(dialogue.answers["till_pin"]))
            return
        except (WrongPin, AgentLocked) as error:
            refused = error
    raise refused


def _redeem(dialogue: Dialogue, agent: Agent) -> str:
    """The same hop again has the same key, and so the same receipt."""
    code = dialogue.facts["till_code"][0]
    with begin_operation(dialogue, _actor_of(agent)) as operation:
        confirmation = CashConfirmation(code, f"phone:{dialogue.action_key}:{code}")
        collector = at_till(agent, "phone")
        return redeem_code(operation, dialogue.services, collector, confirmation)


def _keep_receipt(dialogue: Dialogue, receipt: str, total: Money) -> None:
    dialogue.facts["till_receipt"] = [receipt, total.centimes]


@vocabulary.source("deposit_receipt")
def deposit_receipt(dialogue: Dialogue) -> Values:
    if not (row := dialogue.facts.get("till_receipt")):
        raise NothingToShow()
    return {"receipt": row[0], "total": Money(row[1])}


@vocabulary.source("agent_lock")
def agent_lock(dialogue: Dialogue) -> Values:
    if not (until := dialogue.facts.get("till_until")):
        raise NothingToShow()
    return {"until": datetime.fromtimestamp(until, UTC)}


def _refused(dialogue: Dialogue, agent: Agent, refusal: MaalemError) -> str:
    """Keeps why, for the screen; a code that this agent took before shows its receipt again."""
    dialogue.facts.pop("till_code", None)
    if refusal.params.get("agent") == agent.number:
        _keep_receipt(dialogue, refusal.params["receipt"], refusal.params["total"])
        return "received"
    metrics.redemptions_refused.labels(refusal.code).inc()
    named = {"expired_at": "ended_at", "cancelled_at": "ended_at", "reversed_at": "ended_at"}
    told = {named.get(name, name): _packed(value) for name, value in refusal.params.items()}
    here = "_here" if refusal.params.get("receipt") else ""
    dialogue.facts["till_refusal"] = [f"refused.{refusal.code}{here}", told]
    return "refused"


@vocabulary.source("refused_code")
def refused_code(dialogue: Dialogue) -> Values:
    if not (row := dialogue.facts.get("till_refusal")):
        raise NothingToShow()
    key, told = row
    return {"refusal": Say(key, {name: _unpacked(value) for name, value in told.items()})}


def _packed_code(code: PresentedBill) -> list[Any]:
    months = str(code.period.first), str(code.period.last)
    return [code.code, code.total.centimes, masked_name(code.full_name), *months]


def _packed(value: object) -> list[Any]:
    if isinstance(value, Money):
        return ["money", value.centimes]
    if isinstance(value, datetime):
        return ["moment", int(value.timestamp())]
    return ["text", str(value)]


def _unpacked(row: list[Any]) -> object:
    kind, value = row
    if kind == "money":
        return Money(value)
    return datetime.fromtimestamp(value, UTC) if kind == "moment" else value
