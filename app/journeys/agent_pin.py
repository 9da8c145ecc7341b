"""The agent's PIN on the phone: checked before money moves, chosen after a one-time PIN, changed.

The agent is read again at each step: what ended the agent's sessions ends the dialogue too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import Connection

from app.agents.errors import (
    AgentBarred,
    AgentLocked,
    OneTimePinOver,
    PinNotChosen,
    PinUnchanged,
    SessionOver,
    WrongPin,
)
from app.agents.locks import Door
from app.agents.pins import MOST_DIGITS, is_agents_pin, read_agent_pin, store_form
from app.agents.queries import Agent, find_agent
from app.agents.sign_in import PinTry, SignedIn, sign_in, sign_in_with_own_pin
from app.agents.staff import choose_pin
from app.base.database import reading
from app.base.errors import InvalidInput, MaalemError, PinKeyUnknown
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.payments.agent_day import AgentDay
from app.ussd.vocabulary import NothingToShow, Values

# PINs of before the rules had four digits; a longer text is refused unread.
_LENGTHS = range(4, MOST_DIGITS + 1)
_PIN_REFUSALS = (WrongPin, AgentLocked, OneTimePinOver, PinKeyUnknown, PinNotChosen)
AGENT_REFUSALS = (*_PIN_REFUSALS, AgentBarred, SessionOver)
# The outcome of each refusal that is about the agent and not about a code.
OUTCOMES = {
    "agent_barred": "dismissed",
    "agent_locked": "locked",
    "one_time_pin_over": "one_time_over",
    "pin_key_unknown": "pin_gone",
    "pin_not_chosen": "one_time",
    "session_over": "signed_out",
    "wrong_pin": "wrong_pin",
}


@vocabulary.check("agent_pin")
def read_typed_agent_pin(typed: str, _now: datetime) -> str:
    if not (typed.isascii() and typed.isdecimal() and len(typed) in _LENGTHS):
        raise InvalidInput(what="agent_pin", why="not the digits of a PIN")
    return typed


@vocabulary.check("new_agent_pin")
def read_chosen_agent_pin(typed: str, _now: datetime) -> str:
    """Reads a new PIN; whether it is made of the agent's own numbers is seen when it is set."""
    return read_agent_pin(typed).get_secret_value()


def get_acting_agent(connection: Connection, dialogue: Dialogue) -> Agent:
    """Returns the agent of this dialogue, as the database knows them now.

    Raises: AgentBarred, SessionOver if all that the agent had begun was ended meanwhile.
    """
    if (agent_id := dialogue.facts.agent_id) is None:
        raise NothingToShow()
    if (agent := find_agent(connection, agent_id)) is None:
        raise AgentBarred()
    if agent.generation != dialogue.facts.agent_generation:
        raise SessionOver()
    return agent


def check_agents_pin(dialogue: Dialogue, agent: Agent) -> None:
    """Checks the typed PIN before money moves, committed even if it is wrong, so that it counts.

    Raises: WrongPin, AgentLocked, OneTimePinOver, PinKeyUnknown, PinNotChosen.
    """
    refusal: MaalemError
    with begin_operation(dialogue, f"agent:{agent.number}") as operation:
        try:
            sign_in_with_own_pin(operation, dialogue.services, _read_try(dialogue, agent))
            return
        except _PIN_REFUSALS as error:
            refusal = error
    if isinstance(refusal, PinNotChosen):
        dialogue.facts.agent_pin_seen = True
    raise refusal


def find_acting_agent(dialogue: Dialogue) -> Agent | str:
    """Returns the agent of this dialogue, or the outcome that tells why it is over."""
    try:
        with reading(dialogue.services.database) as connection:
            return get_acting_agent(connection, dialogue)
    except (AgentBarred, SessionOver) as refusal:
        return store_agent_refusal(dialogue, refusal)


