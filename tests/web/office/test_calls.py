"""The work list of a chamber: who is on it, one taken at a time, what came of each call."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.base.operation import operation
from app.base.phone import Phone
from app.messaging.consent import Consent, record_consent
from app.runtime import Runtime
from tests.web.office.conftest import SignIn, post
from tests.web.office.test_people import AICHA, HASSAN, ask, id_of

pytestmark = pytest.mark.usefixtures("sample_people")
EMPTY = "Personne à appeler"


def agree(runtime: Runtime, phone: str, given: bool = True, key: str = "k") -> None:
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        answer = Consent(Phone(phone), "calls", given, "fr", "counter", f"{phone}:{key}", "?")
        record_consent(change, answer)


def keep(browser: FlaskClient, person: int, outcome: str, day: str = "", **form: str) -> int:
    fields = {"outcome": outcome, "next_call_on": day} | form
    return post(browser, f"/office/calls/{person}", **fields).status_code


def test_only_who_agreed_and_lost_cover_in_the_region_is_on_the_list(
    sign_in: SignIn, runtime: Runtime, engine: Engine, owner: Engine
) -> None:
    hassan = id_of(engine, HASSAN)
    browser = sign_in("chamber")
    assert EMPTY in browser.get("/office/calls").text
    agree(runtime, HASSAN)
    agree(runtime, AICHA)
    page = browser.get("/office/calls").text
    assert f"/office/calls/{hassan}" in page
    # No name and no number on the list; no other region.
    assert "Hassan" not in page and "Bennani" not in page and HASSAN not in page
    assert f"/office/calls/{id_of(engine, AICHA)}" not in page
    assert browser.get(f"/office/calls/{id_of(engine, AICHA)}").status_code == 404
    assert "Membres à appeler" in browser.get("/office").text
    with owner.begin() as connection:
        day = runtime.clock().date() + timedelta(days=40)
        connection.execute(
            text("UPDATE artisan SET rights_until = :d WHERE id = :h"), {"d": day, "h": hassan}
        )
    assert EMPTY in browser.get("/office/calls").text
    assert browser.get(f"/office/calls/{hassan}").status_code == 404


def test_the_name_is_shown_when_one_is_taken_and_that_is_noted(
    sign_in: SignIn, runtime: Runtime, engine: Engine
) -> None:
    agree(runtime, HASSAN)
    hassan = id_of(engine, HASSAN)
    page = sign_in("chamber").get(f"/office/calls/{hassan}").text
    assert "Hassan Bennani" in page and HASSAN in page
    looks = ask(
        engine,
        "SELECT actor, details->>'reason' FROM audit_event WHERE action = :a",
        a="person_shown",
    )
    assert looks == [("chamber", "call")]


def test_an_outcome_and_the_next_call_are_kept(
    sign_in: SignIn, runtime: Runtime, engine: Engine
) -> None:
    agree(runtime, HASSAN)
    hassan, clock = id_of(engine, HASSAN), runtime.clock
    browser = sign_in("chamber")
    soon = (runtime.clock() + timedelta(days=3)).date().isoformat()
    for outcome, day in (
        ("", ""),
        ("shouted", ""),
        ("no_answer", "x"),
        ("refuses", soon),
        ("called", "2020-01-01"),
    ):
        assert keep(browser, hassan, outcome, day) == 400, (outcome, day)
    assert keep(browser, hassan, "no_answer", soon, once="a" * 32) == 303
    assert keep(browser, hassan, "no_answer", soon, once="a" * 32) == 409
    assert len(ask(engine, "SELECT 1 FROM member_call")) == 1
    assert EMPTY in browser.get("/office/calls").text
    clock.now = runtime.clock() + timedelta(days=3)  # type: ignore[attr-defined]
    browser = sign_in("chamber")
    assert "Pas de réponse" in browser.get("/office/calls").text
    assert keep(browser, hassan, "wrong_number") == 303
    clock.now = runtime.clock() + timedelta(days=200)  # type: ignore[attr-defined]
    browser = sign_in("chamber")
    assert EMPTY in browser.get("/office/calls").text
    agree(runtime, HASSAN, key="anew")
    assert f"/office/calls/{hassan}" in browser.get("/office/calls").text


def test_a_no_takes_a_member_off_the_list(
    sign_in: SignIn, runtime: Runtime, engine: Engine
) -> None:
    agree(runtime, HASSAN)
    agree(runtime, HASSAN, given=False, key="no")
    browser = sign_in("chamber")
    assert EMPTY in browser.get("/office/calls").text
    assert keep(browser, id_of(engine, HASSAN), "called") == 404


@pytest.mark.parametrize("role", ["helpdesk", "auditor", "analyst", "cnss", "operator", "wafacash"])
def test_the_list_is_the_chambers(sign_in: SignIn, role: str) -> None:
    assert sign_in(role).get("/office/calls").status_code == 403
