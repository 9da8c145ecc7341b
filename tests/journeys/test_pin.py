"""The PIN: kept as argon2, counted once a hop, reset by SMS to the phone of the register."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from app.runtime import Runtime
from tests.dropping import drop_connections
from tests.journeys.other_parties import OtherParties
from tests.outages import without_reference
from tests.phone import TestPhone
from tests.waiting import list_waiting_hops

BRAHIM, KHADIJA, ELSEWHERE = "+212600000004", "+212600000003", "+212600000077"
pytestmark = pytest.mark.usefixtures("sample_people")


@pytest.fixture
def khadija(phone: TestPhone) -> TestPhone:
    """She has set 1357 and is on the first screen."""
    phone.dial(KHADIJA, "5*5*3*1*1357*1357*00")
    return phone


def messages_of(runtime: Runtime, kind: str) -> list[tuple[object, ...]]:
    return OtherParties(runtime).run("SELECT phone, body FROM message WHERE kind = :k", k=kind)


def reset_code_sent(runtime: Runtime) -> str:
    ((phone, body),) = messages_of(runtime, "pin_reset")
    assert phone == KHADIJA
    found = re.search(r"\d{6}", str(body))
    assert found
    return found[0]


def test_set_pin_stores_only_a_hash_and_confirms_by_sms(
    khadija: TestPhone, runtime: Runtime
) -> None:
    ((kept,),) = OtherParties(runtime).run("SELECT pin_hash FROM artisan_pin")
    assert str(kept).startswith(runtime.keys.ids[0]) and "1357" not in str(kept)
    assert len(messages_of(runtime, "pin_set")) == 1
    everything = b"".join(list_waiting_hops(runtime))
    assert b"1357" not in everything


@pytest.mark.parametrize("easy", ["0000", "1111", "1234", "4321", "123", "12345", "abcd", "١٢٣٤"])
def test_set_pin_refuses_an_easy_one(phone: TestPhone, easy: str) -> None:
    phone.dial(KHADIJA, "5*5*3*1")
    assert phone.answer(easy).startswith("Il faut 4 chiffres, pas trop faciles.")


def test_set_pin_refuses_two_that_differ(phone: TestPhone, runtime: Runtime) -> None:
    assert "différents" in phone.dial(KHADIJA, "5*5*3*1*1357*1358")
    assert OtherParties(runtime).run("SELECT * FROM artisan_pin") == []


@pytest.mark.parametrize("chain", ["1", "3", "4", "5*2*3*1", "5*2*5", "5*5*3", "5*5*4", "5*5*5"])
def test_private_screen_asks_for_the_pin(khadija: TestPhone, chain: str) -> None:
    assert khadija.dial(KHADIJA, chain).startswith("Votre PIN")


@pytest.mark.parametrize("chain", ["1", "2"])
def test_enrolment_file_asks_for_the_pin_on_every_way_to_it(phone: TestPhone, chain: str) -> None:
    assert "Dossier AMO pas complet" in phone.dial(BRAHIM, chain)
    phone.answer("00")
    phone.dial(BRAHIM, "5*5*3*1*1357*1357*00")
    assert phone.dial(BRAHIM, chain).startswith("Votre PIN")
    assert "Dossier AMO pas complet" in phone.answer("1357")


def test_home_town_is_not_shown_before_the_pin(khadija: TestPhone) -> None:
    assert khadija.dial(KHADIJA, "5*1").startswith("Agences Wafacash:")
    assert "Le centre le plus proche vous appelle" in khadija.dial(KHADIJA, "5*2*2*1")
    khadija.dial(KHADIJA, "1*1357*00*5*1")
    assert khadija.screen.startswith("Votre ville: ")


@pytest.mark.parametrize("chain", ["2", "2*1", "5*1", "5*3", "5*5*1"])
def test_public_screen_asks_for_no_pin(khadija: TestPhone, chain: str) -> None:
    assert "PIN" not in khadija.dial(KHADIJA, chain)


def test_wrong_pin_sent_by_eight_at_once_counts_once(
    khadija: TestPhone, app: Flask, runtime: Runtime
) -> None:
    khadija.dial(KHADIJA, "1")
    khadija.chain += "*9999"
    copies = []
    for _ in range(8):
        one = TestPhone(app.test_client())
        one.number, one.session, one.chain = khadija.number, khadija.session, khadija.chain
        copies.append(one)
    with ThreadPoolExecutor(8) as many:
        at_once = set(many.map(TestPhone.post, copies))
    # One who found no slot for the slow comparison is told so, and sends it again.
    (again,) = {one.post() for one in copies}
    busy = {without_reference(screen) for screen in at_once - {again}}
    assert busy <= {"END " + runtime.words.say("fr", "away")}
    assert OtherParties(runtime).run("SELECT wrong FROM pin_attempt") == [(1,)]


def test_forgotten_pin_is_reset_by_sms_in_a_later_session(
    khadija: TestPhone, runtime: Runtime
) -> None:
    khadija.dial(KHADIJA, "1*9999*2*100003*01011983")
    assert khadija.screen.startswith("Code du SMS, 6 chiffres")
    khadija.answer("00")
    # The code comes after the session ended: it is typed in the next one.
    assert "3 J'ai un code SMS" in khadija.dial(KHADIJA, "1*9998")
    khadija.answer("3")
    khadija.answer(reset_code_sent(runtime))
    assert khadija.screen.startswith("Nouveau PIN")
    khadija.answer("8642")
    assert "PIN enregistré" in khadija.answer("8642")
    khadija.answer("00")
    assert "Droits ouverts" in khadija.dial(KHADIJA, "1*8642")
    assert OtherParties(runtime).run("SELECT * FROM pin_reset") == []


def test_pin_reset_needs_the_own_number_and_birth_date(
    khadija: TestPhone, runtime: Runtime
) -> None:
    assert "ne correspondent pas" in khadija.dial(KHADIJA, "1*9999*2*100001*01011981")
    assert messages_of(runtime, "pin_reset") == []


def test_pin_reset_goes_to_the_register_s_phone_whichever_set_it(
    khadija: TestPhone, runtime: Runtime
) -> None:
    OtherParties(runtime).run("UPDATE artisan_pin SET set_on = :thief", thief=ELSEWHERE)
    khadija.dial(KHADIJA, "1*9999*2*100003*01011983")
    reset_code_sent(runtime)  # checks whose phone it goes to


def test_pin_of_a_person_without_a_phone_in_the_register_is_reset_at_a_desk(
    khadija: TestPhone, runtime: Runtime
) -> None:
    others = OtherParties(runtime)
    others.run(
        "INSERT INTO artisan_phone SELECT phone, id, now(), 'desk', now() FROM artisan"
        " WHERE phone = :own",
        own=KHADIJA,
    )
    others.run("UPDATE artisan SET phone = NULL WHERE phone = :own", own=KHADIJA)
    khadija.dial(KHADIJA, "1*9999*2*100003*01011983")
    assert "Le registre n'a pas votre téléphone" in khadija.screen
    assert messages_of(runtime, "pin_reset") == []


def test_phone_that_is_not_proven_tries_no_pin(khadija: TestPhone, runtime: Runtime) -> None:
    """It could pause the person's own PIN, try by try."""
    thief = khadija
    assert "Droits gardés par un PIN" in thief.dial(ELSEWHERE, "1*100003*01011983*1")
    for chain in ("5*5*3", "1*1", "4", "5*5*5"):
        assert thief.dial(ELSEWHERE, chain).startswith("Prouvez que c'est vous")


