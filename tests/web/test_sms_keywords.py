"""CODE, STATUT, STOP and START by SMS: the answer to each person, and none to machines."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from app.enrolment.models import phone_profile
from app.keywords.service import (
    MOST_ACCOUNT,
    MOST_OTHER,
    MOST_TO_STRANGER,
    MOST_TO_STRANGERS,
)
from app.runtime import Runtime
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

FATIMA, HASSAN, KHADIJA, BRAHIM, AICHA, SAID, DRISS = (f"+21260000000{n}" for n in range(1, 8))
AGENT, UNKNOWN = "+212600000091", "+212600000099"
ASKED = "Nouvelles des marchés par SMS, gratuites. Vous pouvez arreter quand vous voulez."
CODE = re.compile(r"\d{4} \d{4} \d{4}")
pytestmark = pytest.mark.usefixtures("sample_people")


class Writer:
    """A phone that writes; each message has an id of its own."""

    def __init__(self, client: FlaskClient, runtime: Runtime) -> None:
        self.client, self.others = client, OtherParties(runtime)
        self.written = 0

    def write(self, phone: str, text: str, **fields: str) -> list[str]:
        """The answers to one message."""
        self.written += 1
        before = self._newest()
        form = {"from": phone, "to": "1", "text": text, "id": f"w{self.written}", **fields}
        assert self.client.post("/sms/africastalking/inbound", data=form).status_code == 200
        rows = "SELECT body, priority FROM message WHERE id > :id AND phone = :phone ORDER BY id"
        answers = self.others.run(rows, id=before, phone=phone)
        assert all(priority == 0 for _, priority in answers)
        return [str(body) for body, _ in answers]

    def _newest(self) -> object:
        return self.others.run("SELECT coalesce(max(id), 0) FROM message")[0][0]


@pytest.fixture
def writer(client: FlaskClient, runtime: Runtime) -> Writer:
    return Writer(client, runtime)


def code_in(text: str) -> str:
    (found,) = CODE.findall(text)
    return str(found)


def test_code_keyword_issues_the_code_of_the_menu(writer: Writer, phone: TestPhone) -> None:
    (made,) = writer.write(HASSAN, "code")
    assert "663,90 DH pour 08/26-11/26" in made
    assert code_in(made) == code_in(phone.dial(HASSAN, "2*1"))
    (again,) = writer.write(HASSAN, "Code svp")
    assert again == made


def test_code_keyword_repeats_the_code_of_the_menu(writer: Writer, phone: TestPhone) -> None:
    shown = code_in(phone.dial(FATIMA, "2*1"))
    assert code_in(writer.write(FATIMA, "CODE")[0]) == shown


def test_code_keyword_repeats_a_code_for_fewer_months(writer: Writer, phone: TestPhone) -> None:
    shown = code_in(phone.dial(HASSAN, "2*2*2"))
    assert code_in(writer.write(HASSAN, "CODE")[0]) == shown


@pytest.mark.parametrize(
    ("spoken", "asked", "chosen"),
    [
        ("zgh-Latn", "TAMAZIGHT", "zgh-Latn"),
        ("ary-Latn", "Tamazight svp", "zgh-Latn"),
        ("fr", "TAMAZIGHT", "zgh"),
        ("ary-Arab", "TAMAZIGHT", "zgh"),
        ("zgh-Latn", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "zgh"),
        ("zgh-Latn", "ARABE", "ar"),
        ("ary-Latn", "دارجة", "ary-Arab"),
    ],
)
def test_language_keyword_keeps_to_letters_that_the_phone_shows(
    writer: Writer, runtime: Runtime, spoken: str, asked: str, chosen: str
) -> None:
    with runtime.database.begin() as connection:
        connection.execute(insert(phone_profile).values(phone=FATIMA, language=spoken))
    (answer,) = writer.write(FATIMA, asked)
    assert answer == runtime.words.say(chosen, "sms.language")


def test_code_keyword_sent_many_times_at_once_issues_one_code(app: Flask, runtime: Runtime) -> None:
    def ask(number: int) -> int:
        form = {"from": HASSAN, "text": "CODE", "id": f"at-once-{number}"}
        answer = app.test_client().post("/sms/africastalking/inbound", data=form)
        return answer.status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(8))) <= {200, 503}
    assert len(OtherParties(runtime).run("SELECT code FROM payment_code")) == 1


@pytest.mark.parametrize(
    ("number", "text", "answer"),
    [
        (KHADIJA, "CODE", "rien à payer"),
        (BRAHIM, "CODE", "pas encore inscrit à l'AMO"),
        (SAID, "CODE", "Vous payez l'AMO avec la CPU"),
        (UNKNOWN, "CODE", "nous ne connaissons pas ce numéro"),
        (AGENT, "STATUT", "nous ne connaissons pas ce numéro"),
        (FATIMA, "STATUT", "Droits ouverts jusqu'au"),
        (FATIMA, "status", "163,52 DH"),
        (HASSAN, "statut", "663,90 DH"),
        (KHADIJA, "STATUT", "Rien à payer"),
        (BRAHIM, "STATUT", "Dossier"),
        (SAID, "STATUT", "avec la CPU"),
        (AICHA, "الحالة", "حقوقك مغلقة"),
        (DRISS, "code", "Khelles f Wafacash"),
        (UNKNOWN, "رمز", "لا نعرف هذا الرقم"),
        (UNKNOWN, "ⵜⴰⵏⴳⴰⵍⵜ", "ⵓⵔ ⵏⵙⵙⵉⵏ ⵓⵟⵟⵓⵏ"),
        (FATIMA, "salam", "écrivez CODE pour payer"),
        (FATIMA, "AIDE", "écrivez CODE pour payer"),
    ],
)
def test_account_keyword_answers_each_person(
    writer: Writer, number: str, text: str, answer: str
) -> None:
    (told,) = writer.write(number, text)
    assert answer in told


def test_code_keyword_of_an_auto_entrepreneur_says_where_to_pay(writer: Writer) -> None:
    writer.others.run("UPDATE artisan SET category = 'D' WHERE phone = :phone", phone=SAID)
    assert "taxe d'auto-entrepreneur" in writer.write(SAID, "CODE")[0]


def test_account_keyword_on_a_phone_of_several_asks_to_choose(
    writer: Writer, phone: TestPhone
) -> None:
    phone.dial(KHADIJA, "5*5*4*2*100002*01011982")
    for text in ("CODE", "STATUT"):
        assert "plusieurs personnes" in writer.write(KHADIJA, text)[0]
    assert writer.others.run("SELECT code FROM payment_code") == []


def test_status_keyword_with_a_pin_set_answers_the_amount_only(
    writer: Writer, phone: TestPhone
) -> None:
    phone.dial(FATIMA, "5*5*3*1*1357*1357")
    (told,) = writer.write(FATIMA, "STATUT")
    assert "163,52 DH" in told and "Droits" not in told
    assert CODE.search(writer.write(FATIMA, "CODE")[0])
    phone.dial(KHADIJA, "5*5*3*1*1357*1357")
    assert "rien à payer" in writer.write(KHADIJA, "STATUT")[0]
    phone.dial(BRAHIM, "5*5*3*1*1357*1357")
    assert "Dossier" not in writer.write(BRAHIM, "STATUT")[0]


def test_account_keyword_is_answered_a_few_times_an_hour(writer: Writer) -> None:
    texts = ["CODE", "STATUT", "code", "status", "CODE", "CODE", "STATUT"]
    answered = [len(writer.write(FATIMA, text)) for text in texts]
    assert answered == [1] * MOST_ACCOUNT + [0] * (len(texts) - MOST_ACCOUNT)
    assert len(writer.write(FATIMA, "AIDE")) == 1, "the others are counted apart"
    writer.others.wait(3601)
    assert len(writer.write(FATIMA, "CODE")) == 1


@pytest.mark.parametrize("text", ["AIDE", "DARIJA", "START", "?"])
def test_answers_to_a_machine_stop(writer: Writer, text: str) -> None:
    """Each of our answers brings the same words back, a minute later."""
    answers = [writer.write(FATIMA, text) for _ in range(50)]
    assert sum(map(len, answers)) == (1 if text == "?" else MOST_OTHER)


def test_echo_of_our_message_gets_one_answer(writer: Writer) -> None:
    (answer,) = writer.write(FATIMA, "AIDE")
    (second,) = writer.write(FATIMA, answer)
    assert writer.write(FATIMA, second) == []


def test_keyword_is_done_also_without_an_answer(writer: Writer) -> None:
    for text in ("AIDE", "AIDE", "AIDE"):
        assert writer.write(FATIMA, text)
    assert writer.write(FATIMA, "STOP") == []
    assert writer.others.run("SELECT reminders, changed_by FROM phone_preference") == [
        (False, "sms")
    ]


def news(writer: Writer) -> list[tuple[object, ...]]:
    return writer.others.run("SELECT given, channel, language, wording FROM consent ORDER BY id")


def test_stop_is_confirmed_once_and_start_undoes_it(writer: Writer, phone: TestPhone) -> None:
    phone.dial(FATIMA, "5*4*2*1")
    (stopped,) = writer.write(FATIMA, "STOP")
    assert "plus de rappels ni de nouvelles" in stopped
    assert writer.write(FATIMA, "STOP") == writer.write(FATIMA, "arret") == []
    assert "Rappels par SMS: non" in phone.dial(FATIMA, "5*5*2")
    assert "1 Oui, je veux" in phone.dial(FATIMA, "5*4*2")
    (started,) = writer.write(FATIMA, "START")
    assert "rappels et les nouvelles" in started
    assert "Ne plus recevoir" in phone.dial(FATIMA, "5*5*2")
    assert "Ne plus recevoir" in phone.dial(FATIMA, "5*4*2")
    assert news(writer) == [
        (True, "ussd", "fr", ASKED),
        (False, "sms", "fr", stopped),
        (True, "sms", "fr", started),
    ]


def test_start_gives_no_news_to_a_phone_that_never_asked(writer: Writer, phone: TestPhone) -> None:
    writer.write(FATIMA, "STOP")
    assert "nouvelles" not in writer.write(FATIMA, "START")[0]
    phone.dial(FATIMA, "5*4*2*1")
    phone.dial(FATIMA, "00")
    phone.dial(FATIMA, "5*4*2*2")
    writer.others.wait(3601)
    writer.write(FATIMA, "STOP")
    assert "nouvelles" not in writer.write(FATIMA, "START")[0], "a no in the menu stays a no"
    assert [given for given, *_ in news(writer)] == [True, False]


def test_receipts_are_sent_after_stop(writer: Writer) -> None:
    writer.write(FATIMA, "CODE")
    writer.write(FATIMA, "STOP")
    writer.others.collect_cash()
    assert writer.others.run("SELECT state FROM message WHERE kind = 'receipt'") == [("queued",)]
    assert writer.write(FATIMA, "STATUT")


def test_stop_sent_to_the_provider_counts_as_stop(writer: Writer, phone: TestPhone) -> None:
    phone.dial(FATIMA, "5*4*2*1")
    form = {"senderId": "MAALEM", "phoneNumber": FATIMA}
    for _ in range(2):
        assert writer.client.post("/sms/africastalking/optout", data=form).status_code == 200
    stops = "SELECT provider, phone FROM provider_opt_out"
    assert writer.others.run(stops) == [("africastalking", FATIMA)]
    preference = "SELECT reminders, changed_by FROM phone_preference"
    assert writer.others.run(preference) == [(False, "africastalking")]
    assert [row[:3] for row in news(writer)] == [(True, "ussd", "fr"), (False, "sms", "fr")]
    assert "Rappels" in phone.dial(FATIMA, "5*5*2")
    phone.answer("1")
    writer.client.post("/sms/africastalking/optout", data=form)
    assert writer.others.run("SELECT reminders FROM phone_preference") == [(True,)]
    writer.write(FATIMA, "START")
    assert writer.others.run(stops) == []
    bad = writer.client.post("/sms/africastalking/optout", data={"senderId": "M"})
    assert (bad.status_code, bad.get_data(as_text=True)) == (400, "phoneNumber: missing")


def test_stranger_gets_a_few_answers_a_day_and_stop_is_done_all_the_same(
    writer: Writer, runtime: Runtime
) -> None:
    told = 0
    for hour in range(8):
        runtime.clock.now += timedelta(hours=2)  # type: ignore[attr-defined]
        told += len(writer.write(UNKNOWN, ("code", "fr", "ar", "statut")[hour % 4]))
    assert told == MOST_TO_STRANGER
    assert writer.write(UNKNOWN, "STOP") == []
    opted = "SELECT count(*) FROM phone_preference WHERE phone = :phone"
    assert writer.others.run(opted, phone=UNKNOWN) == [(1,)]
    runtime.clock.now += timedelta(hours=25)  # type: ignore[attr-defined]
    assert len(writer.write(UNKNOWN, "code")) == 1


def test_all_strangers_together_get_so_many_answers_a_day(writer: Writer, runtime: Runtime) -> None:
    writer.others.run(
        "INSERT INTO inbound_message"
        " (provider, provider_id, phone, received_at, answered, from_stranger)"
        " SELECT 'twilio', n::text, '+2126' || (10000000 + n), :at, true, true"
        " FROM generate_series(1, :most) n RETURNING 1",
        at=runtime.clock(),
        most=MOST_TO_STRANGERS - 1,
    )
    assert len(writer.write("+212611111111", "code")) == 1
    assert writer.write("+212611111112", "code") == []
    assert len(writer.write(HASSAN, "code")) == 1
    runtime.clock.now += timedelta(hours=25)  # type: ignore[attr-defined]
    assert len(writer.write("+212611111112", "code")) == 1
