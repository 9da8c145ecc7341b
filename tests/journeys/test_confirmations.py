"""Confirmations by SMS of what is done on the phone, to everybody it concerns."""

from __future__ import annotations

import pytest

from app.runtime import Runtime
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

FATIMA, HASSAN, KHADIJA, BRAHIM = (f"+21260000000{number}" for number in range(1, 5))
STRANGER = "+212600000077"
pytestmark = pytest.mark.usefixtures("sample_people")


def messages_of(runtime: Runtime, kind: str) -> list[tuple[object, ...]]:
    asked = "SELECT phone, body FROM message WHERE kind = :kind ORDER BY phone"
    return OtherParties(runtime).run(asked, kind=kind)


def phones_of(runtime: Runtime, kind: str) -> list[object]:
    return [phone for phone, _ in messages_of(runtime, kind)]


def test_cancelled_code_is_announced_to_all_phones_that_were_sent_it(
    phone: TestPhone, runtime: Runtime
) -> None:
    """Khadija asked for it to pay for Hassan: she too would go to the counter in vain."""
    assert "Code" in phone.dial(HASSAN, "2*1")
    phone.dial(KHADIJA, "2*2*100002*1")
    assert "Code annulé" in phone.dial(HASSAN, "3*2*1")
    ((_, code),) = OtherParties(runtime).run("SELECT state, code FROM payment_code")
    shown = f"{code[:4]} {code[4:8]} {code[8:]}"  # type: ignore[index]
    assert phones_of(runtime, "code_cancelled") == [HASSAN, KHADIJA]
    assert all(shown in str(body) for _, body in messages_of(runtime, "code_cancelled"))


def test_replaced_code_is_announced_to_phones_without_the_new_one(
    phone: TestPhone, runtime: Runtime
) -> None:
    phone.dial(HASSAN, "2*1")
    phone.dial(KHADIJA, "2*2*100002*1")
    assert phone.dial(HASSAN, "2*2*1*1").startswith("Code ")
    assert phones_of(runtime, "code_cancelled") == [KHADIJA]


def test_cancelled_request_is_confirmed(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(FATIMA, "5*2*4")
    assert "Demande annulée" in phone.dial(FATIMA, "5*2*5*1*1")
    ((to, body),) = messages_of(runtime, "request_cancelled")
    ((reference,),) = OtherParties(runtime).run("SELECT reference FROM help_request")
    assert to == FATIMA and str(reference) in str(body)


@pytest.mark.parametrize(
    ("caller", "chain"),
    [(STRANGER, "1*100002*01011982"), (KHADIJA, "5*5*4*2*100002*01011982")],
)
def test_identification_on_another_phone_is_announced_to_the_person(
    phone: TestPhone, runtime: Runtime, caller: str, chain: str
) -> None:
    phone.dial(caller, chain)
    ((to, body),) = messages_of(runtime, "phone_added")
    assert to == HASSAN and "100002" not in str(body)


def test_pin_set_from_another_phone_is_announced_on_both(
    phone: TestPhone, runtime: Runtime
) -> None:
    phone.dial(STRANGER, "1*100002*01011982")
    proven = "UPDATE artisan_phone SET way = 'desk', proven_at = now()"
    OtherParties(runtime).run(proven)
    phone.dial(STRANGER, "5*5*3*1*1357*1357")
    assert phones_of(runtime, "pin_set") == [HASSAN, STRANGER]
    phone.dial(STRANGER, "5*5*3*1357*2*1")
    assert phones_of(runtime, "pin_removed") == [HASSAN, STRANGER]


def test_pin_set_on_the_own_phone_is_confirmed_once(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(FATIMA, "5*5*3*1*1357*1357")
    assert phones_of(runtime, "pin_set") == [FATIMA]
    OtherParties(runtime).run(
        "UPDATE artisan SET phone = NULL WHERE rna_number = '100004' RETURNING id"
    )
    phone.dial(STRANGER, "1*100004*01011984")
    assert messages_of(runtime, "phone_added") == []
