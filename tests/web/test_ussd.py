"""The gateway's dialect, as the contract writes it (section 2)."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from app.payments.models import payment_code
from tests.phone import TestPhone

FATIMA, HASSAN = "+212600000001", "+212600000002"
FORM = {
    "sessionId": "s1",
    "serviceCode": "*384#",
    "phoneNumber": FATIMA,
    "networkCode": "60401",
    "text": "",
}


@pytest.mark.parametrize("missing", ["sessionId", "phoneNumber"])
def test_callback_refuses_a_missing_field_by_name(client: FlaskClient, missing: str) -> None:
    form = {name: value for name, value in FORM.items() if name != missing}
    answer = client.post("/ussd/africastalking", data=form)
    assert answer.status_code == 400
    body = answer.get_data(as_text=True)
    assert missing in body and "\n" not in body


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize("absent", [None, ""])
def test_callback_needs_no_more_than_a_session_and_a_phone(
    client: FlaskClient, absent: str | None
) -> None:
    form = {"sessionId": "bare", "phoneNumber": FATIMA}
    if absent is not None:
        form |= dict.fromkeys(("serviceCode", "networkCode", "text"), absent)
    shown = client.post("/ussd/africastalking", data=form)
    assert shown.get_data(as_text=True).startswith("CON 1 Mon AMO")


@pytest.mark.usefixtures("sample_people")
def test_callback_takes_a_hash_at_an_answer_s_end_as_the_key_that_ended_it(
    phone: TestPhone, engine: Engine
) -> None:
    assert phone.dial(HASSAN, "#") == phone.dial(HASSAN, "")
    pay = phone.dial(HASSAN, "2")
    assert phone.dial(HASSAN, "2#") == pay
    assert phone.answer("1#").startswith("Code ")
    assert phone.dial(HASSAN, "2#*1#").startswith("Code ")
    assert codes(engine) == 1


@pytest.mark.parametrize("number", ["", "abc", "+", "+2126", "+212 six", "0" * 40, "+" + "1" * 16])
def test_callback_refuses_an_unusable_phone_number(client: FlaskClient, number: str) -> None:
    answer = client.post("/ussd/africastalking", data=FORM | {"phoneNumber": number})
    assert answer.status_code == 400
    assert answer.get_data(as_text=True) == "phoneNumber: not a phone number"


def test_callback_refuses_a_body_over_8_kib(client: FlaskClient) -> None:
    answer = client.post("/ussd/africastalking", data=FORM | {"text": "1" * 9000})
    assert answer.status_code == 400


def test_callback_refuses_get_and_wrong_content(client: FlaskClient) -> None:
    assert client.get("/ussd/africastalking").status_code == 405
    assert client.post("/ussd/africastalking", json=FORM).status_code == 400


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize(
    "text",
    [
        "😀",
        "1*😀*\u200f",
        "*" * 5000,
        "9*9*9*9",
        "00*00*0*0*0",
        "\x00\x01",
        "2*2*99999999999999999999",
        "2*-1",
        "1*" + "٣" * 1000,
        "' OR 1=1 --",
        "２*１",
    ],
)
def test_callback_answers_anything_typed_with_a_screen(phone: TestPhone, text: str) -> None:
    assert phone.dial(FATIMA, text)


@pytest.mark.usefixtures("sample_people")
def test_callback_walks_a_dialled_chain_like_single_hops(phone: TestPhone) -> None:
    phone.dial(HASSAN)
    phone.answer("2")
    walked = phone.answer("2")
    assert phone.dial(HASSAN, "2*2") == walked
    assert phone.dial(HASSAN, "*2*2") == walked
    assert phone.dial(HASSAN, "٢*۲") == walked


@pytest.mark.usefixtures("sample_people")
def test_callback_reads_a_plus_that_was_not_encoded(phone: TestPhone) -> None:
    phone.dial(FATIMA)
    assert "Mon AMO" in phone.post(phoneNumber=" 212600000001", sessionId="other")


@pytest.mark.usefixtures("sample_people")
def test_callback_asks_again_after_a_wrong_input_and_leaves_the_rest(
    phone: TestPhone, engine: Engine
) -> None:
    screen = phone.dial(FATIMA, "2*7*1")
    assert screen.startswith("Choix inconnu.")
    assert codes(engine) == 0
    assert "Code " in phone.answer("1")
    assert codes(engine) == 1


@pytest.mark.usefixtures("sample_people")
def test_callback_repeats_the_bytes_of_an_old_hop_and_does_nothing(
    phone: TestPhone, engine: Engine
) -> None:
    main = phone.dial(FATIMA)
    pay = phone.answer("2")
    code = phone.answer("1")
    assert phone.post(text="2") == f"CON {pay}"
    assert phone.post(text="") == f"CON {main}"
    assert phone.post() == f"CON {code}"
    assert codes(engine) == 1


@pytest.mark.usefixtures("sample_people")
def test_callback_walks_a_lost_session_again_from_its_chain(
    phone: TestPhone, runtime: object, engine: Engine
) -> None:
    phone.dial(FATIMA)
    phone.answer("2")
    before = phone.answer("1")
    phone.session += "-lost"
    assert phone.answer("0")
    assert codes(engine) == 1
    assert phone.dial(FATIMA, "2*1") == before


@pytest.mark.usefixtures("sample_people")
def test_callback_never_shares_a_session_between_phones(phone: TestPhone) -> None:
    phone.dial(FATIMA)
    assert "Langue" in phone.post(phoneNumber="+212600000099")


def test_events_callback_accepts_the_end_of_a_session(client: FlaskClient) -> None:
    notice = {"sessionId": "s1", "status": "Success", "durationInMillis": "4000", "hopsCount": "3"}
    assert client.post("/ussd/africastalking/events", data=notice).status_code == 200
    assert client.post("/ussd/africastalking/events", data={}).status_code == 200


def codes(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(payment_code)).scalar_one()
