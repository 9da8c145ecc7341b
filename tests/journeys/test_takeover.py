"""What RNA number and birth date alone open, who proves a phone, and whom the register's unties."""

from __future__ import annotations

import re

import pytest

from app.base.operation import operation
from app.base.phone import Phone
from app.keywords.service import answer_sms
from app.runtime import Runtime
from app.sms.provider import InboundSms
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

HASSAN, DRISS, STRANGER = "+212600000002", "+212600000007", "+212600000099"
TIE = "1*100002*01011982"
PROVE = "Prouvez que c'est vous"
pytestmark = pytest.mark.usefixtures("sample_people")


@pytest.fixture
def others(runtime: Runtime) -> OtherParties:
    return OtherParties(runtime)


@pytest.fixture
def stranger(phone: TestPhone) -> TestPhone:
    """A phone that knows Hassan's RNA number and birth date."""
    phone.dial(STRANGER, TIE)
    return phone


def code_sent(others: OtherParties) -> str:
    ((to, body),) = others.run(
        "SELECT phone, body FROM message WHERE kind = 'tie_code' ORDER BY id DESC LIMIT 1"
    )
    assert to == HASSAN
    found = re.search(r"\b\d{6}\b", str(body))
    assert found
    return found[0]


def prove(stranger: TestPhone, others: OtherParties) -> None:
    stranger.dial(STRANGER, "5*5*5*1")
    assert stranger.screen.startswith("Code du SMS")
    stranger.answer(code_sent(others))


@pytest.mark.parametrize("chain", ["1*1", "4", "5*5*3", "5*5*5", "5*5*4*1"])
def test_papers_alone_do_not_open_what_is_private(stranger: TestPhone, chain: str) -> None:
    assert stranger.dial(STRANGER, chain).startswith(PROVE)


def test_papers_alone_open_what_paying_needs(stranger: TestPhone) -> None:
    assert "Droits" in stranger.dial(STRANGER, "1")
    assert "663,90 DH" in stranger.dial(STRANGER, "2")
    assert stranger.dial(STRANGER, "2*1").startswith("Code ")


def test_code_and_receipt_that_the_phone_asked_for_stay_open_to_it(
    stranger: TestPhone, others: OtherParties
) -> None:
    code = stranger.dial(STRANGER, "2*1").split("\n")[0]
    assert code in stranger.dial(STRANGER, "3")
    others.collect_cash()
    assert "Payé 663,90 DH" in stranger.dial(STRANGER, "3")
    assert sorted(others.run("SELECT phone FROM message WHERE kind = 'receipt'")) == [
        (HASSAN,),
        (STRANGER,),
    ]


def test_code_and_receipt_of_the_owner_s_phone_are_closed(
    phone: TestPhone, others: OtherParties
) -> None:
    phone.dial(HASSAN, "2*2*1")
    phone.dial(STRANGER, TIE)
    assert "Pas de code ni de paiement" in phone.dial(STRANGER, "3")
    others.collect_cash()
    assert "Pas de code ni de paiement" in phone.dial(STRANGER, "3")
    assert "pas encore inscrit" not in phone.dial(STRANGER, "1")


def test_phone_not_proven_ends_no_code_of_the_owner(phone: TestPhone, others: OtherParties) -> None:
    phone.dial(HASSAN, "2*2*1")
    live = others.run("SELECT code FROM payment_code WHERE state = 'issued'")
    phone.dial(STRANGER, TIE)
    phone.dial(STRANGER, "2*1")
    for _ in range(2):
        phone.answer("1")
    assert others.run("SELECT code FROM payment_code WHERE state = 'issued'") == live


def test_code_to_the_register_s_phone_proves(stranger: TestPhone, others: OtherParties) -> None:
    prove(stranger, others)
    assert "RNA: 100002" in stranger.screen
    assert stranger.dial(STRANGER, "4").startswith("Pas de ")
    assert others.run("SELECT way FROM artisan_phone") == [("code",)]
    assert others.run("SELECT phone FROM message WHERE kind = 'phone_proven'") == [(HASSAN,)]
    acts = others.run("SELECT action FROM audit_event WHERE action LIKE 'phone_%' ORDER BY id")
    assert acts == [("phone_tied",), ("phone_proven",)]


