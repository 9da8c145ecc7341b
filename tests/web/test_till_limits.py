"""The till's limits count wrong PINs: who is honest all day is never limited, who guesses is."""

from __future__ import annotations

from itertools import takewhile
from threading import Event

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.base import slow_hash
from app.runtime import Runtime
from tests.conftest import AGENT
from tests.phone import TestPhone
from tests.web.test_till import AgentTerminal

pytestmark = pytest.mark.usefixtures("sample_people")


def test_twenty_tills_behind_one_address_are_never_limited(app: Flask, client: FlaskClient) -> None:
    """Each signs in anew again and again, on devices that are not known."""
    known = AgentTerminal(client)
    assert known.enter().status_code == 200
    for _ in range(31):
        assert AgentTerminal(app.test_client()).enter().status_code == 200
    # Then somebody behind the same address guesses, at many numbers; a minute may end in between.
    guesses = (
        AgentTerminal(app.test_client()).enter(f"{7000 + number}", "975310").status_code
        for number in range(61)
    )
    wrong = list(takewhile(lambda status: status != 429, guesses))
    assert 30 <= len(wrong) < 61 and set(wrong) == {401}
    assert known.enter().status_code == 200, "a known device is limited by itself"


def test_signed_in_agent_s_guesses_of_the_own_pin_are_limited(client: FlaskClient) -> None:
    till = AgentTerminal(client)
    till.enter()
    told = []
    for _ in range(21):
        till.get("/agent/pin")
        new = {"new_pin": "482915", "new_pin_again": "482915"}
        told.append(till.post("/agent/pin", pin="975310", **new).status_code)
    assert told[0] == 401 and 429 in told


def test_secret_that_finds_no_place_is_not_compared_and_not_counted(
    client: FlaskClient, phone: TestPhone, runtime: Runtime
) -> None:
    till, over = AgentTerminal(client), Event()
    till.get()
    for _ in range(slow_hash.AT_ONCE):
        slow_hash._places.submit(over.wait, 20)
    try:
        told = till.post("/agent/sign-in", number=AGENT, pin="975310")
        assert (told.status_code, told.headers["Retry-After"]) == (503, "1")
        assert "1 Mon AMO" in phone.dial("+212600000001")
    finally:
        over.set()
    with runtime.database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM agent_lock")).scalar() == 0
    assert till.enter().status_code == 200
