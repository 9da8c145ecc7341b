"""The agent's phone: a code confirmed once, with the PIN; the day; the limits."""

# ruff: noqa: F401, F811 - fixtures of other tests are imported by name
from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.agents.clients import DEMO_CLIENT, find_client
from app.base.hop import Hop
from app.base.operation import operation
from app.base.phone import Phone
from app.journeys.facts import Facts
from app.payments.collector import Collector
from app.payments.deposits import CashConfirmation, redeem_code
from app.runtime import Runtime
from tests.conftest import AGENCY, AGENT, PIN
from tests.payments.conftest import Books, PaymentFixture, books, payments
from tests.phone import TestPhone
from tests.talks.test_budgets import Meter, OnePost, once, spent

FATIMA, HASSAN, DRISS = (f"+2126000000{n:02d}" for n in (1, 2, 7))
OWN = "+212600000091"
RIGHT = PIN.get_secret_value()

pytestmark = pytest.mark.usefixtures("sample_people")


@pytest.fixture
def code(payments: PaymentFixture) -> str:
    return payments.issue(FATIMA).code


def run(runtime: Runtime, sql: str, **values: object) -> None:
    with runtime.database.begin() as connection:
        connection.execute(text(sql), values)


def confirm(phone: TestPhone, code: str, pin: str = RIGHT) -> str:
    """From dialling to what comes after the PIN."""
    phone.dial(OWN, f"1*{code}*1")
    return phone.answer(pin)


def test_dial_from_an_agents_phone_shows_the_agents_menu(phone: TestPhone) -> None:
    screen = phone.dial(OWN)
    assert screen.split("\n") == ["1 Encaisser", "2 Ma journée", "3 Mes limites", "5 Langue"]
    phone.answer("4")
    assert phone.screen.startswith("Choix inconnu.")


def test_redeem_code_leads_from_the_code_to_the_receipt(
    phone: TestPhone,
    payments: PaymentFixture,
    code: str,
    books: Books,
) -> None:
    phone.dial(OWN, "1")
    assert phone.screen.startswith("Code de l'artisan, 12 chiffres:")
    assert phone.answer(f"{code[:4]} {code[4:8]} {code[8:]}").startswith(
        "Encaisser 163,52 DH: argent recu?\nPour FATIMA Z.\nMois: 11/2026\n1 Oui\n2 Non"
    )
    assert phone.answer("1").startswith("Votre PIN d'agent:")
    screen = phone.answer(RIGHT)
    receipt = str(payments.read_value("SELECT receipt_number FROM deposit"))
    assert screen.startswith(
        f"Encaissé 163,52 DH\nPour FATIMA Z.\nRecu {receipt}\nEnregistré le 23/11 10:00\n"
    )
    row = "SELECT code || ' ' || channel || ' ' || agency_code FROM deposit"
    assert payments.read_value(row) == f"{code} phone {AGENCY}"
    assert payments.read_value("SELECT phone FROM message WHERE kind = 'receipt'") == FATIMA
    books()
    # The same agent, the same code, another session: no new payment.
    phone.dial(OWN, f"1*{code}")
    assert phone.screen.startswith(
        f"Code déjà encaissé par vous le 23/11 10:00: 163,52 DH, recu {receipt}. Ne prenez pas"
    )
    assert payments.read_value("SELECT count(*) FROM deposit") == 1


def test_second_customer_with_a_paid_code_never_sees_a_new_payment(
    phone: TestPhone, payments: PaymentFixture, code: str, runtime: Runtime
) -> None:
    """In the session itself, and in a new one."""
    first = confirm(phone, code)
    assert first.startswith("Encaissé 163,52 DH")
    # The gateway's own repetition of the request gets the same bytes.
    runtime.clock.now += timedelta(minutes=2)  # type: ignore[attr-defined]
    assert phone.post() == f"CON {first}"
    refused = "Code déjà encaissé par vous le 23/11 10:00: 163,52 DH, recu "
    phone.answer("1")
    assert phone.answer(code).startswith(refused)
    # The session goes on where it broke off.
    second = payments.issue(HASSAN, 1).code
    later = confirm(phone, second)
    assert later.startswith("Encaissé 168,43 DH") and "Enregistré le 23/11 10:02" in later
    phone.dial(OWN, "")
    # The receipt was the answer: nothing is left to go on with, and the code is told as paid.
    assert "1 Continuer" not in phone.screen
    phone.answer("1")
    again = phone.answer(second)
    assert again.startswith("Code déjà encaissé par vous le 23/11 10:02: 168,43 DH")
    assert payments.read_value("SELECT count(*) FROM deposit") == 2