def test_wrong_codes_prove_nothing_and_are_few(stranger: TestPhone, others: OtherParties) -> None:
    stranger.dial(STRANGER, "5*5*5*1")
    right = code_sent(others)
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    for _ in range(3):
        assert stranger.answer(wrong).startswith("Code faux")
        stranger.answer("1")
    assert stranger.answer(right).startswith("Code faux")
    for _ in range(3):
        stranger.dial(STRANGER, "5*5*5*1")
    assert stranger.screen.startswith("Trop de codes")


def test_register_s_phone_sees_and_unties_others_at_once(
    stranger: TestPhone, others: OtherParties
) -> None:
    prove(stranger, others)
    stranger.dial(STRANGER, "5*5*3*1*1357*1357")
    owner = stranger
    others.run("DELETE FROM artisan_pin WHERE set_on <> :s", s=STRANGER)
    others.run("UPDATE artisan_pin SET pin_hash = pin_hash")
    # The stranger's PIN locks the owner out of it: the register's phone resets it by itself.
    owner.dial(HASSAN, "5*5*4")
    assert owner.screen.startswith("Votre PIN")
    owner.answer("1357")
    assert "4 Téléphones liés" in owner.screen
    assert "..0099, prouvé par SMS" in owner.answer("4")
    owner.answer("1")
    assert "..0099" in owner.screen
    assert "Téléphone enlevé" in owner.answer("1")
    assert others.run("SELECT * FROM artisan_phone") == []
    assert others.run("SELECT * FROM artisan_pin") == []
    assert others.run("SELECT way, why FROM ended_tie") == [("code", "untied")]
    assert owner.dial(STRANGER).startswith("Langue")


def test_session_of_an_untied_phone_shows_nothing_more(
    stranger: TestPhone, others: OtherParties
) -> None:
    prove(stranger, others)
    stranger.answer("00")
    others.run("DELETE FROM artisan_phone")
    others.wait(6)
    for typed in ("4", "1", "3"):
        assert "changé" in stranger.answer(typed)


def test_only_the_register_s_phone_is_offered_the_others(
    stranger: TestPhone, others: OtherParties
) -> None:
    prove(stranger, others)
    assert "Téléphones liés" not in stranger.dial(STRANGER, "5*5*4")


def test_ten_wrong_dates_slow_a_number_down_and_not_its_owner(
    phone: TestPhone, others: OtherParties
) -> None:
    for number in range(10):
        shown = phone.dial(f"+2126111111{number:02d}", "1*100002*02021990")
        assert "ne correspondent pas" in shown
    assert "Trop d'essais" in phone.dial("+212611111120", TIE)
    assert others.run("SELECT phone FROM message WHERE kind = 'dates_tried'") == [(HASSAN,)]
    assert "663,90" in phone.dial(HASSAN, "2")
    assert "RNA: 100002" in phone.dial(HASSAN, "5*5*5")
    for number in range(10):
        phone.dial(f"+2126111112{number:02d}", "1*999999*02021990")
    assert "Trop d'essais" in phone.dial("+212611111220", "1*999999*02021990")
    assert len(others.run("SELECT id FROM message WHERE kind = 'dates_tried'")) == 1


def test_right_dates_use_up_no_try_of_the_number(phone: TestPhone, others: OtherParties) -> None:
    for number in range(12):
        assert phone.dial(f"+2126111111{number:02d}", TIE).startswith("1 Mon AMO")
    assert others.run("SELECT wrong FROM number_attempt") == [(0,)]


def test_message_about_the_person_goes_to_no_phone_tied_by_papers(
    stranger: TestPhone, others: OtherParties
) -> None:
    others.run("UPDATE artisan SET phone = NULL WHERE rna_number = '100002'")
    assert "Le registre n'a pas votre téléphone" in stranger.dial(STRANGER, "5*5*5*1")
    assert others.run("SELECT * FROM tie_code") == []


