"""The line breaks and the phone dials anew: on another gateway, after a code, too late."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app.runtime import Runtime
from app.ussd.session import STORED_SECONDS
from tests.journeys.other_parties import OtherParties
from tests.phone import GenericPhone, TestPhone

FATIMA = "+212600000001"
OFFERED = "Voulez-vous continuer?\n1 Continuer\n00 Menu"
OTHER = "100004"
pytestmark = pytest.mark.usefixtures("sample_people")


def codes(runtime: Runtime) -> list[tuple[object, ...]]:
    return OtherParties(runtime).run("SELECT count(*) FROM payment_code")


KINDS = [(TestPhone, GenericPhone), (GenericPhone, TestPhone)]


@pytest.mark.parametrize("kinds", KINDS)
def test_resume_on_another_gateway_goes_on_where_something_was_begun(
    client: FlaskClient, kinds: tuple[type[TestPhone], type[TestPhone]]
) -> None:
    before, after = (kind(client) for kind in kinds)
    shown = before.dial(FATIMA, "2*2")
    assert after.dial(FATIMA) == OFFERED
    assert after.answer("1") == shown
    assert after.answer("00").startswith("1 Mon AMO")


@pytest.mark.parametrize("kinds", KINDS)
def test_a_code_is_shown_again_with_no_key_and_digits_keep_their_meaning(
    client: FlaskClient, runtime: Runtime, kinds: tuple[type[TestPhone], type[TestPhone]]
) -> None:
    before, after = (kind(client) for kind in kinds)
    shown = before.dial(FATIMA, "2*1")
    code = shown.split("\n")[0]
    assert after.dial(FATIMA).startswith(f"{code}\n1 Mon AMO\n2 Payer\n")
    after.answer("2")
    assert after.answer("1") == shown
    assert codes(runtime) == [(1,)]
    runtime.redis.flushdb()
    assert before.dial(FATIMA).startswith("1 Mon AMO"), "later it is one key away"
    assert code in before.answer("3")


# Where a talk may end, and whether it was begun and not answered: with a phone of each kind.
ENDS = {
    "": False,
    "1": False,
    "1*1": False,
    "2": False,
    "2*2": True,
    "2*2*1": False,
    "2*1": False,
    "2*1*0": False,
    "2*3": False,
    "2*3*100007": True,
    "2*3*100007*1": False,
    "2*3*999999": True,
    "3": False,
    "4": False,
    "5": False,
    "5*1": False,
    "5*1*2": False,
    "5*1*2*1": False,
    "5*2": False,
    "5*2*1": False,
    "5*3": False,
    "5*4": False,
    "5*5": False,
    "5*5*1": False,
    "5*5*2": False,
    "5*5*3*1": False,
    "5*5*3*1*1357": True,
    "5*5*4*1": False,
    "5*5*4*2": False,
    "5*5*4*2*100007": True,
    "5*5*5": False,
    "7*7*7*7": False,
}


@pytest.mark.parametrize("ended", ENDS)
def test_digits_known_by_heart_lead_to_the_same_place_whatever_was_done_before(
    phone: TestPhone, ended: str
) -> None:
    phone.dial(FATIMA, ended) if ended != "7*7*7*7" else [
        phone.dial(FATIMA),
        *map(phone.answer, "7777"),
    ]
    first = phone.dial(FATIMA)
    assert first.endswith(OFFERED[-len("1 Continuer\n00 Menu") :]) == ENDS[ended]
    phone.answer("2")
    assert phone.answer("1").startswith("Code ")
    assert phone.dial(FATIMA, "2*1").startswith("Code "), "dialled behind the code"


@pytest.mark.parametrize("digit", "2345")
def test_a_digit_at_the_offer_is_one_of_the_menu(phone: TestPhone, digit: str) -> None:
    meant = phone.dial(FATIMA, digit)
    phone.dial(FATIMA, "2*3*100007")
    assert phone.dial(FATIMA) == OFFERED
    assert phone.answer(digit) == meant


@pytest.mark.parametrize("home", ["0", "00"])
def test_resume_may_begin_anew(phone: TestPhone, home: str) -> None:
    phone.dial(FATIMA, "2*2")
    assert phone.dial(FATIMA) == OFFERED
    assert phone.answer(home).startswith("1 Mon AMO")
    assert phone.dial(FATIMA).startswith("1 Mon AMO")


def test_dialogue_starts_anew_after_the_stored_time(phone: TestPhone, runtime: Runtime) -> None:
    """Redis forgets the talk itself; here its clock is turned on by hand."""
    phone.dial(FATIMA, "2*2")
    left = [int(runtime.redis.ttl(key)) for key in runtime.redis.keys("{b*}[up]*")]
    assert len(left) == 1 and all(
        STORED_SECONDS - 30 < seconds <= STORED_SECONDS for seconds in left
    )
    assert phone.dial(FATIMA) == OFFERED
    for key in runtime.redis.keys("{b*}[up]*"):
        runtime.redis.expire(key, 0)
    assert phone.dial(FATIMA).startswith("1 Mon AMO")


def test_dialogue_at_its_first_screen_is_not_resumed(phone: TestPhone) -> None:
    main = phone.dial(FATIMA)
    assert phone.dial(FATIMA) == main


AGENT = "+212600000091"


def test_an_agent_goes_on_with_a_code_and_00_leads_home(
    phone: TestPhone, client: FlaskClient
) -> None:
    code = TestPhone(client).dial(FATIMA, "2*1").split("\n")[0].removeprefix("Code ")
    asked = phone.dial(AGENT, f"1*{code}")
    main = phone.answer("00")
    phone.dial(AGENT, f"1*{code}")
    assert phone.dial(AGENT) == OFFERED
    assert phone.answer("1") == asked
    assert phone.answer("00") == main
    phone.dial(AGENT, f"1*{code}")
    phone.dial(AGENT)
    for typed in "xxxx":
        helped = phone.answer(typed)
    assert phone.answer("00") == main, helped


def test_a_code_above_the_menu_leaves_its_first_choice_on_the_page(phone: TestPhone) -> None:
    aicha = "+212600000005"
    phone.dial(aicha, "2*1")
    lines = phone.dial(aicha).split("\n")
    assert lines[0].startswith("Code ") and lines[1] == "1 تغطيتي الصحية"