@pytest.mark.parametrize("door", ["page", "api", "file"])
def test_code_paid_by_another_door_is_told_with_its_receipt(
    phone: TestPhone, payments: PaymentFixture, runtime: Runtime, code: str, door: str
) -> None:
    """Before the look, and between the look and the PIN."""
    pay = {"page": pay_at_page, "api": pay_by_api, "file": pay_by_file}[door]
    other = payments.issue(HASSAN, 1).code
    phone.dial(OWN, f"1*{other}*1")
    receipts = {paid: pay(payments, runtime, paid) for paid in (code, other)}
    for screen, paid in ((phone.answer(RIGHT), other), (phone.dial(OWN, f"1*{code}"), code)):
        assert (
            screen.startswith(("Code déjà encaissé ", "Code déjà payé "))
            and " 23/11 10:00" in screen
        ), screen
        assert f"recu {receipts[paid]}. Ne prenez pas l'argent." in screen.replace("\n", " ")
    assert payments.read_value("SELECT count(*) FROM deposit") == 2


def pay_at_page(payments: PaymentFixture, _runtime: Runtime, code: str) -> str:
    return str(payments.redeem(code, f"page-{code}"))


def pay_by_api(payments: PaymentFixture, runtime: Runtime, code: str) -> str:
    """The network's system brings cash of an agent that we do not know."""
    with runtime.database.connect() as connection:
        system = find_client(connection, DEMO_CLIENT)
    assert system
    collector = Collector("api", "client:x", "wafacash", None, "W-9", client=system)
    return _redeem(runtime, collector, CashConfirmation(code, code))


def pay_by_file(payments: PaymentFixture, runtime: Runtime, code: str) -> str:
    """Two people confirm late what the network's file says."""
    collector = Collector("file", "network:wafacash", "wafacash", None, None)
    at = runtime.clock()
    return _redeem(runtime, collector, CashConfirmation(code, code, None, at, "second"))


def _redeem(runtime: Runtime, collector: Collector, confirmation: CashConfirmation) -> str:
    with operation(runtime.database, runtime.clock(), "first") as change:
        return redeem_code(change, runtime.services, collector, confirmation)


def test_redeem_code_reads_digits_of_any_script(
    phone: TestPhone,
    payments: PaymentFixture,
    code: str,
) -> None:
    phone.dial(OWN, "5*2")
    assert phone.screen.startswith("1 قبض المال")
    typed = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    phone.answer("1")
    assert phone.answer(typed).startswith("قبضت 163.52 درهم؟\nFATIMA Z.\nعن 11/2026\n1 نعم\n2 لا")
    phone.answer("1")
    assert phone.answer(RIGHT).startswith("قبضت 163.52 درهم\nعن ")
    assert payments.read_value("SELECT count(*) FROM deposit") == 1


@pytest.mark.parametrize("typed", ["1234", "482173059614", "x", "9" * 13])
def test_mistyped_code_is_asked_for_again(phone: TestPhone, typed: str) -> None:
    phone.dial(OWN, "1")
    assert phone.answer(typed).startswith("Code faux. Comparez les 12 chiffres.")


def test_code_that_cannot_be_paid_shows_the_reason(
    phone: TestPhone,
    payments: PaymentFixture,
    runtime: Runtime,
) -> None:
    def look(code: str) -> str:
        return phone.dial(OWN, f"1*{code}")

    assert look("482173059617").startswith("Ce code n'existe pas.")
    assert phone.answer("1").startswith("Code de l'artisan")
    first, second = payments.issue(HASSAN, 1), payments.issue(DRISS)
    payments.issue(HASSAN, 2, replacing=first.code)
    assert look(first.code).startswith("Code annulé le 23/11 10:00. Pour un autre")
    runtime.clock.now = second.expires_at  # type: ignore[attr-defined]
    assert look(second.code).startswith(
        "Code plus valable depuis le 30/11 10:00. Pour un autre, l'artisan appelle *384*2*1#"
    )


