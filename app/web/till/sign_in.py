"""Signs agents in at the till, keeps their sessions, and limits how often a sign-in is tried."""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import TypeVar

from flask import Flask, g, session
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_user,
)
from limits import RateLimitItem, RateLimitItemPerMinute
from pydantic import SecretStr
from sqlalchemy import Connection

from app.agents.errors import AgentLocked, OneTimePinOver, PinNotChosen, SessionOver, WrongPin
from app.agents.locks import Door, refuse_locked_door
from app.agents.queries import hold_agent
from app.agents.sessions import (
    AgentSession,
    begin_session,
    confirm_pin,
    end_session,
    use_session,
)
from app.agents.sign_in import PinTry, SignedIn, sign_in, sign_in_with_own_pin
from app.agents.staff import choose_pin
from app.base.errors import InvalidInput, MaalemError, PinKeyUnknown
from app.base.operation import operation
from app.runtime import runtime
from app.web.places import till_places
from app.web.proxies import name_caller
from app.web.rate_limits import give_back_try, take_try
from app.web.refusals import Refusal
from app.web.till.devices import find_door
from app.web.till.tokens import TOKEN, read_token

# Wrong PINs. Tills of one agency share an address; five lock the number before its limit is met.
_PER_ADDRESS = RateLimitItemPerMinute(30)
PER_NUMBER = RateLimitItemPerMinute(10)
_LONGEST_NUMBER = 12
_WRONG = {WrongPin.code, AgentLocked.code}
R = TypeVar("R")
_PIN_REFUSALS = (WrongPin, AgentLocked, OneTimePinOver, PinKeyUnknown, PinNotChosen)


class _SignedInAgent(UserMixin):  # type: ignore[misc]
    """The agent of a session, in the form that Flask-Login needs."""

    def __init__(self, agent_id: int, opened: AgentSession | None = None) -> None:
        self.id = str(agent_id)
        self.opened = opened


def _list_limits(address: str, number: str, door: Door) -> list[tuple[RateLimitItem, str, str]]:
    """Returns what a wrong PIN counts to.

    A known device has a limit of its own, so that strangers at its address do not use it up.
    """
    own = PER_NUMBER, f"till_number_{door.lane}", number
    if door.kind == "device":
        return [own]
    return [(_PER_ADDRESS, "till_address", name_caller(address)), own]


def _compare_within(
    counted: Sequence[tuple[RateLimitItem, str, str]], compare: Callable[[], R | Refusal]
) -> R | Refusal:
    """Returns what comes of comparing a PIN; too many wrong ones in a minute are not compared.

    Without Redis every PIN is compared; the lock after wrong PINs still holds.
    """
    if not take_try(*counted):
        return Refusal("too_many_tries")
    wrong = False
    try:
        outcome = compare()
        wrong = isinstance(outcome, Refusal) and outcome.code in _WRONG
        return outcome
    finally:
        if not wrong:
            give_back_try(*counted)


def register(app: Flask) -> None:
    """Sets up the till's sessions."""
    manager = LoginManager()
    manager.user_loader(_find_signed_in)
    # Not init_app: for a remember-me cookie we never set it opens the session of every USSD hop.
    app.login_manager = manager  # type: ignore[attr-defined]


def session_at_the_till() -> AgentSession | None:
    """Returns the session of this request, as the database knows it now."""
    signed_in: _SignedInAgent = current_user
    return signed_in.opened if signed_in.is_authenticated else None


def enter(address: str, number: str, pin: SecretStr) -> SignedIn | Refusal:
    """Opens a new session for the agent, or returns the refusal; a wrong PIN is counted.

    `address` is the caller's.
    """
    door = find_door(number)
    limits = _list_limits(address, number, door)
    return _compare_within(limits, lambda: _enter(number, pin, door))


def _enter(number: str, pin: SecretStr, door: Door) -> SignedIn | Refusal:
    maalem, now = runtime(), runtime().clock()
    refused: MaalemError
    with operation(maalem.database, now, f"agent:{number}") as change:
        try:
            entered = sign_in(change, maalem.services, PinTry(number, pin, door))
            # A PIN that was replaced while it was compared opens nothing.
            hold_agent(change.connection, entered.agent_id, entered.generation)
            # Another session of this browser is left for good: no copy of it may live on.
            if left := session.get(TOKEN):
                end_session(change, SecretStr(left))
            token = begin_session(change, maalem.random, entered.agent_id)
        except _PIN_REFUSALS as error:
            refused, entered = error, None
        except SessionOver:
            refused, entered = WrongPin(), None
    if entered is None:
        return _refuse(refused, door)
    _keep(entered.agent_id, token)
    return entered


