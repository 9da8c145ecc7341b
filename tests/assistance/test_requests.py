"""Requests for help: one however often it is asked, a reference to say, and the desk's work."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from stdnum import damm

from app.agents.towns import regions
from app.assistance.centres import nearest_centre
from app.runtime import Runtime
from tests.journeys.world import World
from tests.phone import TestPhone

FATIMA, UNKNOWN = "+212600000001", "+212600000099"
pytestmark = pytest.mark.usefixtures("sample_people")


def asked(runtime: Runtime) -> list[tuple[object, ...]]:
    return World(runtime).run("SELECT kind, topic, state FROM help_request ORDER BY id")


def reference(runtime: Runtime) -> str:
    ((found,),) = World(runtime).run("SELECT reference FROM help_request")
    return str(found)


def test_a_request_is_stored_confirmed_and_found_again(phone: TestPhone, runtime: Runtime) -> None:
    shown = phone.dial(FATIMA, "5*2*1")
    number = reference(runtime)
    assert damm.is_valid(number) and number in shown
    ((body,),) = World(runtime).run("SELECT body FROM message WHERE kind = 'request'")
    assert number in str(body) and "gratuit" in str(body)
    phone.answer("00")
    assert number in phone.dial(FATIMA, "5*2*5*1")


def test_asked_by_many_at_once_it_is_one(app: Flask, runtime: Runtime) -> None:
    phones = [TestPhone(app.test_client()) for _ in range(8)]
    with ThreadPoolExecutor(8) as many:
        screens = list(many.map(lambda one: one.dial(FATIMA, "5*2*4"), phones))
    assert asked(runtime) == [("call_back", "any", "open")]
    assert all(reference(runtime) in screen for screen in screens)


def test_who_is_unknown_may_ask_to_be_called(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(UNKNOWN, "1")
    for _ in range(4):
        phone.answer("#?!")
    assert "1 Etre rappelé" in phone.screen
    phone.answer("1")
    assert asked(runtime) == [("call_back", "any", "open")]
    assert World(runtime).run("SELECT artisan_id FROM help_request") == [(None,)]


def test_the_desk_takes_and_settles(phone: TestPhone, runtime: Runtime, app: Flask) -> None:
    def run(*words: str) -> str:
        return app.test_cli_runner().invoke(args=["assistance", *words]).output

    phone.dial(FATIMA, "5*2*3*2")
    number = reference(runtime)
    listed = re.sub(r"\s+", " ", run("list"))
    assert number in listed and "account" in listed
    assert run("take", number) == f"request {number} is taken\n"
    assert "no request" in run("take", number)
    phone.answer("00")
    assert "Quelqu'un s'en occupe" in phone.dial(FATIMA, "5*2*5*1")
    assert run("done", number) == f"request {number} is done\n"
    assert "no request" in run("done", number)
    assert number not in run("list")
    # Done, it may be asked again, and is another.
    phone.answer("00")
    phone.dial(FATIMA, "5*2*3*2")
    assert [state for _, _, state in asked(runtime)] == ["done", "open"]


def test_settled_while_it_is_looked_at(phone: TestPhone, runtime: Runtime, app: Flask) -> None:
    phone.dial(FATIMA, "5*2*1")
    phone.answer("00")
    phone.dial(FATIMA, "5*2*5*1")
    app.test_cli_runner().invoke(args=["assistance", "done", reference(runtime)])
    assert "Terminée" in phone.answer("1")


def test_every_topic_has_words_in_every_language(runtime: Runtime) -> None:
    for language in runtime.words.languages:
        for sentence in runtime.ussd.menu.says:
            assert runtime.words.has(language, sentence), (language, sentence)


def test_every_region_has_a_centre() -> None:
    for region in regions():
        assert nearest_centre(region).latin


@pytest.mark.parametrize(
    "change", ["kind = 'x'", "state = 'x'", "reference = '0000000'", "phone = '06'"]
)
def test_the_database_itself_refuses(phone: TestPhone, runtime: Runtime, change: str) -> None:
    phone.dial(FATIMA, "5*2*1")
    with pytest.raises(IntegrityError), runtime.database.begin() as connection:
        connection.execute(text(f"UPDATE help_request SET {change}"))


def test_two_waiting_for_the_same_are_refused(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(FATIMA, "5*2*1")
    again = (
        "INSERT INTO help_request (reference, kind, topic, phone, language, asked_at, changed_at)"
        " SELECT '1234567', kind, topic, phone, language, asked_at, changed_at FROM help_request"
    )
    with pytest.raises(IntegrityError), runtime.database.begin() as connection:
        connection.execute(text(again))
