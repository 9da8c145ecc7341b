"""Who looked at my record: read on the phone by its owner, by work and never by name."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.base.operation import operation
from app.base.phone import Phone
from app.enrolment.ties import tie_phone
from app.people.looks import record_look
from app.runtime import Runtime
from app.text.languages import LANGUAGES
from tests.phone import TestPhone

HASSAN, STRANGER = "+212600000002", "+212600000099"
pytestmark = pytest.mark.usefixtures("sample_people")


def look(runtime: Runtime, who: str, role: str, reason: str) -> int:
    with operation(runtime.database, runtime.clock(), who) as change:
        found = text("SELECT id FROM artisan WHERE phone = :p")
        person = int(change.connection.execute(found, {"p": HASSAN}).scalar_one())
        record_look(change, person, reason, ("rights",), role)
    return person


def test_the_owner_reads_who_looked_by_work_and_reason(phone: TestPhone, runtime: Runtime) -> None:
    assert "Personne du bureau" in phone.dial(HASSAN, "5*5*6")
    look(runtime, "nadia", "helpdesk", "complaint")
    look(runtime, "youssef", "chamber", "counter")
    listed = phone.dial(HASSAN, "5*5*9*6")
    assert "1 23/11/2026: chambre d'artisanat\n2 23/11/2026: aide" in listed
    shown = phone.answer("2")
    assert "Vu par: aide\nRaison: réclamation" in shown
    assert "nadia" not in listed + shown


def test_a_phone_tied_by_papers_does_not_read_it(phone: TestPhone, runtime: Runtime) -> None:
    person = look(runtime, "nadia", "helpdesk", "call")
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        tie_phone(change, Phone(STRANGER), person)
    assert "aide" not in phone.dial(STRANGER, "5*5*6")


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_read_in_every_language(phone: TestPhone, runtime: Runtime, language: str) -> None:
    look(runtime, "nadia", "helpdesk", "call")
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        chosen = text("INSERT INTO phone_profile (phone, language) VALUES (:p, :l)")
        change.connection.execute(chosen, {"p": HASSAN, "l": language})
    words = runtime.words
    assert words.say(language, "looker.helpdesk") in phone.dial(HASSAN, "5*5*9*6")
    assert words.say(language, "look_reason.call") in phone.answer("1")
