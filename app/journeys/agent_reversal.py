"""The agent's entry 2, a deposit of the day undone: the reason, the PIN, and who else agrees."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import structlog
from pydantic import SecretStr

from app.agents.errors import SessionOver
from app.agents.locks import Door
from app.agents.queries import Agent, hold_agent
from app.base.database import reading
from app.base.errors import InvalidInput, MaalemError
from app.base.money import Money
from app.journeys.agent import keep_value
from app.journeys.agent_pin import (
    AGENT_REFUSALS,
    OUTCOMES,
    check_agents_pin,
    find_acting_agent,
    store_agent_refusal,
)
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.journeys.facts import AgentReceipt, CodeRefusal, ReversalBegun
from app.observe import metrics
from app.payments.errors import (
    AlreadyPosted,
    AlreadyReversed,
    NoPhoneForCode,
    OverReversalLimit,
    ReceiptUnknown,
    ReversalCodeWrong,
    ReversalNotAlone,
    ReversalTooLate,
    SecondAgentRefused,
    TooManyCodes,
)
from app.payments.reversal_codes import try_reversal_code
from app.payments.reversals import REASONS, ReversalRequest, reverse_deposit
from app.payments.till_reversals import (
    SecondAgentEntry,
    check_second_agent,
    find_reversal_terms,
    send_reversal_code,
)
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

_log = structlog.get_logger("till")
_FINAL = (
    AlreadyPosted,
    AlreadyReversed,
    NoPhoneForCode,
    OverReversalLimit,
    ReceiptUnknown,
    ReversalTooLate,
    TooManyCodes,
)
_AGAIN = (ReversalCodeWrong, SecondAgentRefused)
# A PIN typed in this dialogue holds so long, for this one deposit.
_PIN_HOLDS = timedelta(minutes=5)


@vocabulary.check("agent_number")
def read_agent_number(typed: str, _now: datetime) -> str:
    if not re.fullmatch(r"[0-9]{3,12}", typed):
        raise InvalidInput(what="agent_number", why="not 3 to 12 digits")
    return typed


@vocabulary.rows("reversal_reasons")
def list_reversal_reasons(dialogue: Dialogue) -> list[Row]:
    """Lists the reasons that the screen says; the one chosen is kept by its name."""
    return [
        Row(reason, {"reversal_reason": Say(sentence)})
        for reason, sentence in zip(REASONS, dialogue.says, strict=True)
    ]


@vocabulary.guard("artisan_has_phone")
def artisan_has_phone(dialogue: Dialogue) -> bool:
    allowed = dialogue.facts.reversal
    return allowed is not None and allowed.has_phone


@vocabulary.action("reverse_deposit", "reversed", "not_alone", "refused", *OUTCOMES.values())
def reverse_alone(dialogue: Dialogue) -> str:
    """Checks the PIN, and reverses the deposit if the agent may do so alone."""
    if isinstance(agent := find_acting_agent(dialogue), str):
        return agent
    try:
        check_agents_pin(dialogue, agent)
    except AGENT_REFUSALS as refusal:
        return store_agent_refusal(dialogue, refusal)
    receipt = _get_receipt(dialogue)
    with reading(dialogue.services.database) as connection:
        terms = find_reversal_terms(connection, dialogue.services, agent, receipt, dialogue.now)
    dialogue.facts.reversal = ReversalBegun(receipt, terms.has_phone, dialogue.now)
    return _reverse(dialogue, agent)


@vocabulary.action(
    "reverse_with_second_agent",
    "reversed",
    "again",
    "pin_again",
    "refused",
    "dismissed",
    "signed_out",
)
def reverse_with_second_agent(dialogue: Dialogue) -> str:
    """Reverses the deposit, if another agent of the agency typed number and PIN."""
    if isinstance(agent := find_acting_agent(dialogue), str):
        return agent
    if not _has_typed_pin(dialogue):
        return "pin_again"
    try:
        second = _check_second_agent(dialogue, agent)
    except SecondAgentRefused as refusal:
        return _store_refusal(dialogue, refusal, "again")
    return _reverse(dialogue, agent, second=second)


@vocabulary.action("send_reversal_code", "sent", "pin_again", "refused", "dismissed", "signed_out")
def ask_artisans_code(dialogue: Dialogue) -> str:
    """Sends the artisan the code to read out; while one is live no other is sent."""
    if isinstance(agent := find_acting_agent(dialogue), str):
        return agent
    if not _has_typed_pin(dialogue):
        return "pin_again"
    try:
        with begin_operation(dialogue, f"agent:{agent.number}") as operation:
            send_reversal_code(operation, dialogue.services, _make_request(dialogue, agent))
    except _FINAL as refusal:
        return _store_refusal(dialogue, refusal, "refused")
    return "sent"


@vocabulary.action(
    "reverse_with_code", "reversed", "again", "pin_again", "refused", "dismissed", "signed_out"
)
def reverse_with_code(dialogue: Dialogue) -> str:
    """Reverses the deposit, if the artisan's code is right; a wrong try counts."""
    if isinstance(agent := find_acting_agent(dialogue), str):
        return agent
    if not _has_typed_pin(dialogue):
        return "pin_again"
    code = SecretStr(dialogue.answers.reversal_code or "")
    try:
        _try_code(dialogue, agent, code)
    except ReversalCodeWrong as refusal:
        return _store_refusal(dialogue, refusal, "again")
    except AlreadyReversed as refusal:
        return _store_refusal(dialogue, refusal, "refused")
    return _reverse(dialogue, agent, code=code)


