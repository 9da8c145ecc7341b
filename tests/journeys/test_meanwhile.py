"""Events beside a dialogue: a code is paid, cancelled, replaced or expires while it is shown."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import date, timedelta
from itertools import product

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.base.clock import local_midnight
from app.base.money import Money
from app.runtime import Runtime
from app.text.encoding import fits
from tests.conftest import TestClock
from tests.journeys.other_parties import HASSAN, OtherParties
from tests.phone import LIMITS, TestPhone


@pytest.fixture
def others(runtime: Runtime, sample_people: None) -> OtherParties:
    return OtherParties(runtime)


# What was dialled some time before, and the screen that is looked at while it event.
SHOWN = [
    ("2*1", "1"),
    ("2*1", "2"),
    ("2*1", "2*1"),
    ("2*1", "2*2"),
    ("2*1", "2*2*2"),
    ("2*1", "2*2*2*2"),
    ("2*1", "3"),
    ("2*1", "3*2"),
    ("2*2*2", "2*1"),
    ("", "2"),
    ("", "2*2"),
]
ANSWERS = ["0 0", "9 x", "1 0 0 1", "2 0 0 2", "1 1 0 0", "2 1 0 0"]
EVENTS: list[Callable[[OtherParties], None]] = [
    OtherParties.collect_cash,
    OtherParties.cancel_codes,
    OtherParties.replace_codes,
    OtherParties.let_codes_expire,
    OtherParties.turn_the_month,
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda one: one.__name__)
def test_any_answer_after_an_event_gets_a_screen(
    others: OtherParties, client: FlaskClient, event: Callable[[OtherParties], None]
) -> None:
    """Every screen about money, every event, many ways on: never an outage, and it always fits."""
    words = others.runtime.words
    away = words.say("fr", "away"), words.say("fr", "away.short")

    def post(phone: str, session: str, chain: str) -> None:
        form = {"sessionId": session, "serviceCode": "*384#", "networkCode": "1"}
        form |= {"phoneNumber": phone, "text": chain}
        answer = client.post("/ussd/africastalking", data=form)
        kind, _, screen = answer.get_data(as_text=True).partition(" ")
        assert (answer.status_code, kind) == (200, "CON"), (chain, screen)
        assert fits(screen, LIMITS) and not screen.startswith(away), (chain, screen)

    cases = list(product(SHOWN, ANSWERS))
    phones = others.add_artisans(2 * len(cases))
    for phone, ((before, chain), _) in zip(phones, cases * 2, strict=True):
        if before:
            post(phone, "before", before)
        post(phone, "dialogue", chain)
    event(others)
    for number, (phone, ((_, chain), answers)) in enumerate(zip(phones, cases * 2, strict=True)):
        if number == len(cases):
            others.wait(60)  # what was read before is read again from here on
        typed = answers.split()
        for count in range(1, len(typed) + 1):
            post(phone, "dialogue", "*".join([chain, *typed[:count]]))


@pytest.fixture
def hassan(phone: TestPhone, others: OtherParties) -> TestPhone:
    """Hassan's phone, with a code for his two oldest months made before."""
    phone.dial(HASSAN, "2*2*2")
    assert "335,22 DH" in phone.screen
    return phone


def state_of_codes(others: OtherParties) -> list[tuple[object, ...]]:
    return others.run(
        "SELECT total_centimes, state FROM payment_code ORDER BY total_centimes, state"
    )


def test_cancel_finds_no_code_that_was_paid_meanwhile(
    hassan: TestPhone, others: OtherParties
) -> None:
    hassan.dial(HASSAN, "3*2")
    others.collect_cash()
    assert "Ce code n'est plus valable" in hassan.answer("1")
    assert "1 Mon AMO" in hassan.answer("0")
    assert "Payé 335,22 DH" in hassan.answer("3")
    assert state_of_codes(others) == [(33522, "paid")]


def test_cancel_leaves_a_code_that_another_phone_made_since(
    hassan: TestPhone, others: OtherParties
) -> None:
    hassan.dial(HASSAN, "3*2")
    others.run("UPDATE artisan SET trade = 'X' WHERE phone = :hassan", hassan=HASSAN)
    others.replace_codes()
    assert "Ce code n'est plus valable" in hassan.answer("1")
    assert state_of_codes(others) == [(33522, "cancelled"), (50038, "issued")]
    assert "500,38 DH" in hassan.dial(HASSAN, "3")


