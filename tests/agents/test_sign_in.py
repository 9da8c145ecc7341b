"""An agent's sign-in: argon2, five wrong PINs, the same answer for who does not exist."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.agents.errors import AgentLocked, WrongPin
from app.agents.queries import find_agent
from app.agents.service import LOCKED_FOR, WRONG_PINS_ALLOWED, NewAgent, add_agent, sign_in
from app.base.errors import InvalidInput, MaalemError
from app.base.operation import operation
from app.runtime import Runtime
from tests.conftest import AGENCY, AGENT, PIN

pytestmark = pytest.mark.usefixtures("sample_people")


def try_sign_in(runtime: Runtime, number: str, pin: str) -> int | MaalemError:
    """One try, committed whether it succeeds or not."""
    with operation(runtime.database, runtime.clock(), f"agent:{number}") as change:
        try:
            return sign_in(change, number, SecretStr(pin))
        except MaalemError as refusal:
            return refusal


def test_sign_in_returns_the_agent_for_the_right_pin(runtime: Runtime) -> None:
    agent_id = try_sign_in(runtime, AGENT, PIN.get_secret_value())
    assert isinstance(agent_id, int)
    with runtime.database.connect() as connection:
        found = find_agent(connection, agent_id)
    assert found and (found.number, found.agency_code) == (AGENT, AGENCY)


def test_add_agent_stores_the_pin_as_argon2(runtime: Runtime) -> None:
    with runtime.database.connect() as connection:
        kept = connection.execute(text("SELECT pin_hash FROM agent")).scalar_one()
    assert kept.startswith("$argon2id$") and "246813" not in kept


def test_sign_in_locks_after_five_wrong_pins(runtime: Runtime) -> None:
    for _ in range(WRONG_PINS_ALLOWED):
        assert isinstance(try_sign_in(runtime, AGENT, "0000"), WrongPin)
    locked = try_sign_in(runtime, AGENT, PIN.get_secret_value())
    assert isinstance(locked, AgentLocked)
    assert locked.params == {"until": runtime.clock() + LOCKED_FOR}
    runtime.clock.now += LOCKED_FOR + timedelta(seconds=1)  # type: ignore[attr-defined]
    assert isinstance(try_sign_in(runtime, AGENT, PIN.get_secret_value()), int)


def test_sign_in_resets_the_count_of_wrong_pins(runtime: Runtime) -> None:
    for _ in range(2):
        for _ in range(WRONG_PINS_ALLOWED - 1):
            try_sign_in(runtime, AGENT, "0000")
        assert isinstance(try_sign_in(runtime, AGENT, PIN.get_secret_value()), int)


def test_sign_in_counts_guesses_at_the_same_moment_one_by_one(runtime: Runtime) -> None:
    guesses = [f"{number:04d}" for number in range(12)]
    with ThreadPoolExecutor(6) as many:
        answers = list(many.map(lambda pin: try_sign_in(runtime, AGENT, pin), guesses))
    assert sum(isinstance(answer, WrongPin) for answer in answers) == WRONG_PINS_ALLOWED
    assert sum(isinstance(answer, AgentLocked) for answer in answers) == 12 - WRONG_PINS_ALLOWED


def test_sign_in_refuses_an_unknown_or_dismissed_agent_like_a_wrong_pin(runtime: Runtime) -> None:
    assert isinstance(try_sign_in(runtime, "9999", "246813"), WrongPin)
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET active = false"))
    assert isinstance(try_sign_in(runtime, AGENT, PIN.get_secret_value()), WrongPin)


@pytest.mark.parametrize("pin", ["", "12", "123456789", "12a4", "١٢٣"])
def test_add_agent_refuses_a_pin_that_is_not_four_to_eight_digits(
    runtime: Runtime, pin: str
) -> None:
    new = NewAgent("1002", AGENCY, SecretStr(pin))
    with (
        pytest.raises(InvalidInput),
        operation(runtime.database, runtime.clock(), "operator") as change,
    ):
        add_agent(change, new)


def test_add_agent_with_a_new_pin_unlocks_the_sign_in(runtime: Runtime) -> None:
    for _ in range(WRONG_PINS_ALLOWED):
        try_sign_in(runtime, AGENT, "0000")
    with operation(runtime.database, runtime.clock(), "operator") as change:
        add_agent(change, NewAgent(AGENT, AGENCY, SecretStr("8642")))
    assert isinstance(try_sign_in(runtime, AGENT, "8642"), int)
