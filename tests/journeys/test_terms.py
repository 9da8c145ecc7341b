"""Amount and months that a person agrees to are those of the code, whoever acts meanwhile."""

# ruff: noqa: F401, F811 - fixtures of other tests are imported by name
from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from app.base.operation import operation
from app.base.phone import Phone
from app.payments.codes import CodeRequest, issue_code
from app.runtime import Runtime
from tests.journeys.other_parties import ELSEWHERE, HASSAN, OtherParties
from tests.journeys.test_meanwhile import others, state_of_codes
from tests.payments.conftest import Books, PaymentFixture, books, payments
from tests.phone import TestPhone

KHADIJA, HASSANS_RNA = "+212600000003", "100002"

pytestmark = pytest.mark.usefixtures("sample_people")


def newest_sms(others: OtherParties, phone: str) -> str:
    """Returns the body of the phone's newest message."""
    sql = "SELECT body FROM message WHERE phone = :phone ORDER BY id DESC LIMIT 1"
    ((body,),) = others.run(sql, phone=phone)
    return str(body)


# For another


def test_payer_is_asked_for_the_live_code_with_its_months(
    phone: TestPhone, payments: PaymentFixture, others: OtherParties
) -> None:
    live = payments.issue(HASSAN, 2).code
    screen = phone.dial(KHADIJA, f"2*2*{HASSANS_RNA}")
    assert screen.startswith("Payer 335,22 DH pour HASSAN B.?\nMois: 08/26-09/26\n1 Oui")
    phone.answer("1")
    assert live in phone.screen.replace(" ", "") and "335,22 DH" in phone.screen
    assert "335,22 DH pour 08/26-09/26" in newest_sms(others, KHADIJA)
    assert state_of_codes(others) == [(33522, "issued")]


def test_payer_gets_the_agreed_months_when_the_live_code_ended(
    phone: TestPhone, payments: PaymentFixture, others: OtherParties
) -> None:
    """Agreed to two months, and gets a code for two, not for all four."""
    payments.issue(HASSAN, 2)
    phone.dial(KHADIJA, f"2*2*{HASSANS_RNA}")
    others.cancel_codes()
    assert "335,22 DH" in phone.answer("1") and "08/26-09/26" in phone.screen
    assert state_of_codes(others) == [(33522, "cancelled"), (33522, "issued")]


@pytest.mark.parametrize("before", [None, 1])
def test_payer_is_asked_again_when_another_code_was_made(
    phone: TestPhone, payments: PaymentFixture, others: OtherParties, before: int | None
) -> None:
    live = payments.issue(HASSAN, before).code if before else None
    phone.dial(KHADIJA, f"2*2*{HASSANS_RNA}")
    shown = "168,43 DH" if before else "663,90 DH"
    assert shown in phone.screen
    payments.issue(HASSAN, 2, replacing=live)
    assert phone.answer("1").startswith(
        "Le montant a changé. Payer 335,22 DH pour HASSAN B.?\nMois: 08/26-09/26\n1 Oui"
    )
    assert others.run("SELECT 1 FROM message WHERE phone = :p", p=KHADIJA) == []
    assert "335,22 DH" in phone.answer("1")
    assert "335,22 DH" in newest_sms(others, KHADIJA)


def test_payer_is_asked_again_when_months_were_paid(
    phone: TestPhone, payments: PaymentFixture, others: OtherParties
) -> None:
    phone.dial(KHADIJA, f"2*2*{HASSANS_RNA}")
    assert "663,90 DH" in phone.screen
    payments.redeem(payments.issue(HASSAN, 2).code)
    assert phone.answer("1").startswith(
        "Le montant a changé. Payer 328,68 DH pour HASSAN B.?\nMois: 10/26-11/26\n1 Oui"
    )
    assert "328,68 DH" in phone.answer("1") and "10/26-11/26" in phone.screen


def test_payer_is_told_when_all_was_paid_or_is_collected_elsewhere(
    phone: TestPhone, payments: PaymentFixture, others: OtherParties
) -> None:
    phone.dial(KHADIJA, f"2*2*{HASSANS_RNA}")
    payments.redeem(payments.issue(HASSAN).code)
    assert "n'a rien à payer" in phone.answer("1")
    others.run("UPDATE artisan SET category = 'B' WHERE phone = :p", p=HASSAN)
    phone.dial(KHADIJA, f"2*2*{HASSANS_RNA}")
    assert "ne paie pas avec un code" in phone.screen


# One's own