def test_code_redeemed_by_another_agent_is_refused(
    phone: TestPhone, payments: PaymentFixture, runtime: Runtime
) -> None:
    code = payments.issue(FATIMA).code
    receipt = payments.redeem(code)
    other = "INSERT INTO agent (number, agency_code, pin_hash, phone) SELECT :number, :agency,"
    other += " pin_hash, :phone FROM agent WHERE number = '1001'"
    run(runtime, other, number="1002", agency=AGENCY, phone="+212600000092")
    run(runtime, other, number="2002", agency="W-FES-01", phone="+212600000093")
    colleague = phone.dial("+212600000092", f"1*{code}")
    assert colleague.startswith(
        f"Code déjà encaissé le 23/11 10:00 par l'agent 1001: 163,52 DH, recu {receipt}."
    )
    stranger = phone.dial("+212600000093", f"1*{code}")
    assert stranger.startswith(
        f"Code déjà payé le 23/11 10:00, recu {receipt}. Ne prenez pas l'argent."
    )
    assert f"agent {AGENT}" not in stranger and "163,52" not in stranger


def test_agent_pin_wrong_five_times_locks_the_agent(
    phone: TestPhone,
    payments: PaymentFixture,
    code: str,
    runtime: Runtime,
) -> None:
    assert confirm(phone, code, "1111").startswith("PIN faux. Rien n'est enregistré.")
    phone.answer("1")
    assert phone.answer("12").startswith("Le PIN a 6 chiffres ou plus.")
    for _ in range(4):
        assert phone.answer("2222").startswith("PIN faux.")
        phone.answer("1")
    # The right one comes too late. The till is another door, and stays open.
    assert phone.answer(RIGHT).startswith("Trop d'erreurs de PIN. Essayez après le 23/11 10:30.")
    assert (
        payments.read_value("SELECT door FROM agent_lock WHERE locked_until IS NOT NULL") == "phone"
    )
    assert payments.read_value("SELECT count(*) FROM deposit") == 0
    runtime.clock.now += timedelta(minutes=31)  # type: ignore[attr-defined]
    assert confirm(phone, code).startswith("Encaissé 163,52 DH")


def test_agent_pin_is_stored_nowhere(phone: TestPhone, code: str, runtime: Runtime) -> None:
    """Neither in the session nor in anything else between two hops."""
    confirm(phone, code, "97531")
    kept = [runtime.redis.dump(key) or b"" for key in runtime.redis.scan_iter()]
    assert kept
    loaded = runtime.turns.sessions.load(
        Hop("africastalking", phone.session, Phone(OWN), phone.chain), runtime.clock()
    ).record
    assert loaded and Facts(loaded.position.facts).agent_id
    assert "till_pin" not in loaded.position.answers
    assert "97531" not in json.dumps(
        [loaded.position.facts, loaded.position.answers, loaded.replies]
    )


def test_redeem_code_on_phone_and_page_at_once_pays_once(
    phone: TestPhone,
    payments: PaymentFixture,
    books: Books,
) -> None:
    for number in range(4):
        code = payments.issue(HASSAN, 1).code
        phone.dial(OWN, f"1*{code}*1")
        with ThreadPoolExecutor(2) as two:
            page = two.submit(lambda code=code, n=number: payments.redeem(code, f"page-{n}"))  # type: ignore[misc]
            screen = two.submit(phone.answer, RIGHT).result()
            error = page.exception()
        receipt = payments.read_value(
            "SELECT receipt_number FROM deposit WHERE code = :code", code=code
        )
        # Whoever was second is told the receipt of the first, and that it is not new.
        told = f"\nRecu {receipt}\n" if error else "déjà encaissé par vous"
        assert told in screen and receipt in screen
        assert error is None or error.params["receipt"] == receipt  # type: ignore[attr-defined]
    assert payments.read_value("SELECT count(*) FROM deposit") == 4
    books()


def test_redeem_hop_repeated_at_once_pays_once(
    phone: TestPhone,
    client: FlaskClient,
    payments: PaymentFixture,
    code: str,
    books: Books,
) -> None:
    phone.dial(OWN, f"1*{code}*1")
    chain = f"{phone.chain}*{RIGHT}"
    with ThreadPoolExecutor(4) as many:
        answers = list(many.map(lambda _: phone.post(text=chain), range(8)))
    assert len(set(answers)) == 1 and answers[0].startswith("CON Encaissé 163,52 DH")
    assert payments.read_value("SELECT count(*) FROM deposit") == 1
    books()