def read_open_day(dialogue: Dialogue, day: AgentDay | None) -> AgentDay | str:
    """Returns the day of this dialogue's agent, or the outcome that tells why it is not shown."""
    if day is None:
        return "dismissed"
    if day.agent.generation != dialogue.facts.agent_generation:
        return "signed_out"
    if day.locked_until is not None:
        dialogue.facts.agent_locked_until = day.locked_until
        return "locked"
    return day


def store_agent_refusal(dialogue: Dialogue, refusal: MaalemError) -> str:
    """Stores what the next screen needs of a refusal about the agent, and returns the outcome."""
    if isinstance(refusal, AgentLocked):
        dialogue.facts.agent_locked_until = refusal.params["until"]
    return OUTCOMES[refusal.code]


@vocabulary.source("agent_lock")
def describe_agent_lock(dialogue: Dialogue) -> Values:
    if (until := dialogue.facts.agent_locked_until) is None:
        raise NothingToShow()
    return {"until": until}


@vocabulary.action(
    "check_agent_pin",
    "right",
    "wrong_pin",
    "locked",
    "one_time_over",
    "pin_gone",
    "signed_out",
    "dismissed",
)
def check_pin_of_before(dialogue: Dialogue) -> str:
    """Checks the PIN of before, own or one-time, for the choice of another."""
    try:
        _sign_in(dialogue)
    except AGENT_REFUSALS as refusal:
        return store_agent_refusal(dialogue, refusal)
    dialogue.facts.agent_pin_seen = True
    return "right"


@vocabulary.action("keep_agent_pin", "kept")
def keep_new_agent_pin(dialogue: Dialogue) -> str:
    """Keeps the new PIN's stored form until it is typed a second time."""
    pin = SecretStr(dialogue.answers.till_pin or "")
    dialogue.facts.new_agent_pin = store_form(pin, dialogue.services)
    return "kept"


@vocabulary.action("set_agent_pin", "set", "differs", "easy", "signed_out", "dismissed")
def set_new_agent_pin(dialogue: Dialogue) -> str:
    """Sets the PIN that was typed twice. This dialogue goes on, all else of the agent ends.

    The facts change after the transaction: an action may run again on another connection.
    """
    kept = dialogue.facts.new_agent_pin
    if kept is None or not dialogue.facts.agent_pin_seen:
        raise NothingToShow()
    pin = SecretStr(dialogue.answers.till_pin or "")
    try:
        if not is_agents_pin(kept, pin, dialogue.services):
            return "differs"
        with begin_operation(dialogue, "agent") as operation:
            agent = get_acting_agent(operation.connection, dialogue)
            operation = replace(operation, actor=f"agent:{agent.number}")
            generation = choose_pin(operation, dialogue.services, agent.id, pin, stored=kept)
    except PinKeyUnknown:
        return "differs"
    except (InvalidInput, PinUnchanged):
        return "easy"
    except (AgentBarred, SessionOver) as refusal:
        return store_agent_refusal(dialogue, refusal)
    dialogue.facts.new_agent_pin = None
    dialogue.facts.agent_generation = generation
    dialogue.facts.agent_pin_seen = False
    return "set"


def _sign_in(dialogue: Dialogue) -> SignedIn:
    """Checks number and PIN of the agent who dials; a wrong PIN is committed, so that it counts.

    Raises: the refusals of `sign_in`, AgentBarred, SessionOver.
    """
    refusal: MaalemError
    with begin_operation(dialogue, "agent") as operation:
        agent = get_acting_agent(operation.connection, dialogue)
        operation = replace(operation, actor=f"agent:{agent.number}")
        try:
            return sign_in(operation, dialogue.services, _read_try(dialogue, agent))
        except _PIN_REFUSALS as error:
            refusal = error
    raise refusal


def _read_try(dialogue: Dialogue, agent: Agent) -> PinTry:
    return PinTry(agent.number, SecretStr(dialogue.answers.till_pin or ""), Door.phone())
