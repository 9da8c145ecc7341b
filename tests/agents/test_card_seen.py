"""An agent who saw the card while taking the cash proves the phone that asked for the code."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from app.runtime import Runtime
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

HASSAN, STRANGER, AGENT = "+212600000002", "+212600000099", "+212600000091"
pytestmark = pytest.mark.usefixtures("sample_people")


@pytest.fixture
def others(runtime: Runtime) -> OtherParties:
    return OtherParties(runtime)


def ask_for_code(phone: TestPhone, number: str) -> str:
    if number == STRANGER:
        phone.dial(number, "1*100002*01011982")
    return re.sub(r"\D", "", phone.dial(number, "2*1").split("\n")[0])


def test_agent_s_phone_proves_the_phone_that_asked(phone: TestPhone, others: OtherParties) -> None:
    code = ask_for_code(phone, STRANGER)
    phone.dial(AGENT, f"1*{code}*1*246813")
    assert "2 J'ai vu carte et tél. ..0099" in phone.screen
    assert "Noté" in phone.answer("2")
    assert others.run("SELECT way FROM artisan_phone") == [("agent",)]
    assert others.run("SELECT phone FROM message WHERE kind = 'phone_proven'") == [(HASSAN,)]
    actor = "SELECT actor FROM audit_event WHERE action = 'phone_proven'"
    assert others.run(actor) == [("agent:1001",)]
    assert not phone.dial(STRANGER, "4").startswith("Prouvez")


def test_agent_is_asked_nothing_of_a_phone_that_is_proven(phone: TestPhone) -> None:
    code = ask_for_code(phone, HASSAN)
    phone.dial(AGENT, f"1*{code}*1*246813")
    assert "J'ai vu carte" not in phone.screen


def test_till_proves_the_phone_by_a_tick(
    phone: TestPhone, client: FlaskClient, others: OtherParties
) -> None:
    code = ask_for_code(phone, STRANGER)
    page = client.get("/agent").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    signed = {"csrf_token": token[1], "number": "1001", "pin": "246813"}
    client.post("/agent/sign-in", data=signed)
    page = client.get("/agent").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    client.post("/agent/code", data={"csrf_token": token[1], "code": code})
    page = client.get("/agent/code").get_data(as_text=True)
    assert 'name="card_seen"' in page and "0099" in page
    fields = dict(re.findall(r'name="(csrf_token|code|key)" value="([^"]+)"', page))
    client.post("/agent/confirm", data=fields | {"card_seen": "yes"})
    assert others.run("SELECT way FROM artisan_phone") == [("agent",)]
