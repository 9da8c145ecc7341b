"""Look-ups of codes that are nobody's: a share a day for till and phone, none while locked."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from stdnum import damm

from app.agents.locks import LOCKED_FOR, WRONG_PINS_ALLOWED, unlock_agent
from app.agents.look_ups import UNKNOWN_CODES_A_DAY
from app.base.operation import operation
from app.runtime import Runtime
from tests.conftest import AGENT
from tests.payments.conftest import PaymentFixture, payments
from tests.phone import TestPhone
from tests.web.test_till import AgentTerminal

__all__ = ["payments"]
AGENTS_PHONE, HASSAN, WRONG = "+212600000091", "+212600000002", "975310"


def unknown_code(number: int) -> str:
    """Returns a code that is well formed and nobody's."""
    digits = str(90_000_000_000 + number)
    return digits + damm.calc_check_digit(digits)


@pytest.fixture
def till(client: FlaskClient, payments: PaymentFixture) -> AgentTerminal:
    till = AgentTerminal(client)
    till.get("/agent?language=fr")
    assert till.enter().status_code == 200
    return till


def test_share_of_unknown_codes_is_one_for_till_and_phone(
    till: AgentTerminal, phone: TestPhone, payments: PaymentFixture, runtime: Runtime
) -> None:
    code = payments.issue(HASSAN).code
    for number in range(UNKNOWN_CODES_A_DAY - 1):
        till.get()
        if number % 2:
            assert till.look(unknown_code(number)).status_code == 404
        else:
            phone.dial(AGENTS_PHONE, f"1*{unknown_code(number)}")
            assert "n'existe pas" in phone.screen
    assert "HASSAN" not in phone.screen
    assert "HASSAN B." in phone.dial(AGENTS_PHONE, f"1*{code}"), "not yet"
    phone.dial(AGENTS_PHONE, f"1*{unknown_code(98)}")
    # Now neither door tells of any code, of one that is somebody's either.
    assert "Trop de codes inconnus" in phone.dial(AGENTS_PHONE, f"1*{code}")
    till.get()
    refused = till.look(code)
    assert refused.status_code == 429 and "Trop de codes inconnus" in till.page
    till.get("/agent/code")
    assert "HASSAN" not in till.page and "J'ai encaissé" not in unescape(till.page)
    audit = text("SELECT count(*) FROM audit_event WHERE action = 'agent_look_ups_used_up'")
    with runtime.database.connect() as connection:
        assert connection.execute(audit).scalar() == 1
    runtime.clock.now += timedelta(days=1)  # type: ignore[attr-defined]
    assert "HASSAN B." in phone.dial(AGENTS_PHONE, f"1*{code}")


def test_slips_of_the_fingers_use_up_nothing(till: AgentTerminal, runtime: Runtime) -> None:
    for number in range(3):
        code = unknown_code(number)
        till.get()
        assert till.look(code[:-1] + str((int(code[-1]) + 1) % 10)).status_code == 400
    with runtime.database.connect() as connection:
        assert connection.execute(text("SELECT max(unknown_codes) FROM agent")).scalar() == 0


def test_agent_whose_phone_is_locked_is_told_nothing_of_a_code(
    phone: TestPhone, payments: PaymentFixture, runtime: Runtime
) -> None:
    code = payments.issue(HASSAN).code
    for _ in range(WRONG_PINS_ALLOWED):
        phone.dial(AGENTS_PHONE, f"1*{code}*1*{WRONG}")
    for entry in (f"1*{code}", "1*900000000000", "2", "3"):
        told = phone.dial(AGENTS_PHONE, entry)
        assert "Trop d'erreurs de PIN" in told or entry.endswith("0000"), told
        assert "DH" not in told and "HASSAN" not in told, told
    runtime.clock.now += LOCKED_FOR + timedelta(seconds=1)  # type: ignore[attr-defined]
    assert "HASSAN B." in phone.dial(AGENTS_PHONE, f"1*{code}")


def test_till_that_wrong_pins_have_locked_tells_nothing_of_a_code(
    till: AgentTerminal, payments: PaymentFixture, runtime: Runtime
) -> None:
    code = payments.issue(HASSAN).code
    for _ in range(WRONG_PINS_ALLOWED):
        till.get("/agent/pin")
        till.post("/agent/pin", pin=WRONG, new_pin="482915", new_pin_again="482915")
    for typed in (code, HASSAN):
        till.get()
        assert till.look(typed).status_code == 423 and "HASSAN" not in till.page
    assert till.post("/agent/confirm", code=code, key="k" * 32).status_code == 423
    with operation(runtime.database, runtime.clock(), "office") as change:
        assert unlock_agent(change, AGENT) == 1
    till.get()
    assert till.look(code).status_code == 200