def _reverse(
    dialogue: Dialogue,
    agent: Agent,
    second: Agent | None = None,
    code: SecretStr | None = None,
) -> str:
    """Reverses the deposit with who agreed. Returns the outcome."""
    request = _make_request(dialogue, agent, second, code)
    try:
        with begin_operation(dialogue, f"agent:{agent.number}") as operation:
            hold_agent(operation.connection, agent.id, agent.generation)
            reverse_deposit(operation, dialogue.services, request)
    except SessionOver as refusal:
        return store_agent_refusal(dialogue, refusal)
    except ReversalNotAlone as refusal:
        return _store_refusal(dialogue, refusal, "not_alone")
    except _AGAIN as refusal:
        return _store_refusal(dialogue, refusal, "again")
    except _FINAL as refusal:
        return _store_refusal(dialogue, refusal, "refused")
    dialogue.facts.reversal = None
    dialogue.facts.agent_receipt = AgentReceipt(request.receipt, _get_total(dialogue), dialogue.now)
    metrics.reversals.labels("phone").inc()
    _log.info("reversal", agent=agent.number, receipt=request.receipt)
    return "reversed"


@vocabulary.source("reversed_deposit")
def describe_reversed_deposit(dialogue: Dialogue) -> Values:
    if (receipt := dialogue.facts.agent_receipt) is None:
        raise NothingToShow()
    return {"receipt": receipt.receipt, "total": receipt.total}


def _make_request(
    dialogue: Dialogue,
    agent: Agent,
    second: Agent | None = None,
    code: SecretStr | None = None,
) -> ReversalRequest:
    if (reason := dialogue.answers.reversal_reason) is None:
        raise NothingToShow()
    return ReversalRequest(
        _get_receipt(dialogue),
        "phone",
        reason,
        agent.network,
        agent.agency_code,
        agent=agent,
        second=second,
        artisan_code=code,
    )


def _check_second_agent(dialogue: Dialogue, first: Agent) -> Agent:
    """Checks number and PIN in a transaction that is committed even if they are wrong.

    Raises: SecondAgentRefused.
    """
    entry = SecondAgentEntry(
        dialogue.answers.second_agent or "",
        SecretStr(dialogue.answers.second_pin or ""),
        Door.colleague(first.number),
    )
    with begin_operation(dialogue, f"agent:{entry.number}") as operation:
        try:
            return check_second_agent(operation, dialogue.services, first, entry)
        except SecondAgentRefused as error:
            refusal = error
    raise refusal


def _try_code(dialogue: Dialogue, agent: Agent, code: SecretStr) -> None:
    """Tries the code in a transaction that is committed even if it is wrong.

    Raises: ReversalCodeWrong, AlreadyReversed.
    """
    with begin_operation(dialogue, f"agent:{agent.number}") as operation:
        try:
            try_reversal_code(operation, dialogue.services, _get_receipt(dialogue), code)
            return
        except ReversalCodeWrong as error:
            refusal = error
    raise refusal


def _has_typed_pin(dialogue: Dialogue) -> bool:
    """True if the agent typed the PIN for this deposit a few minutes ago at most."""
    allowed = dialogue.facts.reversal
    if allowed is None or allowed.receipt != _get_receipt(dialogue):
        return False
    return dialogue.now - allowed.pin_typed_at <= _PIN_HOLDS


def _store_refusal(dialogue: Dialogue, refusal: MaalemError, outcome: str) -> str:
    """Stores the reason for the next screen, counts it, and returns the outcome."""
    metrics.reversals_refused.labels(refusal.code).inc()
    values = tuple(keep_value(name, value) for name, value in refusal.params.items())
    dialogue.facts.code_refusal = CodeRefusal(f"refused.{refusal.code}", values)
    return outcome


def _get_receipt(dialogue: Dialogue) -> str:
    if (receipt := dialogue.answers.till_deposit) is None:
        raise NothingToShow()
    return receipt


def _get_total(dialogue: Dialogue) -> Money:
    """Returns the deposit's total, as the day that was shown has it."""
    receipt, day = _get_receipt(dialogue), dialogue.facts.agent_day
    for deposit in day.newest if day else ():
        if deposit.receipt == receipt:
            return deposit.total
    raise NothingToShow()
