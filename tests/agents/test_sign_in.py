"""An agent's sign-in: keyed argon2, doors that lock apart, one answer for who does not exist."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from argon2 import PasswordHasher
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import text

from app.agents.errors import AgentLocked, AgentUnknown, OneTimePinOver, PinNotChosen, WrongPin
from app.agents.locks import (
    LOCKED_FOR,
    LONGEST_LOCK,
    WRONG_PINS_ALLOWED,
    Door,
    forget_locks,
    unlock_agent,
)
from app.agents.pins import ONE_TIME_FOR, draw_one_time_pin
from app.agents.queries import find_agent
from app.agents.sign_in import PinTry, SignedIn, sign_in, sign_in_with_own_pin
from app.agents.staff import NewAgent, add_agent, choose_pin
from app.base.errors import InvalidInput, MaalemError, PinKeyUnknown
from app.base.keys import Keys, Purpose
from app.base.operation import operation
from app.base.phone import Phone
from app.base.sealed_pins import seal_again
from app.base.slow_hash import AT_ONCE
from app.runtime import Runtime
from app.services import Services
from tests.conftest import AGENCY, AGENT, PIN
from tests.database import wait_for_a_lock

pytestmark = pytest.mark.usefixtures("sample_people")
RIGHT, WRONG = PIN.get_secret_value(), "975310"
HERE, ELSEWHERE = Door.device("0" * 32), Door.device("1" * 32)


class _Drawn(Random):
    """Draws what it was given, in this order."""

    def __init__(self, *drawn: int) -> None:
        super().__init__()
        self._drawn = iter(drawn)

    def randrange(self, *_limits: int) -> int:  # type: ignore[override]
        return next(self._drawn)


def test_a_drawn_pin_is_none_that_the_agent_s_numbers_make() -> None:
    """Such a one would be refused when the agent is stored."""
    drawn = _Drawn(57_100_924, 61_234_567, 12_345_678, 84_027_159)
    pin = draw_one_time_pin(drawn, "1009", Phone("+212612345678"))
    assert pin.get_secret_value() == "84027159"


def try_sign_in(
    runtime: Runtime,
    number: str,
    pin: str,
    door: Door | None = None,
    services: Services | None = None,
) -> SignedIn | MaalemError:
    """One try, committed whether it succeeds or not."""
    given = PinTry(number, SecretStr(pin), door or Door.unknown())
    with operation(runtime.database, runtime.clock(), f"agent:{number}") as change:
        try:
            return sign_in(change, services or runtime.services, given)
        except MaalemError as refusal:
            return refusal


def lock(runtime: Runtime, door: Door | None = None, number: str = AGENT) -> None:
    for _ in range(WRONG_PINS_ALLOWED):
        assert isinstance(try_sign_in(runtime, number, WRONG, door), WrongPin)


def later(runtime: Runtime, by: timedelta) -> None:
    runtime.clock.now += by  # type: ignore[attr-defined]


def audited(runtime: Runtime) -> list[str]:
    with runtime.database.connect() as connection:
        acts = connection.execute(
            text("SELECT action FROM audit_event WHERE subject = 'agent:1001' ORDER BY id")
        )
        return list(acts.scalars())


def kept_hash(runtime: Runtime) -> str:
    with runtime.database.connect() as connection:
        return str(connection.execute(text("SELECT pin_hash FROM agent")).scalar_one())


def test_sign_in_returns_the_agent_for_the_right_pin(runtime: Runtime) -> None:
    entered = try_sign_in(runtime, AGENT, RIGHT)
    assert isinstance(entered, SignedIn) and not entered.must_choose
    with runtime.database.connect() as connection:
        found = find_agent(connection, entered.agent_id)
    assert found and (found.number, found.agency_code) == (AGENT, AGENCY)


# What is stored


def test_a_pin_is_stored_sealed_behind_the_id_of_its_key(runtime: Runtime) -> None:
    kept = kept_hash(runtime)
    assert kept.startswith(f"{runtime.keys.ids[0]}:")
    assert RIGHT not in kept and "argon2" not in kept


def test_a_pin_of_before_keys_is_stored_again_at_the_next_right_entry(runtime: Runtime) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(RIGHT)
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET pin_hash = :old"), {"old": old})
    assert isinstance(try_sign_in(runtime, AGENT, WRONG), WrongPin)
    assert kept_hash(runtime) == old
    entered = try_sign_in(runtime, AGENT, RIGHT)
    assert isinstance(entered, SignedIn) and not entered.must_choose
    assert kept_hash(runtime).startswith(runtime.keys.ids[0])
    assert isinstance(try_sign_in(runtime, AGENT, RIGHT), SignedIn)


def test_a_pin_chosen_while_the_old_one_is_stored_again_stays(runtime: Runtime) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(RIGHT)
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET pin_hash = :old"), {"old": old})
    with ThreadPoolExecutor(1) as other, runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET pin_hash = 'chosen meanwhile'"))
        other.submit(try_sign_in, runtime, AGENT, RIGHT)
        wait_for_a_lock(runtime.database)
    assert kept_hash(runtime) == "chosen meanwhile"


def test_a_pin_of_before_the_rules_is_good_for_choosing_another(runtime: Runtime) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash("2468")
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET pin_hash = :old"), {"old": old})
    for _ in range(2):
        entered = try_sign_in(runtime, AGENT, "2468")
        assert isinstance(entered, SignedIn) and entered.must_choose


def test_a_usual_pin_that_a_rotation_sealed_is_good_for_choosing_another_too(
    runtime: Runtime,
) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash("2468")
    sealed = seal_again(old, runtime.keys, Purpose.AGENT_PIN)
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET pin_hash = :sealed"), {"sealed": sealed})
    for _ in range(2):
        entered = try_sign_in(runtime, AGENT, "2468")
        assert isinstance(entered, SignedIn) and entered.must_choose
    with runtime.database.connect() as connection:
        ends = connection.execute(text("SELECT pin_expires_at FROM agent")).scalar_one()
    assert ends == runtime.clock() + ONE_TIME_FOR


def test_a_replaced_key_is_good_until_it_is_taken_away(runtime: Runtime) -> None:
    secret = b"another-secret-of-32-characters-"
    before = runtime.settings.secret_key.get_secret_value().encode()
    new = replace(runtime.services, keys=Keys(secret))
    changing = replace(new, keys=Keys(secret, [before]))
    for _ in range(WRONG_PINS_ALLOWED + 1):
        assert isinstance(try_sign_in(runtime, AGENT, RIGHT, services=new), PinKeyUnknown)
    assert isinstance(try_sign_in(runtime, AGENT, RIGHT, services=changing), SignedIn)
    assert isinstance(try_sign_in(runtime, AGENT, RIGHT, services=new), SignedIn)


@pytest.mark.parametrize(
    "pin",
    [
        *("", "12345", "2468", "1234567890123", "12a456", "١٢٣٤٥٦"),
        *("123456", "654321", "135791", "111111", "121212", "123123", "112233", "123321"),
        *("147258", "159753", "102030", "456123", "000000", "100000"),
        *("198512", "121985", "170485", "17041985", "19850417", "200001"),
        *("100127", "271001"),  # the agent's own number
    ],
)
def test_a_short_or_usual_pin_is_refused(runtime: Runtime, pin: str) -> None:
    now = runtime.clock()
    with pytest.raises(InvalidInput), operation(runtime.database, now, "operator") as change:
        add_agent(change, runtime.services, NewAgent(AGENT, AGENCY, SecretStr(pin)))
    entered = try_sign_in(runtime, AGENT, RIGHT)
    assert isinstance(entered, SignedIn)
    with pytest.raises(InvalidInput), operation(runtime.database, now, "agent:1001") as change:
        choose_pin(change, runtime.services, entered.agent_id, SecretStr(pin))


# A one-time PIN


def give_one_time_pin(runtime: Runtime, pin: str = "864213") -> None:
    with operation(runtime.database, runtime.clock(), "operator") as change:
        add_agent(change, runtime.services, NewAgent(AGENT, AGENCY, SecretStr(pin)))


def test_a_one_time_pin_moves_no_money_and_is_good_for_days(runtime: Runtime) -> None:
    give_one_time_pin(runtime)
    given = PinTry(AGENT, SecretStr("864213"), Door.phone())
    with (
        pytest.raises(PinNotChosen),
        operation(runtime.database, runtime.clock(), f"agent:{AGENT}") as change,
    ):
        sign_in_with_own_pin(change, runtime.services, given)
    entered = try_sign_in(runtime, AGENT, "864213")
    assert isinstance(entered, SignedIn) and entered.must_choose
    later(runtime, ONE_TIME_FOR)
    assert isinstance(try_sign_in(runtime, AGENT, "864213"), OneTimePinOver)


def test_a_chosen_pin_ends_the_one_before_and_stays(runtime: Runtime) -> None:
    give_one_time_pin(runtime)
    entered = try_sign_in(runtime, AGENT, "864213")
    assert isinstance(entered, SignedIn)
    with operation(runtime.database, runtime.clock(), f"agent:{AGENT}") as change:
        choose_pin(change, runtime.services, entered.agent_id, SecretStr("482915"))
    assert isinstance(try_sign_in(runtime, AGENT, "864213"), WrongPin)
    later(runtime, ONE_TIME_FOR)
    entered = try_sign_in(runtime, AGENT, "482915")
    assert isinstance(entered, SignedIn) and not entered.must_choose
    assert audited(runtime)[-2:] == ["agent_changed", "agent_pin_chosen"]


# Locks


def test_a_door_locks_after_five_wrong_pins_and_no_other_with_it(runtime: Runtime) -> None:
    lock(runtime)
    assert isinstance(try_sign_in(runtime, AGENT, RIGHT), AgentLocked)
    for door in (HERE, ELSEWHERE, Door.phone()):
        assert isinstance(try_sign_in(runtime, AGENT, RIGHT, door), SignedIn)
    lock(runtime, HERE)
    lock(runtime, Door.phone())
    assert isinstance(try_sign_in(runtime, AGENT, RIGHT, HERE), AgentLocked)
    assert isinstance(try_sign_in(runtime, AGENT, RIGHT, Door.phone()), AgentLocked)
    assert isinstance(try_sign_in(runtime, AGENT, RIGHT, ELSEWHERE), SignedIn)


def test_locks_grow_with_repetition_and_end_at_the_longest(runtime: Runtime) -> None:
    lengths = []
    for _ in range(7):
        lock(runtime)
        locked = try_sign_in(runtime, AGENT, RIGHT)
        assert isinstance(locked, AgentLocked)
        lengths.append(locked.params["until"] - runtime.clock())
        runtime.clock.now = locked.params["until"]  # type: ignore[attr-defined]
    assert lengths[:3] == [LOCKED_FOR, 2 * LOCKED_FOR, 4 * LOCKED_FOR]
    assert lengths == sorted(lengths) and lengths[-1] == LONGEST_LOCK
    assert isinstance(try_sign_in(runtime, AGENT, RIGHT), SignedIn)
    lock(runtime)
    locked = try_sign_in(runtime, AGENT, RIGHT)
    assert isinstance(locked, AgentLocked)
    assert locked.params["until"] - runtime.clock() == LOCKED_FOR


def test_a_right_pin_resets_the_count_of_its_door(runtime: Runtime) -> None:
    for _ in range(2):
        for _ in range(WRONG_PINS_ALLOWED - 1):
            try_sign_in(runtime, AGENT, WRONG)
        assert isinstance(try_sign_in(runtime, AGENT, RIGHT), SignedIn)


def test_guesses_at_the_same_moment_are_counted_one_by_one(runtime: Runtime) -> None:
    guesses = [f"97531{number}" for number in range(10)] + ["864200", "864201"]
    with ThreadPoolExecutor(AT_ONCE) as many:
        answers = list(many.map(lambda pin: try_sign_in(runtime, AGENT, pin), guesses))
    assert sum(isinstance(answer, WrongPin) for answer in answers) == WRONG_PINS_ALLOWED
    assert sum(isinstance(answer, AgentLocked) for answer in answers) == 12 - WRONG_PINS_ALLOWED


def test_an_unknown_number_is_counted_and_locked_like_any(runtime: Runtime) -> None:
    lock(runtime, number="9999")
    assert isinstance(try_sign_in(runtime, "9999", RIGHT), AgentLocked)
    later(runtime, timedelta(days=3))
    with operation(runtime.database, runtime.clock(), "worker") as change:
        assert forget_locks(change) == 1


@pytest.mark.parametrize(
    "sql", ["UPDATE agent SET active = false", "UPDATE agency SET active = false"]
)
def test_a_dismissed_agent_and_a_closed_agency_are_refused_like_a_wrong_pin(
    runtime: Runtime, sql: str
) -> None:
    with runtime.database.begin() as connection:
        connection.execute(text(sql))
    assert isinstance(try_sign_in(runtime, AGENT, RIGHT), WrongPin)


def test_unlocking_opens_every_door_and_is_audited_like_the_lock(runtime: Runtime) -> None:
    name, labels = "maalem_agent_locks_total", {"door": "device", "number": "known"}
    before = REGISTRY.get_sample_value(name, labels) or 0
    for door in (Door.unknown(), HERE, Door.phone()):
        lock(runtime, door)
    assert REGISTRY.get_sample_value(name, labels) == before + 1
    with operation(runtime.database, runtime.clock(), "office") as change:
        assert unlock_agent(change, AGENT) == 3
    for door in (Door.unknown(), HERE, Door.phone()):
        assert isinstance(try_sign_in(runtime, AGENT, RIGHT, door), SignedIn)
    assert audited(runtime)[-4:] == [*(["agent_locked"] * 3), "agent_unlocked"]
    with (
        pytest.raises(AgentUnknown),
        operation(runtime.database, runtime.clock(), "office") as change,
    ):
        unlock_agent(change, "9999")


def test_a_new_one_time_pin_unlocks_every_door(runtime: Runtime) -> None:
    lock(runtime)
    give_one_time_pin(runtime)
    assert isinstance(try_sign_in(runtime, AGENT, "864213"), SignedIn)
