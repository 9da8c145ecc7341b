"""Somebody writes to Redis: no value of theirs is believed, and each is as if it were not there."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from zipfile import ZipFile

import pytest
from prometheus_client import REGISTRY

from app.base.keys import Keys
from app.jobs.deferred_actions import answer_deferred_actions
from app.runtime import MENUS, Runtime
from app.ussd.deferred import DeferredActions
from app.ussd.session import Sessions
from app.ussd.versions import PREFIX, Versions
from tests.jobs.test_deferred_actions import defer_action
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone
from tests.ussd.test_session import HOP, record_of
from tests.waiting import add_action, count_waiting_actions

FATIMA, HASSAN = "+212600000001", "+212600000002"
pytestmark = pytest.mark.usefixtures("sample_people")
STRANGERS = Keys(b"a key that is not the installation's own")


def counted(kind: str) -> float:
    name = "maalem_redis_values_not_believed_total"
    return REGISTRY.get_sample_value(name, {"kind": kind}) or 0.0


def only_name(runtime: Runtime, pattern: str) -> bytes:
    (name,) = runtime.redis.scan_iter(pattern)
    assert isinstance(name, bytes)
    return name


def talk_of(phone: TestPhone, runtime: Runtime, number: str, inputs: str) -> tuple[bytes, bytes]:
    """Name and value of the only dialogue in Redis, which this process does not remember."""
    runtime.redis.flushdb()
    phone.dial(number, inputs)
    runtime.turns.sessions = Sessions(runtime.redis_calls, runtime.keys)
    name = only_name(runtime, "{b*}p*")
    value = runtime.redis.get(name)
    assert isinstance(value, bytes)
    return name, value


def _strip_signature(value: bytes) -> bytes:
    revision, mark, rest = value[12:].partition(b":")
    return value[:12] + revision + mark + rest[20:]


FORGERIES: dict[str, Callable[[bytes], bytes]] = {
    "another revision": lambda value: value[:12] + b"9" + value[12:],
    "another name": lambda value: b"9" + value[1:],
    "cut": lambda value: value[:-1],
    "half": lambda value: value[: len(value) // 2],
    "empty": lambda value: b"",
    "no revision": lambda value: value.partition(b":")[2],
    "a bit": lambda value: value[:-1] + bytes([value[-1] ^ 1]),
    "without its signature": _strip_signature,
    "longer": lambda value: value + b"\0",
    "another moment": lambda value: value[:14] + b"\xff" + value[15:],
    "noise": lambda value: b"1:" + bytes(300),
}


class TestTalks:
    @pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
    def test_a_forged_dialogue_begins_anew_and_is_counted(
        self,
        phone: TestPhone,
        runtime: Runtime,
        forge: Callable[[bytes], bytes],
    ) -> None:
        name, value = talk_of(phone, runtime, HASSAN, "2*2")
        runtime.redis.set(name, forge(value))
        before = counted("talk")
        screen = phone.answer("0")
        assert counted("talk") > before
        assert screen.startswith("A payer: 663,90"), "all that was typed, walked from the beginning"
        assert phone.answer("0").startswith("1 Mon AMO")

    @pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
    def test_the_process_that_answered_before_goes_on_and_writes_over_it(
        self, phone: TestPhone, runtime: Runtime, forge: Callable[[bytes], bytes]
    ) -> None:
        phone.dial(HASSAN, "2*2")
        name = only_name(runtime, "{b*}p*")
        runtime.redis.set(name, forge(runtime.redis.get(name)))  # type: ignore[arg-type]
        assert phone.answer("0").startswith("A payer: 663,90")
        assert phone.answer("0").startswith("1 Mon AMO")
        runtime.turns.sessions = Sessions(runtime.redis_calls, runtime.keys)
        before = counted("talk")
        assert phone.answer("2").startswith("A payer: 663,90")
        assert counted("talk") == before

    def test_a_dialogue_of_another_phone_is_not_believed_under_any_name(
        self, phone: TestPhone, runtime: Runtime
    ) -> None:
        _, hassans = talk_of(phone, runtime, HASSAN, "2*2")
        name, fatimas = talk_of(phone, runtime, FATIMA, "5")
        before = counted("talk")
        for forged in (hassans, fatimas[:12] + hassans[12:]):
            runtime.redis.set(name, forged)
            assert "mois" not in phone.answer("0")
            runtime.redis.set(name, forged)
            assert phone.dial(FATIMA).startswith("1 Mon AMO")
        assert counted("talk") == before + 4

    def test_an_old_value_of_a_dialogue_is_not_believed(
        self, phone: TestPhone, runtime: Runtime
    ) -> None:
        name, value = talk_of(phone, runtime, HASSAN, "2*2")
        runtime.clock.now = runtime.clock.now.replace(hour=11)  # type: ignore[attr-defined]
        runtime.redis.set(name, value)
        assert phone.dial(HASSAN).startswith("1 Mon AMO")

    def test_a_value_that_a_strangers_key_signed_is_not_believed(
        self, phone: TestPhone, runtime: Runtime
    ) -> None:
        name, _ = talk_of(phone, runtime, HASSAN, "2*2")
        theirs = Sessions(runtime.redis_calls, STRANGERS)
        theirs.save(HOP, record_of(), "", runtime.clock())
        forged = [n for n in runtime.redis.scan_iter("{b*}p*") if n != name]
        runtime.redis.rename(forged[0], name)
        assert phone.answer("0").startswith("A payer: 663,90")


class TestLateActions:
    @pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
    def test_a_forged_action_is_not_run_and_leaves_the_queue(
        self, runtime: Runtime, forge: Callable[[bytes], bytes]
    ) -> None:
        deferred = defer_action(runtime, "issue_code_for_all", FATIMA, {})
        ours = runtime.deferred_actions.sign(deferred)
        theirs = DeferredActions(runtime.redis, STRANGERS).sign(deferred)
        before = counted("late_action")
        for value in (forge(ours), theirs, deferred.pack().encode()):
            add_action(runtime, value)
        add_action(runtime, b"x", field="another field")
        assert answer_deferred_actions(runtime, "one") == 0
        assert count_waiting_actions(runtime) == 0 and counted("late_action") == before + 4
        assert OtherParties(runtime).run("SELECT * FROM payment_code") == []

    def test_an_action_that_was_answered_is_not_run_again(self, runtime: Runtime) -> None:
        """Somebody kept the entry, and puts it back after the person chose another PIN."""
        others = OtherParties(runtime)
        statement = "INSERT INTO artisan_pin SELECT id, 'chosen', phone, now() FROM artisan"
        deferred = replace(defer_action(runtime, "remove_pin", FATIMA, {}), key="late:pin")
        for left in (0, 1):
            others.run(f"{statement} WHERE phone = :phone RETURNING 1", phone=FATIMA)
            value = runtime.deferred_actions.sign(deferred)
            add_action(runtime, value)
            assert answer_deferred_actions(runtime, "one") == 1
            assert others.run("SELECT count(*) FROM artisan_pin") == [(left,)]


class TestMenus:
    def stored_menu(self, runtime: Runtime) -> bytes:
        """A menu as somebody would have it: the home screen leads elsewhere."""
        file = io.BytesIO()
        with ZipFile(file, "w") as files:
            for path in [*MENUS.glob("*.yaml"), *MENUS.glob("locales/*/LC_MESSAGES/menus.po")]:
                files.write(path, path.relative_to(MENUS))
        return file.getvalue()

    def versions(self, runtime: Runtime, keys: Keys) -> Versions:  # type: ignore[type-arg]
        return Versions(
            runtime.redis, runtime.redis_calls, keys, runtime.live_menus, runtime.load_menus
        )

    def test_a_menu_of_ours_is_found_and_no_other_is(self, runtime: Runtime) -> None:
        current = runtime.ussd.version
        name, other = f"{PREFIX}{current}", f"{PREFIX}deadbeef"
        publisher = self.versions(runtime, runtime.keys)
        publisher.publish(runtime.clock())
        ours = runtime.redis.get(name)
        assert isinstance(ours, bytes) and publisher._is_ours(current, ours)
        self.versions(runtime, STRANGERS).publish(runtime.clock())
        theirs = runtime.redis.get(name)
        assert isinstance(theirs, bytes)
        before = counted("menu")
        forged = [self.stored_menu(runtime), theirs, ours, ours[:-1], ours[36:], b""]
        for value in forged:
            runtime.redis.set(other, value)
            assert self.versions(runtime, runtime.keys).find("deadbeef") is None
        assert counted("menu") == before + len(forged)
