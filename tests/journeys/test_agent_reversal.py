"""The agent's phone undoes a deposit: the PIN each time, and later somebody who agrees."""

# ruff: noqa: F401, F811 - fixtures of other tests are imported by name
from __future__ import annotations

import re
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.agents.staff import NewAgent, add_agent
from app.base.operation import operation
from app.runtime import Runtime
from tests.conftest import AGENCY, PIN
from tests.payments.conftest import Books, PaymentFixture, books, payments
from tests.phone import TestPhone

HASSAN, OWN = "+212600000002", "+212600000091"
RIGHT, SECOND_PIN = PIN.get_secret_value(), "975310"

pytestmark = pytest.mark.usefixtures("sample_people")


@pytest.fixture
def receipt(payments: PaymentFixture) -> str:
    """A deposit of the sample agent, with a colleague in the agency."""
    with operation(payments.runtime.database, payments.runtime.clock(), "operator") as change:
        new = NewAgent("1002", AGENCY, SecretStr(SECOND_PIN), own=True)
        add_agent(change, payments.runtime.services, new)
    return payments.redeem(payments.issue(HASSAN).code)


def wait(runtime: Runtime, minutes: float) -> None:
    runtime.clock.now += timedelta(minutes=minutes)  # type: ignore[attr-defined]


def ask_to_reverse(phone: TestPhone, pin: str = RIGHT) -> str:
    """From dialling to what comes after the PIN."""
    phone.dial(OWN, "2")
    phone.answer("1")
    phone.answer("1")
    assert "1 Annuler" in phone.screen
    assert phone.answer("1").startswith("Pourquoi annuler?\n1 Pas la bonne personne\n2 Argent")
    assert phone.answer("3").startswith("Rendez l'argent. Votre PIN")
    return phone.answer(pin)


def reversals(payments: PaymentFixture) -> list[tuple[object, ...]]:
    columns = "channel, allowance, made_by, approved_by, reason"
    with payments.runtime.database.connect() as connection:
        return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM reversal"))]


def test_an_agent_reverses_a_new_deposit_with_the_pin(
    phone: TestPhone, payments: PaymentFixture, receipt: str, books: Books
) -> None:
    assert ask_to_reverse(phone).startswith(f"Annulé 663,90 DH\nRecu {receipt}\nRendez l'argent.")
    assert reversals(payments) == [("phone", "alone", "agent:1001", None, "mistake")]
    books()
    phone.dial(OWN, "2")
    assert "Codes encaissés: 0" in phone.screen


def test_a_wrong_pin_reverses_nothing_and_counts(
    phone: TestPhone, payments: PaymentFixture, receipt: str
) -> None:
    assert ask_to_reverse(phone, "111111").startswith("PIN faux. Rien n'est annulé.")
    for _ in range(4):
        phone.answer("1")
        phone.answer("111111")
    phone.answer("1")
    assert phone.answer(RIGHT).startswith("Trop d'erreurs de PIN.")
    assert reversals(payments) == []


def test_later_a_second_agent_agrees_on_the_same_phone(
    phone: TestPhone, payments: PaymentFixture, receipt: str, runtime: Runtime, books: Books
) -> None:
    wait(runtime, 11)
    assert ask_to_reverse(phone).startswith(
        "Il faut une deuxième personne pour annuler.\n1 Autre agent"
    )
    for number, pin in (("1001", RIGHT), ("1002", "111111"), ("9999", SECOND_PIN)):
        assert phone.answer("1").startswith("Numéro de l'autre agent")
        phone.answer(number)
        assert phone.answer(pin).startswith("Le numéro ou le PIN de l'autre agent est faux.")
    phone.answer("1")
    phone.answer("1002")
    assert phone.answer(SECOND_PIN).startswith("Annulé 663,90 DH")
    expected = ("phone", "second_agent", "agent:1001", "agent:1002", "mistake")
    assert reversals(payments) == [expected]
    books()


def test_later_the_artisans_code_allows_it_over_two_sessions(
    phone: TestPhone, payments: PaymentFixture, receipt: str, runtime: Runtime, books: Books
) -> None:
    wait(runtime, 11)
    ask_to_reverse(phone)
    assert phone.answer("2").startswith("L'artisan lit le code de son SMS")
    body = str(payments.read_value("SELECT body FROM message WHERE kind = 'reversal_code'"))
    to = payments.read_value("SELECT phone FROM message WHERE kind = 'reversal_code'")
    match = re.search(r"\b\d{6}\b", body)
    assert match and to == HASSAN
    wrong = f"{(int(match[0]) + 1) % 10**6:06d}"
    assert phone.answer(wrong).startswith("Code faux ou trop vieux.")
    wait(runtime, 6)
    # Another session, and the PIN again: the live code is asked for and no other is sent.
    phone.dial(OWN, "5*1")
    ask_to_reverse(phone)
    phone.answer("2")
    assert payments.read_value("SELECT count(*) FROM message WHERE kind = 'reversal_code'") == 1
    assert phone.answer(match[0]).startswith("Annulé 663,90 DH")
    assert reversals(payments)[0][:2] == ("phone", "artisan_code")
    books()


def test_a_typed_pin_holds_for_some_minutes_only(
    phone: TestPhone, payments: PaymentFixture, receipt: str, runtime: Runtime
) -> None:
    wait(runtime, 11)
    ask_to_reverse(phone)
    phone.answer("1")
    phone.answer("1002")
    wait(runtime, 6)
    assert phone.answer(SECOND_PIN).startswith("Rendez l'argent. Votre PIN")
    assert reversals(payments) == []


def test_a_deposit_undone_meanwhile_says_so(
    phone: TestPhone, payments: PaymentFixture, receipt: str
) -> None:
    phone.dial(OWN, "2*1*1*1*3")
    payments.reverse(receipt)
    assert phone.answer(RIGHT).startswith("Déjà annulé le 23/11 10:00.")
    assert len(reversals(payments)) == 1


def test_a_dismissed_agent_reverses_nothing(
    phone: TestPhone, payments: PaymentFixture, receipt: str, runtime: Runtime
) -> None:
    phone.dial(OWN, "2*1*1*1*3")
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET active = false WHERE number = '1001'"))
    assert phone.answer(RIGHT).startswith("Vous n'etes plus agent.")
    assert reversals(payments) == []