def test_redeem_code_pays_what_was_shown(
    phone: TestPhone,
    payments: PaymentFixture,
    code: str,
) -> None:
    """Back, another code, a wrong one: the PIN confirms the code on the last screen."""
    other = payments.issue(DRISS).code
    phone.dial(OWN, f"1*{code}")
    phone.answer("0")
    assert "DRISS C." in phone.answer(other)
    phone.answer("1")
    phone.answer(RIGHT)
    assert payments.read_value("SELECT code FROM deposit") == other
    assert (
        payments.read_value("SELECT state FROM payment_code WHERE code = :code", code=code)
        == "issued"
    )
    # No cash, no deposit.
    phone.dial(OWN, f"1*{code}")
    assert phone.answer("2").startswith("1 Encaisser")
    assert payments.read_value("SELECT count(*) FROM deposit") == 1


def test_redeem_code_refuses_a_code_that_ended_while_the_pin_was_typed(
    phone: TestPhone,
    payments: PaymentFixture,
    runtime: Runtime,
) -> None:
    code = payments.issue(HASSAN, 1)
    phone.dial(OWN, f"1*{code.code}*1")
    payments.issue(HASSAN, 2, replacing=code.code)
    assert phone.answer(RIGHT).startswith("Code annulé le 23/11 10:00.")
    assert payments.read_value("SELECT count(*) FROM deposit") == 0


def test_limits_refuse_a_code_before_the_cash(
    phone: TestPhone,
    payments: PaymentFixture,
    code: str,
    runtime: Runtime,
) -> None:
    run(runtime, "UPDATE agent SET code_limit_centimes = 16351")
    assert phone.dial(OWN, f"1*{code}").startswith(
        "C'est plus que votre limite par code: 163,51 DH. Ne prenez pas l'argent."
    )
    run(runtime, "UPDATE agent SET code_limit_centimes = NULL, day_limit_centimes = 20000")
    assert confirm(phone, code).startswith("Encaissé")
    late = payments.issue(DRISS).code
    assert phone.dial(OWN, f"1*{late}").startswith(
        "C'est plus que votre limite du jour. Il reste 36,48 DH. Ne prenez pas l'argent."
    )
    run(runtime, "UPDATE agent SET day_limit_centimes = NULL")
    run(runtime, "UPDATE agency SET float_limit_centimes = 20000 WHERE code = 'W-RABAT-01'")
    assert phone.dial(OWN, f"1*{late}").startswith(
        "C'est plus que la limite du jour de l'agence. Il reste 36,48 DH."
    )
    assert phone.dial(OWN, "3").startswith(
        "Limite par code: sans limite\nLimite par jour: sans limite\n"
        "Encaissé aujourd'hui: 163,52 DH\nIl reste: 36,48 DH"
    )
    # A limit that came while the PIN was typed refuses too, and nothing is booked.
    run(runtime, "UPDATE agency SET float_limit_centimes = NULL")
    phone.dial(OWN, f"1*{late}*1")
    run(runtime, "UPDATE agent SET day_limit_centimes = 20000")
    assert phone.answer(RIGHT).startswith("C'est plus que votre limite du jour. Il reste 36,48 DH.")
    assert payments.read_value("SELECT count(*) FROM deposit") == 1


def test_till_page_refuses_over_a_limit_too(
    client: FlaskClient,
    payments: PaymentFixture,
    code: str,
    runtime: Runtime,
) -> None:
    page = client.get("/agent?language=fr", follow_redirects=True).get_data(as_text=True)

    def token(page: str) -> str:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert found
        return found[1]

    form = {"csrf_token": token(page), "number": AGENT, "pin": RIGHT}
    page = client.post("/agent/sign-in", data=form, follow_redirects=True).get_data(as_text=True)
    run(runtime, "UPDATE agent SET day_limit_centimes = 10000")
    answer = client.post("/agent/code", data={"csrf_token": token(page), "code": code})
    assert answer.status_code == 403
    told = unescape(answer.get_data(as_text=True))
    assert "C'est plus que votre limite du jour. Il vous reste" in told
    form = {"csrf_token": token(page), "code": code, "key": "k" * 32}
    assert client.post("/agent/confirm", data=form).status_code == 403
    assert payments.read_value("SELECT count(*) FROM deposit") == 0


