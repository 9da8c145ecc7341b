"""The phone of development: its page, its inbox, and that production has neither."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.enrolment.samples import SAMPLE_PEOPLE
from app.runtime import Runtime
from app.text.encoding import GSM7_BASIC, GSM7_EXTENSION
from tests.phone import TestPhone
from tests.production import production_settings

FATIMA = "+212600000001"
FIELDS = {"to", "text", "encoding", "segments", "status", "created_at"}


def test_simulator_offers_every_sample_person_and_key(client: FlaskClient) -> None:
    page = client.get("/simulator").get_data(as_text=True)
    for phone, who, state in SAMPLE_PEOPLE:
        assert f'value="{phone}"' in page
        assert who in unescape(page) and state in unescape(page)
    for key in (*"0123456789*#", "green", "red", "clear", "left", "right", "up", "down"):
        assert f'data-key="{key}"' in page


def test_simulator_hands_over_the_tables_it_counts_with(client: FlaskClient) -> None:
    page = client.get("/simulator").get_data(as_text=True)
    match = re.search(r'data-facts="([^"]*)"', page)
    assert match
    facts = json.loads(unescape(match[1]))
    assert set(facts["basic"]) == GSM7_BASIC and set(facts["extension"]) == GSM7_EXTENSION
    assert (facts["code"], facts["septets"], facts["ucs2"]) == ("*384#", 160, 80)


@pytest.mark.usefixtures("sample_people")
def test_inbox_lists_the_newest_message_first(client: FlaskClient, phone: TestPhone) -> None:
    phone.dial(FATIMA, "2*1")
    phone.dial(FATIMA, "3*2*1")
    phone.dial(FATIMA, "2*1")
    answer = client.get("/simulator/messages.json", query_string={"phone": FATIMA})
    messages = answer.get_json()
    assert len(messages) == 3
    for message in messages:
        assert set(message) == FIELDS
    newest = re.search(r"\d{4} \d{4} \d{4}", phone.dial(FATIMA, "3"))
    assert newest and [newest[0] in message["text"] for message in messages] == [True, False, False]
    assert "annul" in messages[1]["text"] and "Payez" in messages[2]["text"]
    assert (messages[0]["to"], messages[0]["encoding"], messages[0]["segments"]) == (
        FATIMA,
        "GSM-7",
        1,
    )


def test_inbox_reads_a_plus_that_was_not_encoded(client: FlaskClient) -> None:
    assert client.get(f"/simulator/messages.json?phone={FATIMA}").get_json() == []
    assert client.get("/simulator/messages.json?phone=nobody").status_code == 400
    assert client.get("/simulator/messages.json").status_code == 400


def test_production_has_no_simulator(runtime: Runtime) -> None:
    served = Runtime(production_settings(runtime))
    client = create_app(served).test_client()
    assert client.get("/simulator").status_code == 404
    assert client.get(f"/simulator/messages.json?phone={FATIMA}").status_code == 404
    assert "/simulator" not in client.get("/").get_data(as_text=True)
    served.database.dispose()