def check_typed_pin(typed: str) -> Refusal | None:
    """Checks the PIN of the agent who is signed in, before money moves; a wrong one is counted."""
    opened = _get_session()
    if not typed:
        return Refusal.of(WrongPin())
    number = opened.agent.number
    given = PinTry(number, SecretStr(plain_digits(typed)), find_own_door(number))
    limits = [(PER_NUMBER, "till_own_pin", number)]
    return _compare_within(limits, lambda: _check_own_pin(opened, given))


def _check_own_pin(opened: AgentSession, given: PinTry) -> Refusal | None:
    maalem, number = runtime(), given.number
    refused: MaalemError
    with operation(maalem.database, maalem.clock(), f"agent:{number}") as change:
        try:
            sign_in_with_own_pin(change, maalem.services, given)
            confirm_pin(change, opened.id)
            return None
        except _PIN_REFUSALS as error:
            refused = error
    return Refusal.of(refused)


def choose_new_pin(typed: str, again: str) -> Refusal | None:
    """Sets the PIN that the agent chose, and goes on in a new session: all others are over."""
    maalem, agent = runtime(), _get_session().agent
    if typed != again:
        return Refusal("pins_differ")
    try:
        with operation(maalem.database, maalem.clock(), f"agent:{agent.number}") as change:
            choose_pin(change, maalem.services, agent.id, SecretStr(typed))
            token = begin_session(change, maalem.random, agent.id)
    except InvalidInput:
        return Refusal("pin_too_easy")
    except MaalemError as error:
        return Refusal.of(error)
    _keep(agent.id, token)
    return None


def leave() -> None:
    """Ends this session, and every copy of its cookie with it."""
    maalem, token = runtime(), read_token()
    opened = session_at_the_till()
    session.clear()
    if opened:
        actor = f"agent:{opened.agent.number}"
        with operation(maalem.database, maalem.clock(), actor) as change:
            end_session(change, SecretStr(token))
        till_places().note(token, good=False)


def plain_digits(typed: str, longest: int = _LONGEST_NUMBER) -> str:
    """Writes digits of any script as ordinary ones, without blanks, as a keypad would."""
    digits = (str(unicodedata.decimal(letter, letter)) for letter in typed if not letter.isspace())
    return "".join(digits)[:longest]


def _keep(agent_id: int, token: SecretStr) -> None:
    """Puts a new session into the cookie: form tokens and a code of before must not survive."""
    session.clear()
    session[TOKEN] = token.get_secret_value()
    till_places().note(read_token(), good=True)
    login_user(_SignedInAgent(agent_id))


def _refuse(error: MaalemError, door: Door) -> Refusal:
    """Returns the refusal: a device that is not known hears the same of a wrong PIN and a lock."""
    if door.kind == "unknown" and isinstance(error, AgentLocked):
        return Refusal.of(WrongPin())
    return Refusal.of(error)


def find_own_door(number: str) -> Door:
    """Returns the door of who is signed in: strangers without a known device do not share it."""
    door = find_door(number)
    if door.kind == "device":
        return door
    return Door.device(sha256(read_token().encode()).hexdigest()[:32])


def refuse_while_locked(connection: Connection, number: str) -> None:
    """Raises: AgentLocked while PINs typed wrong here have locked the door of who is signed in."""
    refuse_locked_door(connection, number, find_own_door(number), runtime().clock())


def _get_session() -> AgentSession:
    opened = session_at_the_till()
    assert opened, "the till's pages ask for the sign-in first"
    return opened


def _find_signed_in(_agent_id: str) -> _SignedInAgent | None:
    """Returns the session's agent. A session that is over leaves the cookie too."""
    maalem = runtime()
    idle = timedelta(minutes=maalem.settings.till_pin_minutes)
    with operation(maalem.database, maalem.clock(), "agent") as change:
        opened = use_session(change, SecretStr(read_token()), idle)
    till_places().note(read_token(), good=opened is not None)
    if opened is None:
        session.clear()
        g.session_ended = True
        return None
    return _SignedInAgent(opened.agent.id, opened)