def test_agent_day_shows_sum_and_deposits(
    phone: TestPhone, payments: PaymentFixture, runtime: Runtime
) -> None:
    assert phone.dial(OWN, "2").startswith("Aujourd'hui: 0,00 DH\nCodes encaissés: 0\n0 Retour")
    receipts = [payments.redeem(payments.issue(HASSAN, 1).code, str(n)) for n in range(2)]
    runtime.clock.now += timedelta(minutes=5)  # type: ignore[attr-defined]
    receipts.append(payments.redeem(payments.issue(DRISS).code, "3"))
    assert phone.dial(OWN, "2").startswith(
        "Aujourd'hui: 498,74 DH\nCodes encaissés: 3\n1 Voir les derniers"
    )
    assert phone.answer("1").startswith("Les derniers:\n1 23/11 10:05 163,52 DH\n2 23/11 10:00")
    assert phone.answer("1").startswith(f"Recu {receipts[-1]}\nEncaissé 163,52 DH\nle 23/11 10:05")


def test_close_day_records_the_counted_sum(
    phone: TestPhone, payments: PaymentFixture, runtime: Runtime
) -> None:
    """What was given back is neither listed nor counted; another close counts what came since."""
    undone = payments.redeem(payments.issue(DRISS).code, "1")
    payments.reverse(undone)
    payments.redeem(payments.issue(HASSAN, 1).code, "2")
    assert phone.dial(OWN, "2").startswith("Aujourd'hui: 168,43 DH\nCodes encaissés: 1\n1 Voir")
    assert phone.answer("2").startswith("Fermer la journée? Compté: 168,43 DH\nCodes encaissés: 1")
    assert phone.answer("1").startswith("Journée fermée le 23/11 10:00\nTotal: 168,43 DH")
    assert payments.read_value("SELECT count(*) FROM till_close") == 1
    payments.redeem(payments.issue(DRISS).code, "3")
    phone.dial(OWN, "2*2*1")
    closes = "SELECT string_agg(total_centimes::text, ' ' ORDER BY id) FROM till_close"
    assert payments.read_value(closes) == "16843 33195"


def test_dismissed_agent_can_do_nothing_more(
    phone: TestPhone,
    payments: PaymentFixture,
    code: str,
    runtime: Runtime,
) -> None:
    for path in ("2", "3", f"1*{code}"):
        phone.dial(OWN, "5*1")
        run(runtime, "UPDATE agent SET active = false")
        for typed in path.split("*"):
            phone.answer(typed)
        assert phone.screen.startswith("Vous n'etes plus agent.") and not phone.more
        run(runtime, "UPDATE agent SET active = true")
    phone.dial(OWN, f"1*{code}*1")
    run(runtime, "UPDATE agent SET active = false")
    assert phone.answer(RIGHT).startswith("Vous n'etes plus agent.")
    assert payments.read_value("SELECT count(*) FROM deposit") == 0


def test_agent_who_is_an_artisan_reaches_the_artisans_menu(
    phone: TestPhone, runtime: Runtime
) -> None:
    run(runtime, "UPDATE artisan SET phone = :own WHERE phone = :fatima", own=OWN, fatima=FATIMA)
    assert "4 Mon AMO" in phone.dial(OWN)
    assert phone.answer("4").startswith("1 Mon AMO\n2 Payer")
    assert "Droits ouverts" in phone.answer("1")


def test_agent_hop_stays_in_the_budget(once: OnePost, spent: Meter, code: str) -> None:
    once.dial(OWN)
    for typed, most in (("1", 0), (code, 2), ("0", 0), ("00", 0), ("2", 1), ("00", 0), ("3", 1)):
        cost = spent(lambda typed=typed: once.answer(typed))  # type: ignore[misc]
        assert cost.sql <= most, (typed, cost, once.screen)


def test_a_paid_code_dialled_ahead_with_the_pin_is_told_as_paid(
    phone: TestPhone, payments: PaymentFixture, code: str
) -> None:
    """What was dialled ahead is not for the refusal: the PIN is not read as another code."""
    chain = f"1*{code}*1*{RIGHT}"
    assert phone.dial(OWN, chain).startswith("Encaissé 163,52 DH")
    refused = phone.dial(OWN, chain)
    assert refused.startswith("Code déjà encaissé par vous le 23/11 10:00: 163,52 DH, recu ")
    assert "Ne prenez pas l'argent" in refused
    assert phone.answer("1").startswith("Code de l'artisan")
    assert payments.read_value("SELECT count(*) FROM deposit") == 1


def test_a_code_paid_meanwhile_is_not_asked_for_after_a_broken_line(
    phone: TestPhone, payments: PaymentFixture, runtime: Runtime, code: str
) -> None:
    assert "1 Oui" in phone.dial(OWN, f"1*{code}")
    pay_by_api(payments, runtime, code)
    phone.dial(OWN, "")
    assert "163,52" not in phone.answer("1")
