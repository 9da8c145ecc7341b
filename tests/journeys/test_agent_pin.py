"""The agent's PIN on the phone: chosen after a one-time PIN, changed; what ends a dialogue."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.agents.locks import Door
from app.agents.sessions import end_sessions_of
from app.agents.sign_in import PinTry, SignedIn, sign_in
from app.agents.staff import NewAgent, add_agent, choose_pin, dismiss_agent
from app.base.errors import MaalemError
from app.base.operation import operation
from app.base.phone import Phone
from app.runtime import Runtime
from tests.conftest import AGENCY, AGENT, PIN
from tests.phone import TestPhone
from tests.web.test_till import FATIMA, code_of, deposits

pytestmark = pytest.mark.usefixtures("sample_people")
OWN, RIGHT, WRONG, OTHER = "+212600000091", PIN.get_secret_value(), "975310", "482915"
ONE_TIME = "864213"


def opens(runtime: Runtime, pin: str) -> bool:
    given = PinTry(AGENT, SecretStr(pin), Door.unknown())
    with operation(runtime.database, runtime.clock(), f"agent:{AGENT}") as change:
        try:
            return isinstance(sign_in(change, runtime.services, given), SignedIn)
        except MaalemError:
            return False


def give_one_time_pin(runtime: Runtime) -> None:
    with operation(runtime.database, runtime.clock(), "operator") as change:
        new = NewAgent(AGENT, AGENCY, SecretStr(ONE_TIME), Phone.parse(OWN))
        add_agent(change, runtime.services, new)


def test_an_agent_changes_the_pin_on_the_phone(phone: TestPhone, runtime: Runtime) -> None:
    assert "1 Changer de PIN" in phone.dial(OWN, "3")
    phone.answer("1")
    assert phone.answer(WRONG).startswith("PIN faux.")
    phone.answer("1")
    assert phone.answer(RIGHT).startswith("Nouveau PIN, 6 chiffres ou plus:")
    for easy in ("2468", "123456", "121985"):
        assert phone.answer(easy).startswith("Il faut 6 à 12 chiffres.")
    assert phone.answer(OTHER).startswith("Encore le PIN:")
    assert phone.answer("482916").startswith("Les deux PIN sont différents.")
    phone.answer("1")
    phone.answer(OTHER)
    assert phone.answer(OTHER).startswith("Votre PIN est changé.")
    assert not opens(runtime, RIGHT) and opens(runtime, OTHER)
    # The dialogue in which it was chosen goes on.
    assert "1 Encaisser" in phone.answer("0")
    code = code_of(phone, FATIMA)
    assert "Encaissé 163,52 DH" in phone.dial(OWN, f"1*{code}*1*{OTHER}")


def test_the_pin_of_before_and_the_agents_number_are_no_new_pin(phone: TestPhone) -> None:
    for again in (RIGHT, "381001"):
        phone.dial(OWN, f"3*1*{RIGHT}*{again}")
        assert phone.answer(again).startswith("PIN trop facile, ou le meme.")


def test_a_one_time_pin_takes_no_cash_and_leads_to_a_choice(
    phone: TestPhone, runtime: Runtime
) -> None:
    code = code_of(phone, FATIMA)
    give_one_time_pin(runtime)
    asked = phone.dial(OWN, f"1*{code}*1*{ONE_TIME}")
    assert asked.startswith("Ce PIN ne sert qu'une fois.") and deposits(runtime) == 0
    phone.answer("1")
    phone.answer(OTHER)
    assert phone.answer(OTHER).startswith("Votre PIN est changé.")
    assert "Encaissé 163,52 DH" in phone.dial(OWN, f"1*{code}*1*{OTHER}")


def test_nobody_chooses_a_pin_without_the_one_before(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(OWN, f"3*1*{WRONG}")
    phone.answer("1")
    for _ in range(5):
        phone.answer(WRONG)
        phone.answer("1")
    assert opens(runtime, RIGHT)


@pytest.mark.parametrize("end", ["dismissal", "agency", "office", "new_pin"])
def test_a_dialogue_in_progress_ends_with_the_agents_sessions(
    phone: TestPhone, runtime: Runtime, end: str
) -> None:
    code = code_of(phone, FATIMA)
    phone.dial(OWN, f"1*{code}*1")
    with operation(runtime.database, runtime.clock(), "office") as change:
        agent_id = change.connection.execute(text("SELECT id FROM agent")).scalar_one()
        if end == "dismissal":
            dismiss_agent(change, AGENT)
        elif end == "agency":
            change.connection.execute(text("UPDATE agency SET active = false"))
        elif end == "office":
            end_sessions_of(change, AGENT)
        else:
            choose_pin(change, runtime.services, agent_id, SecretStr(OTHER))
    over = end in {"dismissal", "agency"}
    expected = "Vous n'etes plus agent" if over else "Votre accès a changé."
    assert phone.answer(OTHER if end == "new_pin" else RIGHT).startswith(expected)
    assert deposits(runtime) == 0
    if not over:
        pin = OTHER if end == "new_pin" else RIGHT
        assert "Encaissé 163,52 DH" in phone.dial(OWN, f"1*{code}*1*{pin}")