def test_phone_not_proven_is_asked_about_the_live_code_alone(
    phone: TestPhone, others: OtherParties
) -> None:
    """It may not replace a code of the owner: it is asked for its amount and months, once."""
    code = phone.dial(HASSAN, "2*2*1").split("\n")[0]
    phone.dial(STRANGER, TIE)
    asked = phone.dial(STRANGER, "2*1")
    assert "Un code de 168,43 DH est déjà fait. Le prendre?\nMois: 08/2026\n1 Oui" in asked
    assert "a changé" not in asked
    assert code not in asked and "663,90" not in asked
    assert phone.answer("1").startswith(f"{code}\nMontant: 168,43 DH")
    # It sees the code that it may pay, and is not offered to cancel it.
    assert code in phone.dial(STRANGER, "3") and "Annuler" not in phone.screen
    others.collect_cash()
    told = others.run("SELECT phone FROM message WHERE kind = 'receipt' ORDER BY phone")
    assert told == [(HASSAN,), (STRANGER,)]


def test_code_by_sms_to_a_phone_not_proven_tells_the_owner_of_the_payment(
    stranger: TestPhone, others: OtherParties
) -> None:
    with operation(others.runtime.database, others.runtime.clock(), "sms") as change:
        sms = InboundSms("in-1", Phone(STRANGER), "CODE")
        answer_sms(change, others.runtime.services, "africastalking", sms)
    others.collect_cash()
    told = others.run("SELECT phone FROM message WHERE kind = 'receipt' ORDER BY phone")
    assert told == [(HASSAN,), (STRANGER,)]


def test_code_that_is_not_sent_cannot_be_guessed(phone: TestPhone, others: OtherParties) -> None:
    for number in (97, 98):
        phone.dial(f"+2126000000{number}", TIE)
        for _ in range(3):
            phone.dial(f"+2126000000{number}", "5*5*5*1")
    phone.dial(STRANGER, TIE)
    assert phone.dial(STRANGER, "5*5*5*1").startswith("Trop de codes")
    assert others.run("SELECT phone FROM tie_code WHERE phone = :p", p=STRANGER) == []
    sent = "SELECT count(*) FROM audit_event WHERE action = 'tie_code_sent'"
    assert others.run(sent) == [(6,)]


@pytest.mark.parametrize("last", ["cancel", "send_again"])
def test_phone_untied_in_the_midst_of_a_talk_does_nothing_more(
    stranger: TestPhone, others: OtherParties, last: str
) -> None:
    prove(stranger, others)
    stranger.dial(STRANGER, "2*1")
    if last == "send_again":
        others.collect_cash()
        stranger.dial(STRANGER, "3*1*1")
        assert stranger.screen.startswith("Recu")
    else:
        stranger.dial(STRANGER, "3*2")
        assert "Annuler" in stranger.screen
    others.run("DELETE FROM artisan_phone")
    before = others.run("SELECT code, state FROM payment_code")
    messages = others.run("SELECT count(*) FROM message")
    stranger.answer("1")
    assert others.run("SELECT code, state FROM payment_code") == before
    assert others.run("SELECT count(*) FROM message") == messages


def test_code_that_proves_a_phone_comes_in_the_language_of_the_register_s_phone(
    stranger: TestPhone, others: OtherParties
) -> None:
    stranger.dial(HASSAN, "5*5*1*2")
    stranger.dial(STRANGER, "5*5*5*1")
    sent = "SELECT phone, language FROM message WHERE kind = 'tie_code'"
    assert others.run(sent) == [(HASSAN, "ar")]


def test_code_that_replaces_a_pin_comes_in_the_language_of_the_register_s_phone(
    stranger: TestPhone, others: OtherParties
) -> None:
    prove(stranger, others)
    stranger.dial(STRANGER, "5*5*3*1*1357*1357")
    stranger.dial(HASSAN, "5*5*1*2")
    stranger.dial(STRANGER, "1*2468*2*100002*01011982")
    sent = "SELECT phone, language FROM message WHERE kind = 'pin_reset'"
    assert others.run(sent) == [(HASSAN, "ar")]