def test_issue_asks_about_a_code_that_another_phone_made(
    hassan: TestPhone, others: OtherParties
) -> None:
    others.cancel_codes()
    hassan.dial(HASSAN, "2")
    others.run("UPDATE artisan SET trade = 'X' WHERE phone = :hassan", hassan=HASSAN)
    others.replace_codes()
    others.wait(6)
    assert "Annuler votre code de 500,38 DH" in hassan.answer("1")
    assert "500,38 DH" in hassan.answer("2")
    assert (50038, "issued") in state_of_codes(others)


def test_replace_asks_again_when_months_were_paid_meanwhile(
    hassan: TestPhone, others: OtherParties
) -> None:
    screen = hassan.dial(HASSAN, "2*1")
    assert "Annuler votre code de 335,22 DH et faire un code de 663,90 DH?" in screen
    others.collect_cash()
    # All that is left, not the paid months again, and not before it was asked.
    assert hassan.answer("1").startswith(
        "Le montant a changé. Faire un code de 328,68 DH?\nMois: 10/26-11/26"
    )
    assert state_of_codes(others) == [(33522, "paid")]
    assert "328,68 DH" in hassan.answer("1")
    assert "10/26-11/26" in hassan.screen
    assert state_of_codes(others) == [(32868, "issued"), (33522, "paid")]


def test_issue_finds_nothing_due_when_all_was_paid_meanwhile(
    phone: TestPhone, others: OtherParties
) -> None:
    phone.dial(HASSAN, "2*1")
    phone.dial(HASSAN, "2*2")
    others.collect_cash()
    others.wait(6)
    assert "Rien à payer" in phone.answer("3")
    assert "1 12/2026: 163,52 DH" in phone.answer("0"), "months ahead are left"
    phone.answer("00")
    assert "Payé 663,90 DH" in phone.answer("3")


def test_paid_code_is_not_shown_as_payable(hassan: TestPhone, others: OtherParties) -> None:
    hassan.dial(HASSAN, "2*1")
    others.collect_cash()
    others.wait(6)
    assert "Ce code n'est plus valable" in hassan.answer("2")


def test_expired_code_is_not_shown_from_stored_facts(
    hassan: TestPhone, others: OtherParties
) -> None:
    others.wait(timedelta(days=7, minutes=-1).total_seconds())
    assert hassan.dial(HASSAN, "3*2").startswith("Annuler le code")
    others.wait(120)
    assert hassan.answer("0").startswith("Votre situation a changé.\n1 Mon AMO")
    hassan.dial(HASSAN, "2")
    assert "663,90 DH" in hassan.screen


def test_code_charges_the_amount_agreed_on_over_the_turn_of_a_month(
    phone: TestPhone, others: OtherParties
) -> None:
    clock = others.runtime.clock
    assert isinstance(clock, TestClock)
    clock.now = local_midnight(date(2026, 12, 1)) - timedelta(seconds=20)
    phone.dial(HASSAN, "2*2")
    assert "4 11/2026: 663,90 DH" in phone.screen
    others.turn_the_month()
    assert phone.answer("4").startswith("Le montant a changé. ")
    assert "Mois: 08/26-11/26" in phone.screen and not state_of_codes(others)
    shown = amount_on(phone.screen)
    assert shown > 66390
    assert amount_on(phone.answer("1")) == shown
    assert state_of_codes(others) == [(shown, "issued")]
    others.collect_cash()
    assert others.run("SELECT total_centimes FROM deposit") == [(shown,)]


def amount_on(screen: str) -> int:
    """Centimes of the one amount of a French screen."""
    (whole, part), *others = re.findall(r"(\d+),(\d\d) DH", screen)
    assert not others
    return int(whole + part)


@pytest.mark.parametrize("fee", [0, 350])
def test_amounts_agree_from_list_to_receipt(
    phone: TestPhone, others: OtherParties, app: Flask, fee: int
) -> None:
    """For each number of months: in the list, on the code's screen, in the SMS, at the till."""
    runtime = others.runtime
    runtime.services = dataclasses.replace(runtime.services, fee=Money(fee))
    try:
        for number, owner in enumerate(others.add_artisans(4), 1):
            phone.dial(owner, "2*2")
            row = next(r for r in phone.screen.split("\n") if r.startswith(f"{number} "))
            listed = amount_on(row)
            phone.answer(str(number))
            assert amount_on(phone.screen) == listed
            ((body,),) = others.run("SELECT body FROM message WHERE phone = :owner", owner=owner)
            assert amount_on(str(body)) == listed
            others.collect_cash()
            paid = "SELECT d.total_centimes FROM deposit d JOIN payment_code USING (code)"
            ((charged,),) = others.run(f"{paid} WHERE phone = :owner", owner=owner)
            assert charged == listed
            assert amount_on(phone.dial(owner, "3").split(" le ")[0]) == listed
    finally:
        del runtime.services