def tie(runtime: Runtime, number: str) -> None:
    """Ties a phone that an agent saw with the card: it may try the PIN."""
    OtherParties(runtime).run(
        "INSERT INTO artisan_phone SELECT :phone, id, now(), 'agent', now() FROM artisan"
        " WHERE phone = :own",
        phone=number,
        own=KHADIJA,
    )


def type_wrong_pins(phone: TestPhone, number: str, times: int) -> None:
    phone.dial(number, "1*9999")
    for _ in range(times - 1):
        phone.answer("1")
        phone.answer("9998")


def test_wrong_pins_on_a_tied_phone_pause_it_and_not_the_owner_s(
    khadija: TestPhone, runtime: Runtime
) -> None:
    tie(runtime, ELSEWHERE)
    type_wrong_pins(khadija, ELSEWHERE, 3)
    assert khadija.screen.startswith("Trop d'erreurs. PIN fermé")
    khadija.answer("00")
    assert khadija.dial(ELSEWHERE, "1*1357").startswith("Trop d'erreurs")
    assert "Droits ouverts" in khadija.dial(KHADIJA, "1*1357")


def test_a_paused_pin_is_compared_with_nothing(
    khadija: TestPhone, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comparison is slow on purpose, and its outcome would change nothing."""
    tie(runtime, ELSEWHERE)
    type_wrong_pins(khadija, ELSEWHERE, 3)
    khadija.answer("00")
    monkeypatch.setattr("app.enrolment.pins.is_pin_of", None)
    assert khadija.dial(ELSEWHERE, "1*1357").startswith("Trop d'erreurs")


def test_wrong_pins_of_many_tied_phones_end_in_a_slow_lane_without_the_owner(
    khadija: TestPhone, runtime: Runtime
) -> None:
    phones = [f"+21260000007{last}" for last in range(5)]
    for number in phones:
        tie(runtime, number)
    for number in phones[:3]:
        type_wrong_pins(khadija, number, 3)
        khadija.answer("00")
    type_wrong_pins(khadija, phones[3], 1)
    assert khadija.screen.startswith("Trop d'erreurs")
    khadija.answer("00")
    assert khadija.dial(phones[4], "1*1357").startswith("Trop d'erreurs")
    khadija.answer("00")
    assert "Droits ouverts" in khadija.dial(KHADIJA, "1*1357")
    khadija.answer("00")
    # The right PIN opens no way for more guesses: the lane is slow for hours.
    OtherParties(runtime).wait(31 * 60)
    assert khadija.dial(phones[4], "1*1357").startswith("Trop d'erreurs")
    khadija.answer("00")
    OtherParties(runtime).wait(12 * 3600)
    assert "Droits ouverts" in khadija.dial(phones[4], "1*1357")


def test_a_tied_phone_neither_replaces_nor_uses_up_the_owner_s_reset_code(
    khadija: TestPhone, runtime: Runtime
) -> None:
    tie(runtime, ELSEWHERE)
    khadija.dial(KHADIJA, "1*9999*2*100003*01011983")
    own = reset_code_sent(runtime)
    khadija.answer("00")
    khadija.dial(ELSEWHERE, "1*9999*2*100003*01011983")
    for _ in range(4):
        assert "Code faux ou trop vieux" in khadija.answer(own)
        khadija.answer("1")
    khadija.answer("00")
    khadija.dial(KHADIJA, "1*9999*3")
    assert khadija.answer(own).startswith("Nouveau PIN")


def test_reset_code_is_good_for_three_tries_and_ten_minutes(
    khadija: TestPhone, runtime: Runtime
) -> None:
    khadija.dial(KHADIJA, "1*9999*2*100003*01011983")
    right = reset_code_sent(runtime)
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    for _ in range(3):
        assert "Code faux ou trop vieux" in khadija.answer(wrong)
        khadija.answer("1")
    assert "Code faux ou trop vieux" in khadija.answer(right)
    khadija.answer("00")
    OtherParties(runtime).wait(24 * 3600)
    khadija.dial(KHADIJA, "1*9999*2*100003*01011983")
    ((second,),) = OtherParties(runtime).run(
        "SELECT body FROM message WHERE kind = 'pin_reset' ORDER BY id DESC LIMIT 1"
    )
    OtherParties(runtime).wait(11 * 60)
    late = re.search(r"\d{6}", str(second))
    assert late and "Code faux ou trop vieux" in khadija.answer(late[0])


def test_change_of_pin_asks_for_the_old_one_again(khadija: TestPhone) -> None:
    khadija.dial(KHADIJA, "1*1357")
    khadija.answer("00")
    for typed in ("5", "5"):
        khadija.answer(typed)
    assert khadija.answer("3").startswith("Votre PIN")


def test_pin_is_set_although_the_connection_was_dropped(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(KHADIJA, "5*5*3*1*1357")
    drop_connections(runtime)
    assert "PIN enregistré" in phone.answer("1357")


def test_reset_code_is_sent_although_the_connection_was_dropped(
    khadija: TestPhone, runtime: Runtime
) -> None:
    khadija.dial(KHADIJA, "1*9999*2*100003")
    drop_connections(runtime)
    assert khadija.answer("01011983").startswith("Code du SMS, 6 chiffres")
    reset_code_sent(runtime)
