"""Requests for help: asking, the reference, and the desk's work."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from stdnum import damm

from app.assistance.centres import nearest_centre
from app.runtime import Runtime
from app.text.regions import regions
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

FATIMA, UNKNOWN = "+212600000001", "+212600000099"
pytestmark = pytest.mark.usefixtures("sample_people")


def list_stored_requests(runtime: Runtime) -> list[tuple[object, ...]]:
    return OtherParties(runtime).run("SELECT kind, topic, state FROM help_request ORDER BY id")


def get_reference(runtime: Runtime) -> str:
    ((found,),) = OtherParties(runtime).run("SELECT reference FROM help_request")
    return str(found)


def test_ask_for_help_stores_confirms_and_finds_the_request_again(
    phone: TestPhone, runtime: Runtime
) -> None:
    shown = phone.dial(FATIMA, "5*2*1")
    number = get_reference(runtime)
    assert damm.is_valid(number) and number in shown
    ((body,),) = OtherParties(runtime).run("SELECT body FROM message WHERE kind = 'request'")
    assert number in str(body) and "gratuit" in str(body)
    phone.answer("00")
    assert number in phone.dial(FATIMA, "5*2*5*1")


def test_ask_for_help_by_concurrent_hops_stores_one_request(app: Flask, runtime: Runtime) -> None:
    phones = [TestPhone(app.test_client()) for _ in range(8)]
    with ThreadPoolExecutor(8) as many:
        screens = list(many.map(lambda one: one.dial(FATIMA, "5*2*4"), phones))
    assert list_stored_requests(runtime) == [("call_back", "any", "open")]
    assert all(get_reference(runtime) in screen for screen in screens)


def test_ask_for_help_is_open_to_an_unknown_phone(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(UNKNOWN, "1")
    for _ in range(4):
        phone.answer("#?!")
    assert "1 Etre appelé" in phone.screen
    phone.answer("1")
    assert list_stored_requests(runtime) == [("call_back", "any", "open")]
    assert OtherParties(runtime).run("SELECT artisan_id FROM help_request") == [(None,)]


def test_move_request_takes_and_closes_a_request(
    phone: TestPhone, runtime: Runtime, app: Flask
) -> None:
    def run(*words: str) -> str:
        return app.test_cli_runner().invoke(args=["assistance", *words]).output

    phone.dial(FATIMA, "5*2*3*2")
    number = get_reference(runtime)
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
    assert [state for _, _, state in list_stored_requests(runtime)] == ["done", "open"]


def test_cancel_request_is_too_late_once_the_request_is_done(
    phone: TestPhone, runtime: Runtime, app: Flask
) -> None:
    phone.dial(FATIMA, "5*2*1")
    phone.answer("00")
    phone.dial(FATIMA, "5*2*5*1")
    app.test_cli_runner().invoke(args=["assistance", "done", get_reference(runtime)])
    assert "Terminée" in phone.answer("1")


def test_every_topic_has_words_in_every_language(runtime: Runtime) -> None:
    for language in runtime.words.languages:
        for sentence in runtime.ussd.menu.says:
            assert runtime.words.has(language, sentence), (language, sentence)


def test_nearest_centre_exists_for_every_region() -> None:
    for region in regions():
        assert nearest_centre(region).latin


@pytest.mark.parametrize(
    "change", ["kind = 'x'", "state = 'x'", "reference = '0000000'", "phone = '06'"]
)
def test_database_refuses_an_impossible_request(
    phone: TestPhone, runtime: Runtime, change: str
) -> None:
    phone.dial(FATIMA, "5*2*1")
    with pytest.raises(IntegrityError), runtime.owners_database.begin() as connection:
        connection.execute(text(f"UPDATE help_request SET {change}"))


def test_database_refuses_two_waiting_requests_for_the_same(
    phone: TestPhone, runtime: Runtime
) -> None:
    phone.dial(FATIMA, "5*2*1")
    again = (
        "INSERT INTO help_request (reference, kind, topic, phone, language, asked_at, changed_at)"
        " SELECT '1234567', kind, topic, phone, language, asked_at, changed_at FROM help_request"
    )
    with pytest.raises(IntegrityError), runtime.database.begin() as connection:
        connection.execute(text(again))