@pytest.mark.parametrize("chain", ["2", "2*2"])
def test_own_code_is_asked_again_when_the_register_changed(
    phone: TestPhone, others: OtherParties, chain: str
) -> None:
    """An import changed the coefficient between the amount and the answer."""
    phone.dial(HASSAN, chain)
    assert "663,90 DH" in phone.screen
    others.run("UPDATE artisan SET category = 'C', coefficient = 1 WHERE phone = :p", p=HASSAN)
    changed = "Le montant a changé. Faire un code de "
    assert phone.answer("1" if chain == "2" else "4").startswith(f"{changed}885,2")
    assert not state_of_codes(others)
    asked = phone.screen.split("\n")[0].removeprefix(changed).removesuffix("?")
    assert asked.endswith(" DH")
    assert asked in phone.answer("1")


def test_own_code_is_asked_again_when_months_were_paid(
    phone: TestPhone, payments: PaymentFixture, others: OtherParties
) -> None:
    phone.dial(HASSAN, "2")
    assert "663,90 DH" in phone.screen
    payments.redeem(payments.issue(HASSAN, 1).code)
    assert phone.answer("1").startswith(
        "Le montant a changé. Faire un code de 495,47 DH?\nMois: 09/26-11/26"
    )
    # No leads to what is owed, and nothing was made.
    assert "A payer: 495,47 DH" in phone.answer("2")
    assert state_of_codes(others) == [(16843, "paid")]


def test_replacement_is_asked_with_the_new_amount_and_months(
    phone: TestPhone, payments: PaymentFixture, others: OtherParties
) -> None:
    payments.issue(HASSAN, 2)
    phone.dial(HASSAN, "2*2*1")
    assert phone.screen.startswith(
        "Annuler votre code de 335,22 DH et faire un code de 168,43 DH?\nMois: 08/2026\n"
    )
    assert "168,43 DH" in phone.answer("1")


def test_replacement_is_asked_again_when_the_live_code_is_another(
    phone: TestPhone, payments: PaymentFixture, others: OtherParties
) -> None:
    first = payments.issue(HASSAN, 2).code
    phone.dial(HASSAN, "2*1")
    payments.issue(HASSAN, 3, replacing=first)
    assert phone.answer("1").startswith(
        "Annuler votre code de 500,38 DH et faire un code de 663,90 DH?"
    )
    assert state_of_codes(others) == [(33522, "cancelled"), (50038, "issued")]


@pytest.mark.parametrize("language", ["ar", "ary-Latn", "zgh"])
def test_changed_terms_are_asked_in_every_language(
    phone: TestPhone, payments: PaymentFixture, others: OtherParties, language: str
) -> None:
    """The new amount stands on the first page."""
    others.run("UPDATE artisan SET language = :l WHERE phone = :p", l=language, p=HASSAN)
    phone.dial(HASSAN, "2")
    payments.redeem(payments.issue(HASSAN, 1).code)
    mark = "," if language == "ary-Latn" else "."
    assert f"495{mark}47" in phone.answer("1")
    payments.issue(HASSAN, 1)
    phone.dial(HASSAN, "2*1")
    assert f"495{mark}47" in phone.screen


# By SMS


def test_code_by_sms_says_what_a_live_code_pays_and_what_is_owed(
    client: FlaskClient, payments: PaymentFixture, others: OtherParties
) -> None:
    live = payments.issue(HASSAN, 2).code
    form = {"from": HASSAN, "to": "1234", "text": "CODE", "id": "1"}
    assert client.post("/sms/africastalking/inbound", data=form).status_code == 200
    body = newest_sms(others, HASSAN)
    assert f"{live[:4]} {live[4:8]} {live[8:]} paie 335,22 DH pour 08/26-09/26" in body
    assert "Vous devez 663,90 DH en tout" in body


@pytest.mark.parametrize("event", ["collect_cash", "cancel_codes"])
def test_payer_is_not_shown_a_code_that_ended_while_the_line_was_broken(
    phone: TestPhone, others: OtherParties, event: str
) -> None:
    assert phone.dial(KHADIJA, f"2*2*{HASSANS_RNA}*1").startswith("Code ")
    getattr(others, event)()
    phone.dial(KHADIJA, "")
    assert "663,90" not in phone.answer("1")


def test_live_code_that_nobody_was_sent_is_sent_when_it_is_asked_for(
    phone: TestPhone, payments: PaymentFixture, others: OtherParties, runtime: Runtime
) -> None:
    """A network's system had looked the bill up: the screen says that an SMS came, and it does."""
    with operation(runtime.database, runtime.clock(), "client:1") as change:
        ((owner,),) = others.run("SELECT id FROM artisan WHERE phone = :p", p=HASSAN)
        issue_code(change, runtime.services, CodeRequest(int(str(owner)), None, "fr"))
    for _ in range(2):
        assert "Code envoyé aussi par SMS" in phone.dial(HASSAN, "2*1")
    sent = others.run("SELECT kind FROM message WHERE phone = :p", p=HASSAN)
    assert sent == [("code",)]
