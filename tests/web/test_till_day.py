"""The till's day: masked names, what is left of limits, a file, and the hand-over of a shift."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import text

from app.agents.staff import NewAgent, add_agent
from app.base.operation import operation
from app.runtime import Runtime
from tests.payments.conftest import PaymentFixture, payments
from tests.web.test_till import AgentTerminal, field, plain

__all__ = ["payments"]
FATIMA, HASSAN, DRISS = "+212600000001", "+212600000002", "+212600000007"
PIN, SECOND, SECOND_PIN = "246813", "1002", "357924"
HAND_OVERS = "SELECT count(*) FROM till_hand_over"


@pytest.fixture
def till(client: FlaskClient, payments: PaymentFixture, runtime: Runtime) -> AgentTerminal:
    """Agent 1001's till, who took 163.52 of Fatima and 168.43 of Hassan, and a colleague."""
    with operation(runtime.database, runtime.clock(), "operator") as change:
        new = NewAgent(SECOND, "W-RABAT-01", SecretStr(SECOND_PIN), own=True)
        add_agent(change, runtime.services, new)
    payments.redeem(payments.issue(FATIMA).code, "1")
    payments.redeem(payments.issue(HASSAN, 1).code, "2")
    till = AgentTerminal(client)
    till.get("/agent?language=fr")
    assert till.enter().status_code == 200
    return till


def hand_over(till: AgentTerminal, counted: str, **changed: str) -> int:
    """Fills the form as it stands on the last page."""
    fields = {"key": field(till.page, "key"), "told": field(till.page, "told"), "pin": PIN}
    fields |= {"counted": counted, "second_number": SECOND, "second_pin": SECOND_PIN}
    return till.follow(till.post("/agent/day/hand-over", **fields | changed)).status_code


def test_day_shows_masked_names_and_what_is_left_of_the_limits(
    till: AgentTerminal, payments: PaymentFixture, runtime: Runtime
) -> None:
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET day_limit_centimes = 100000"))
        connection.execute(text("UPDATE agency SET float_limit_centimes = 500000"))
    till.get("/agent/day")
    shown = plain(till.page)
    assert "FATIMA Z." in shown and "HASSAN B." in shown and "Bennani" not in till.page
    assert "Total 331,95 DH" in shown
    assert "Limite du jour: il reste 668,05 DH / 1000,00 DH" in shown
    assert "Limite de l'agence: il reste 4668,05 DH / 5000,00 DH" in shown


def test_file_of_the_day_is_safe_in_a_spreadsheet(
    till: AgentTerminal, payments: PaymentFixture, runtime: Runtime
) -> None:
    with runtime.database.begin() as connection:
        connection.execute(
            text("UPDATE artisan SET full_name = '=cmd()' WHERE phone = :of"), {"of": FATIMA}
        )
    answer = till.client.get("/agent/day.csv")
    assert answer.mimetype == "text/csv" and answer.headers["Cache-Control"] == "no-store"
    assert 'filename="maalem-1001-2026-11-23.csv"' in answer.headers["Content-Disposition"]
    content = answer.get_data(as_text=True)
    assert content.startswith("\ufeffreceipt_number,") and "Bennani" not in content
    newest, first = csv.DictReader(StringIO(content.removeprefix("\ufeff")))
    assert (newest["artisan"], newest["amount"]) == ("HASSAN B.", "168.43")
    assert first["artisan"] == "'=CMD()" and first["received_at"].startswith("2026-11-23T10:00")


def test_hand_over_of_what_the_books_say_is_recorded_once_with_both_agents(
    till: AgentTerminal, payments: PaymentFixture
) -> None:
    till.get("/agent/day/hand-over")
    form = till.page
    assert hand_over(till, "331,95") == 200
    shown = plain(till.page)
    for part in ("Passe la caisse: agent 1001", "Prend la caisse: agent 1002", "331,95 DH"):
        assert part in shown
    assert "Différence 0,00 DH" in shown
    till.page, paper = form, till.page
    assert hand_over(till, "331,95") == 200, "the same page sent again"
    assert plain(till.page) == plain(paper)
    assert payments.read_value(HAND_OVERS) == 1
    audit = "SELECT actor || ' ' || approved_by || ' ' || (details ->> 'counted') FROM audit_event"
    where = " WHERE action = 'till_handed_over'"
    assert payments.read_value(audit + where) == "agent:1001 agent:1002 331.95"
    till.get("/agent/day")
    assert "En caisse 0,00 DH" in plain(till.page)
    assert "Caisse: agent 1001 à 1002, 331,95 DH" in plain(till.page)
    for number in (99, 2**63 - 1, 2**63, 10**300):
        assert till.get(f"/agent/day/hand-overs/{number}").status_code == 404


def test_hand_over_tells_a_difference_and_records_it_only_when_it_is_sent_again(
    till: AgentTerminal, payments: PaymentFixture
) -> None:
    till.get("/agent/day/hand-over")
    assert hand_over(till, "300") == 409
    assert "Il manque 31,95 DH: les comptes disent 331,95 DH" in plain(till.page)
    assert field(till.page, "counted") == "300" and 'aria-invalid="true"' in till.page
    # Another sum than the one told is told anew.
    assert hand_over(till, "٣٥٠") == 409
    assert "18,05 DH en plus" in plain(till.page)
    assert payments.read_value(HAND_OVERS) == 0
    assert hand_over(till, "350") == 200
    assert "Différence 18,05 DH" in plain(till.page)


def test_cash_taken_over_is_the_next_agents(
    till: AgentTerminal, payments: PaymentFixture, runtime: Runtime
) -> None:
    till.get("/agent/day/hand-over")
    assert hand_over(till, "331.95") == 200
    till.follow(till.post("/agent/sign-out"))
    assert till.enter(SECOND, SECOND_PIN).status_code == 200
    till.get("/agent/day")
    assert "En caisse 331,95 DH" in plain(till.page) and "Total 0,00 DH" in plain(till.page)
    till.get("/agent/day/hand-over")
    back = {"pin": SECOND_PIN, "second_number": "1001", "second_pin": PIN}
    assert hand_over(till, "331,95", **back) == 200


def test_hand_over_is_refused_without_two_agents_and_an_amount(
    till: AgentTerminal, payments: PaymentFixture
) -> None:
    cases = [
        ({"counted": "beaucoup"}, 400, "Écrivez la somme"),
        ({"counted": "-5"}, 400, "Écrivez la somme"),
        ({"pin": "111111"}, 401, "PIN ne vont pas ensemble"),
        ({"second_pin": "111111"}, 403, "il faut un autre agent"),
        ({"second_number": "1001", "second_pin": PIN}, 403, "il faut un autre agent"),
        ({"second_number": ""}, 403, "il faut un autre agent"),
    ]
    for changed, status, words in cases:
        till.get("/agent/day/hand-over")
        assert hand_over(till, changed.pop("counted", "331.95"), **changed) == status, words
        assert words in plain(till.page) and 'role="alert"' in till.page
        assert "111111" not in till.page and SECOND_PIN not in till.page
    assert payments.read_value(HAND_OVERS) == 0
