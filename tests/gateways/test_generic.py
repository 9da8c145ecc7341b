"""The plain JSON dialect, as the contract writes it (section 2)."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import Engine, text

from app import create_app
from app.runtime import Runtime, check_names
from app.settings import Settings
from tests.phone import GenericPhone, TestPhone

FATIMA, UNKNOWN = "+212600000001", "+212600000099"
START = {
    "session_id": "s1",
    "msisdn": FATIMA,
    "service_code": "*384#",
    "input": "",
    "type": "start",
    "message_id": "m1",
}


@pytest.fixture
def generic(client: FlaskClient) -> GenericPhone:
    return GenericPhone(client)


def codes(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM payment_code")).scalar_one()


@pytest.mark.usefixtures("sample_people")
def test_generic_gateway_carries_a_dialogue_in_json(generic: GenericPhone, engine: Engine) -> None:
    assert generic.dial(FATIMA).startswith("1 Mon AMO")
    assert "A payer: 163,52 DH" in generic.answer("2")
    assert generic.answer("1").startswith("Code ")
    assert generic.answer("0").startswith("1 Mon AMO")
    assert codes(engine) == 1


@pytest.mark.usefixtures("sample_people")
def test_generic_gateway_walks_a_dialled_chain(generic: GenericPhone, phone: TestPhone) -> None:
    shown = generic.dial(FATIMA, "2*1")
    assert shown.startswith("Code ")
    assert phone.dial(FATIMA, "2*1") == shown


@pytest.mark.usefixtures("sample_people")
def test_generic_gateway_takes_the_same_input_under_a_new_message_id_as_a_new_hop(
    generic: GenericPhone,
) -> None:
    generic.dial(FATIMA)
    first = generic.answer("x")
    assert generic.answer("x") == first
    generic.answer("2")
    assert generic.answer("2") != generic.answer("2")


@pytest.mark.usefixtures("sample_people")
def test_generic_gateway_takes_a_star_as_part_of_the_input(
    generic: GenericPhone, engine: Engine
) -> None:
    generic.dial(FATIMA)
    assert generic.answer("2*1").startswith("Choix inconnu.")
    assert codes(engine) == 0


@pytest.mark.usefixtures("sample_people")
def test_generic_gateway_takes_every_hop_without_message_id_as_new(client: FlaskClient) -> None:
    fields = {name: value for name, value in START.items() if name != "message_id"}
    client.post("/ussd/generic", json=fields)
    twice = [
        client.post("/ussd/generic", json=fields | {"type": "input", "input": "2"}).get_json()
        for _ in range(2)
    ]
    assert twice[0] != twice[1]


@pytest.mark.usefixtures("sample_people")
def test_generic_gateway_begins_anew_on_a_start_in_the_same_session(generic: GenericPhone) -> None:
    main = generic.dial(FATIMA)
    generic.answer("2")
    generic.answer("2")
    assert generic.dial(FATIMA) != main, "what broke off is offered"
    session = generic.session
    generic.answer("2")
    assert generic.post(type="start", input="", message_id="again", session_id=session)


@pytest.mark.usefixtures("sample_people")
def test_generic_gateway_accepts_an_end_and_shows_nothing(client: FlaskClient) -> None:
    client.post("/ussd/generic", json=START)
    answer = client.post("/ussd/generic", json=START | {"type": "end", "message_id": "m2"})
    assert (answer.status_code, answer.get_json()) == (200, {"message": "", "continue": False})


def test_generic_gateway_accepts_an_end_without_input(client: FlaskClient) -> None:
    ended = {"session_id": "s1", "msisdn": FATIMA, "type": "end"}
    assert client.post("/ussd/generic", json=ended).status_code == 200
    without = {"session_id": "s1", "type": "end"}
    assert client.post("/ussd/generic", json=without).get_json() == {"error": "msisdn: missing"}


@pytest.mark.usefixtures("sample_people")
def test_generic_gateway_reads_numbers_nulls_absent_fields_and_capitals(
    client: FlaskClient,
) -> None:
    start = {"session_id": 7, "msisdn": int(FATIMA[1:]), "type": "START", "message_id": 1}
    shown = client.post("/ussd/generic", json=start | {"service_code": None, "input": None})
    assert shown.get_json()["message"].startswith("1 Mon AMO")
    typed = start | {"type": "Input", "input": 2, "message_id": 2}
    first = client.post("/ussd/generic", json=typed).get_json()
    assert "A payer: 163,52 DH" in first["message"]
    assert client.post("/ussd/generic", json=typed).get_json() == first
    after = client.post("/ussd/generic", json=typed | {"input": "1#", "message_id": None})
    assert after.get_json()["message"].startswith("Code ")
    back = {"session_id": 7.0, "msisdn": FATIMA, "type": "INPUT", "message_id": 3.0, "input": 0.0}
    assert client.post("/ussd/generic", json=back).get_json() == shown.get_json()
    end = {"session_id": "7", "msisdn": FATIMA, "type": "END", "input": None}
    assert client.post("/ussd/generic", json=end).get_json() == {"message": "", "continue": False}


@pytest.mark.parametrize("missing", ["session_id", "msisdn", "type"])
def test_generic_gateway_names_a_missing_field(client: FlaskClient, missing: str) -> None:
    fields = {name: value for name, value in START.items() if name != missing}
    answer = client.post("/ussd/generic", json=fields)
    assert (answer.status_code, answer.get_json()) == (400, {"error": f"{missing}: missing"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_id", ""),
        ("session_id", True),
        ("session_id", 7.5),
        ("session_id", "x" * 200),
        ("msisdn", "abc"),
        ("msisdn", None),
        ("msisdn", {"a": 1}),
        ("input", True),
        ("input", 2.5),
        ("input", ["2"]),
        ("type", "begin"),
        ("type", None),
        ("type", ["start"]),
        ("message_id", "x" * 200),
        ("message_id", {}),
    ],
)
def test_generic_gateway_names_an_impossible_field(
    client: FlaskClient, field: str, value: object
) -> None:
    answer = client.post("/ussd/generic", json=START | {field: value})
    assert answer.status_code == 400
    assert answer.get_json()["error"].startswith(f"{field}: ")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"[" * 4000, b'{"a":' * 1000]
)
def test_generic_gateway_refuses_a_body_that_is_no_json_object(
    client: FlaskClient, body: bytes
) -> None:
    answer = client.post("/ussd/generic", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert json.loads(answer.get_data())["error"].startswith("body: ")


def test_generic_gateway_refuses_a_body_over_8_kib(client: FlaskClient) -> None:
    answer = client.post("/ussd/generic", json=START | {"input": "1" * 9000})
    assert answer.status_code == 400


def test_gateway_address_holds_the_token_in_production(session_runtime: Runtime) -> None:
    """As in production: the right address answers, another is not there."""
    settings = session_runtime.settings.model_copy(
        update={"callback_token": SecretStr("a-token-of-this-test")}
    )
    app = create_app(_with(session_runtime, settings))
    for path in ("generic", "africastalking", "africastalking/events"):
        assert app.test_client().post(f"/ussd/{path}/wrong").status_code == 404
        assert app.test_client().post(f"/ussd/{path}/a-token-of-this-test").status_code != 404


def _with(runtime: Runtime, settings: Settings) -> Runtime:
    return Runtime(settings, clock=runtime.clock)


def test_settings_give_a_gateway_its_own_limits(own_settings: Settings) -> None:
    runtime = Runtime(own_settings.model_copy(update={"ussd_limits": {"generic": (182, 70)}}))
    assert (runtime.limits["generic"].septets, runtime.limits["generic"].ucs2) == (182, 70)
    assert runtime.limits["africastalking"].septets == 160
    strange = own_settings.model_copy(update={"ussd_limits": {"nobody": (182, 70)}})
    with pytest.raises(SystemExit, match="nobody"):
        check_names(strange)


@pytest.fixture
def own_settings(app: Flask) -> Settings:
    found: Runtime = app.extensions["maalem"]
    return found.settings
