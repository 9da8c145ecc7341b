"""Each number that a message names is dialled, and leads where the message says."""

from __future__ import annotations

import pytest

from app.runtime import Runtime
from app.text.dialled import CALL_BACK, ENTRIES
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

FATIMA, DRISS = "+212600000001", "+212600000007"
# What the screen shows behind each, of a person for whom it has something.
SHOWN = {
    "dial": (FATIMA, "1 Mon AMO"),
    "dial_rights": (FATIMA, "Droits ouverts"),
    "dial_dues": (FATIMA, "163,52 DH"),
    "dial_code": (FATIMA, "Code "),
    "dial_payments": (FATIMA, "Code "),
    "dial_reimbursements": (DRISS, "Ta3widat"),
    "dial_agencies": (FATIMA, "1 Agences"),
    "dial_requests": (FATIMA, "demande"),
    "dial_news": (FATIMA, "Nouvelles"),
    "dial_language": (FATIMA, "Langue:"),
    "dial_reminders": (FATIMA, "Rappels"),
    "dial_phones": (FATIMA, "Aucun autre téléphone"),
    "dial_calls": (FATIMA, "peut vous appeler"),
}

pytestmark = pytest.mark.usefixtures("sample_people")


def test_each_number_leads_where_its_name_says(phone: TestPhone) -> None:
    assert SHOWN.keys() == ENTRIES.keys()
    for name, inputs in ENTRIES.items():
        person, shown = SHOWN[name]
        screen = phone.dial(person, inputs)
        assert shown.casefold() in screen.casefold(), f"{name}: {screen}"


def test_no_number_of_a_message_chooses_a_person_of_a_shared_phone(
    phone: TestPhone, runtime: Runtime
) -> None:
    phone.dial(FATIMA, "5*5*4*2*100003*01011983")
    for inputs in (*ENTRIES.values(), CALL_BACK):
        screen = phone.dial(FATIMA, inputs)
        assert screen.startswith("Pour qui?\n1 "), (inputs, screen)
    assert OtherParties(runtime).run("SELECT code FROM payment_code") == []
    # Nor does a digit typed by heart where a talk broke off.
    for typed in ("2", "2", "2"):
        phone.answer(typed)
    assert phone.dial(FATIMA).startswith("Voulez-vous continuer?")
    assert phone.answer("2").startswith("Pour qui?\n1 ")


def test_the_number_for_complaints_asks_to_be_called(phone: TestPhone) -> None:
    assert "appel" in phone.dial(FATIMA, CALL_BACK)
