"""The agent's entry 1: a code, its amount, the cash, the PIN, the receipt.

The agent is known by phone when dialling, and read again at each step: a dismissed agent can do
nothing more.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from app.agents.errors import TooManyLookUps
from app.agents.look_ups import count_unknown_code, refuse_out_of_look_ups
from app.agents.queries import Agent, hold_agent
from app.base.database import reading
from app.base.errors import InvalidInput, MaalemError
from app.base.money import Money
from app.enrolment.rules import masked_name
from app.journeys.agent_pin import (
    AGENT_REFUSALS,
    OUTCOMES,
    check_agents_pin,
    find_acting_agent,
    read_open_day,
    store_agent_refusal,
)
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.journeys.facts import AgentReceipt, CodeRefusal, CodeToCollect, SentenceValue
from app.observe import metrics
from app.payments.agent_day import find_agent_day
from app.payments.card_seen import find_unproven_asker, prove_by_agent
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
from app.payments.receipts import find_booked_at
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
    TooManyLookUps,
)
# The parameters of refusals that say when a code ended.
_ENDS = {"expired_at", "cancelled_at", "reversed_at"}


@vocabulary.check("payment_code")
def read_payment_code(typed: str, _now: datetime) -> str:
    """Returns the twelve digits; a wrong or swapped one is refused here, before any query."""
    try:
        return read_code(typed)
    except CodeMistyped:
        raise InvalidInput(what="payment_code", why="a wrong digit") from None


@vocabulary.action("look_at_code_to_pay", "payable", "refused", "locked", "dismissed", "signed_out")
def look_at_code_to_pay(dialogue: Dialogue) -> str:
    """Reads the amount to ask for, before any cash.

    A code that was paid before is refused with its receipt, whoever took the cash: this may be the
    agent's own line that broke, and it may be a second customer. An agent whose phone is locked is
    told nothing of the code.
    """
    code, agent_id = dialogue.answers.till_code, dialogue.facts.agent_id
    if code is None or agent_id is None:
        raise NothingToShow()
    with reading(dialogue.services.database) as connection:
        found = find_agent_day(connection, agent_id, dialogue.now)
        if isinstance(day := read_open_day(dialogue, found), str):
            return day
        try:
            refuse_out_of_look_ups(day.agent, dialogue.now)
            bill = get_payable(connection, code, day.agent, day.totals, dialogue.now)
        except _REFUSALS as error:
            refusal, bill = error, None
    if bill is None:
        if isinstance(refusal, CodeUnknown):
            refusal = _count_unknown(dialogue, day.agent) or refusal
        return _store_refusal(dialogue, day.agent, refusal)
    name = masked_name(bill.full_name)
    dialogue.facts.code_to_collect = CodeToCollect(bill.code, bill.total, name, bill.period)
    return "payable"


def _count_unknown(dialogue: Dialogue, agent: Agent) -> TooManyLookUps | None:
    """Counts a code that is nobody's. Returns the refusal of one too many, committed as well."""
    with begin_operation(dialogue, f"agent:{agent.number}") as operation:
        try:
            count_unknown_code(operation, agent)
        except TooManyLookUps as refusal:
            return refusal
    return None


@vocabulary.source("code_to_pay")
def describe_code_to_pay(dialogue: Dialogue) -> Values:
    if (code := dialogue.facts.code_to_collect) is None:
        raise NothingToShow()
    return {
        "total": code.total,
        "name": code.name,
        "period": period_words(code.period),
    }


@vocabulary.action("redeem_code", "received", "refused", *OUTCOMES.values())
@metrics.confirmation_seconds.labels("phone").time()
def redeem_shown_code(dialogue: Dialogue) -> str:
    """Books the cash for the code that was shown, once.

    There is no answer by SMS: a PIN is never stored, and typing the code again says when it was
    paid and under which receipt.
    """
    if (shown := dialogue.facts.code_to_collect) is None:
        raise NothingToShow()
    if isinstance(agent := find_acting_agent(dialogue), str):
        return agent
    try:
        check_agents_pin(dialogue, agent)
        receipt = _redeem(dialogue, agent, shown)
    except AGENT_REFUSALS as refusal:
        return store_agent_refusal(dialogue, refusal)
    except _REFUSALS as refusal:
        return _store_refusal(dialogue, agent, refusal)
    dialogue.facts.code_to_collect = None
    dialogue.facts.agent_receipt = receipt
    _log.info("deposit", agent=agent.number, receipt=receipt.receipt)
    return "received"


