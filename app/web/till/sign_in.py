"""Signs agents in at the till, ends old sessions, and limits how often a sign-in is tried."""

import unicodedata
from datetime import timedelta

from flask import Flask, g, session
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_user,
)
from limits import RateLimitItemPerMinute
from pydantic import SecretStr

from app.agents.errors import AgentLocked, WrongPin
from app.agents.queries import Agent, find_agent
from app.agents.service import sign_in
from app.base.database import reading
from app.base.operation import operation
from app.runtime import runtime
from app.web.rate_limits import take_try
from app.web.refusals import Refusal

_WORKING_DAY = timedelta(hours=10)
_IDLE = timedelta(minutes=30)
# Tills of one agency share an address; five wrong PINs lock the number before its limit is met.
_PER_ADDRESS = RateLimitItemPerMinute(30)
_PER_NUMBER = RateLimitItemPerMinute(10)
_LONGEST_NUMBER = 12


class _SignedInAgent(UserMixin):  # type: ignore[misc]
    """The agent of a session, in the form that Flask-Login needs."""

    def __init__(self, agent: Agent) -> None:
        self.id = str(agent.id)
        self.agent = agent


def may_try(address: str, number: str) -> bool:
    """Counts a try to sign in and returns True if it is allowed.

    Without Redis every try is allowed; the lock after wrong PINs still holds.
    """
    return take_try((_PER_ADDRESS, "till_address", address), (_PER_NUMBER, "till_number", number))


def register(app: Flask) -> None:
    """Sets up the till's sessions."""
    manager = LoginManager()
    manager.user_loader(_find_signed_in)
    # Not init_app: for a remember-me cookie we never set it opens the session of every USSD hop.
    app.login_manager = manager  # type: ignore[attr-defined]


def agent_at_the_till() -> Agent | None:
    """Returns the agent of this request's session, as the database knows them now."""
    signed_in: _SignedInAgent = current_user
    return signed_in.agent if signed_in.is_authenticated else None


def enter(number: str, pin: SecretStr) -> Agent | Refusal:
    """Opens a new session for the agent, or returns the refusal; a wrong PIN is counted."""
    now = runtime().clock()
    refused: WrongPin | AgentLocked
    with operation(runtime().database, now, f"agent:{number}") as change:
        try:
            agent = find_agent(change.connection, sign_in(change, number, pin))
            assert agent is not None, "who signed in is active"
        except (WrongPin, AgentLocked) as error:
            refused, agent = error, None
    if agent is None:
        return Refusal.of(refused)
    session.clear()  # form tokens and a code of before the sign-in must not survive it
    login_user(_SignedInAgent(agent))
    session["began"] = session["seen"] = now.timestamp()
    return agent


def leave() -> None:
    session.clear()


def plain_digits(typed: str) -> str:
    """Writes digits of any script as ordinary ones, without blanks, as a keypad would."""
    digits = (str(unicodedata.decimal(letter, letter)) for letter in typed if not letter.isspace())
    return "".join(digits)[:_LONGEST_NUMBER]


def _find_signed_in(agent_id: str) -> _SignedInAgent | None:
    """Returns the session's agent; ends an idle or too old session and a dismissed agent's."""
    now = runtime().clock().timestamp()
    began, seen = session.get("began", 0), session.get("seen", 0)
    agent = None
    if now - began < _WORKING_DAY.total_seconds() and now - seen < _IDLE.total_seconds():
        with reading(runtime().database) as connection:
            agent = find_agent(connection, int(agent_id))
    if agent is None:
        session.clear()
        g.session_ended = True
        return None
    session["seen"] = now
    return _SignedInAgent(agent)
