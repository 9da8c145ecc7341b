"""Consent to promotional messages: recorded, kept as it was given, the newest counts."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from app.base.phone import Phone
from app.messaging.consent import has_consented
from app.runtime import Runtime
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

FATIMA = "+212600000001"
pytestmark = pytest.mark.usefixtures("sample_people")


def consents(runtime: Runtime) -> bool:
    with runtime.database.connect() as connection:
        return has_consented(connection, Phone(FATIMA), "export_news")


def test_consent_records_each_answer_with_language_and_moment(
    phone: TestPhone, runtime: Runtime
) -> None:
    assert not consents(runtime)
    phone.dial(FATIMA, "5*4*2*1")
    assert consents(runtime)
    phone.answer("00")
    phone.dial(FATIMA, "5*4*2*2")
    assert not consents(runtime)
    rows = OtherParties(runtime).run(
        "SELECT given, language, channel, recorded_at FROM consent ORDER BY id"
    )
    now = runtime.clock()
    assert rows == [(True, "fr", "ussd", now), (False, "fr", "ussd", now)]
    bodies = OtherParties(runtime).run(
        "SELECT body FROM message WHERE kind LIKE 'news_%' ORDER BY id"
    )
    assert "Pour arreter" in str(bodies[0]) and "plus de nouvelles" in str(bodies[1])


@pytest.mark.parametrize("change", ["UPDATE consent SET given = false", "DELETE FROM consent"])
def test_database_refuses_to_change_consent(
    phone: TestPhone, runtime: Runtime, change: str
) -> None:
    phone.dial(FATIMA, "5*4*2*1")
    with pytest.raises(DatabaseError), runtime.owners_database.begin() as connection:
        connection.execute(text(change))
    assert consents(runtime)