def _redeem(dialogue: Dialogue, agent: Agent, shown: CodeToCollect) -> AgentReceipt:
    """Redeems the code and returns its receipt, with the moment it was booked.

    The same hop again has the same key, and so gets the same receipt; another session has another
    key, and is refused.
    """
    code = shown.code
    with begin_operation(dialogue, f"agent:{agent.number}") as operation:
        hold_agent(operation.connection, agent.id, agent.generation)
        confirmation = CashConfirmation(code, f"phone:{dialogue.action_key}:{code}")
        collector = at_till(agent, "phone")
        receipt = redeem_code(operation, dialogue.services, collector, confirmation)
        asker = find_unproven_asker(operation.connection, code)
        dialogue.facts.asker_ends = asker.e164[-4:] if asker else ""
        booked_at = find_booked_at(operation.connection, receipt)
        return AgentReceipt(receipt, shown.total, booked_at, name=shown.name)


@vocabulary.guard("asker_is_unproven")
def is_asker_unproven(dialogue: Dialogue) -> bool:
    """True if the agent may say that the card and the phone that asked for the code were seen."""
    receipt = dialogue.facts.agent_receipt
    return bool(dialogue.facts.asker_ends) and receipt is not None and not receipt.told


@vocabulary.action("note_card_seen", "noted", "dismissed", "signed_out")
def note_card_seen(dialogue: Dialogue) -> str:
    """Proves the phone that asked for the code: the agent saw the card and that phone."""
    if (receipt := dialogue.facts.agent_receipt) is None:
        raise NothingToShow()
    if isinstance(agent := find_acting_agent(dialogue), str):
        return agent
    with begin_operation(dialogue, f"agent:{agent.number}") as operation:
        prove_by_agent(operation, dialogue.services, receipt.receipt, agent)
    dialogue.facts.asker_ends = ""
    return "noted"


@vocabulary.source("deposit_receipt")
def describe_deposit_receipt(dialogue: Dialogue) -> Values:
    """Describes the new deposit; in a later session, a code that is paid already."""
    if (receipt := dialogue.facts.agent_receipt) is None:
        raise NothingToShow()
    ends = {"ends": dialogue.facts.asker_ends}
    number, total, booked_at = receipt.receipt, receipt.total, receipt.booked_at
    if receipt.told:
        paid = {"paid_at": booked_at, "total": total, "receipt": number}
        return {"booking": Say("refused.code_paid_by_you", paid), **ends}
    new = {"total": total, "name": receipt.name, "receipt": number, "booked_at": booked_at}
    return {"booking": Say("booking.new", new), **ends}


def _store_refusal(dialogue: Dialogue, agent: Agent, refusal: MaalemError) -> str:
    """Stores the reason for the next screen and returns the outcome."""
    dialogue.facts.code_to_collect = None
    params = refusal.params
    metrics.redemptions_refused.labels(refusal.code).inc()
    by = params.get("agent")
    more = "" if by is None else "_by_you" if by == agent.number else "_here"
    dialogue.facts.code_refusal = CodeRefusal(
        f"refused.{refusal.code}{more}",
        tuple(keep_value(name, value) for name, value in params.items()),
    )
    return "refused"


def keep_value(name: str, value: object) -> SentenceValue:
    """Returns a refusal's parameter as its sentence knows it: every end is `ended_at`."""
    name = "ended_at" if name in _ENDS else name
    if isinstance(value, Money):
        return SentenceValue(name, money=value)
    if isinstance(value, datetime):
        return SentenceValue(name, moment=value)
    return SentenceValue(name, text=str(value))


@vocabulary.source("refused_code")
def describe_refused_code(dialogue: Dialogue) -> Values:
    if (refusal := dialogue.facts.code_refusal) is None:
        raise NothingToShow()
    values = {kept.name: kept.value for kept in refusal.values}
    return {"refusal": Say(refusal.sentence, values)}
