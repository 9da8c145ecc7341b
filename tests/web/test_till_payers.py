"""A payer without a code at the till: found by phone, RNA or CNSS number, masked and bounded."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.agents.look_ups import UNKNOWN_CODES_A_DAY
from app.jobs.housekeeping import Housekeeping
from app.payments.payers import PAYERS_A_DAY, is_like_a_code, read_typed_phone
from app.runtime import Runtime
from tests.payments.conftest import PaymentFixture, payments
from tests.web.test_look_ups import unknown_code
from tests.web.test_till import AgentTerminal, field, plain

__all__ = ["payments"]
FATIMA, HASSAN, KHADIJA, BRAHIM, AICHA, SAID, DRISS = (f"+21260000000{n}" for n in range(1, 8))
NUMBERS_OF_HASSAN = (
    *("+212600000002", "0600000002", "06 00 00 00 02", "06-00-00-00-02", "212600000002"),
    *("00212600000002", "٠٦٠٠٠٠٠٠٠٢", "100002", " 1000 02 ", "100000002", "100 000 002"),
)
LOOKS = "SELECT count(*) FROM audit_event WHERE action = 'person_looked_up'"


@pytest.fixture
def till(client: FlaskClient, payments: PaymentFixture) -> AgentTerminal:
    till = AgentTerminal(client)
    till.get("/agent?language=fr")
    assert till.enter().status_code == 200
    return till


def ask(till: AgentTerminal, typed: str) -> int:
    till.get()
    return till.look(typed).status_code


def test_payer_is_found_by_each_number_and_pays_what_is_shown(
    till: AgentTerminal, payments: PaymentFixture
) -> None:
    """The bill is made as in the API: for all that is owed, audited, and nobody is told by SMS."""
    seen = set()
    for looks, typed in enumerate(NUMBERS_OF_HASSAN, 1):
        assert ask(till, typed) == 200, typed
        shown = plain(till.page)
        assert "HASSAN B." in shown and "Bennani" not in shown and "663,90 DH" in shown
        assert "4 mois: 08/2026 - 11/2026" in shown
        seen.add(field(till.page, "code"))
        assert payments.read_value(LOOKS) == looks
    assert len(seen) == 1
    assert payments.read_value("SELECT count(*) FROM message WHERE kind ~ 'code'") == 0
    issued = "SELECT actor FROM audit_event WHERE action = 'code_issued'"
    assert payments.read_value(issued) == "agent:1001"
    till.follow(till.confirm())
    assert "Total payé 663,90 DH" in plain(till.page)
    assert payments.read_value("SELECT total_centimes FROM deposit") == 66390


def test_live_code_of_the_payer_is_shown_as_it_is(
    till: AgentTerminal, payments: PaymentFixture
) -> None:
    code = payments.issue(HASSAN, months=1).code
    assert ask(till, HASSAN) == 200
    assert field(till.page, "code") == code and "1 mois: 08/2026" in plain(till.page)


def test_payer_without_a_bill_is_told_by_name_and_no_cash_is_taken(
    till: AgentTerminal, payments: PaymentFixture
) -> None:
    for phone, words in (
        (KHADIJA, "KHADIJA F.: rien à payer"),
        (BRAHIM, "BRAHIM O.: pas encore inscrit à l'AMO"),
        (SAID, "paie avec ses impôts"),
    ):
        assert ask(till, phone) == 409
        shown = plain(till.page)
        assert words in shown and "Ne prenez pas l'argent" in shown
        assert field(till.page, "code") == phone and 'role="alert"' in till.page
    assert payments.read_value("SELECT count(*) FROM payment_code") == 0


def share_phone(runtime: Runtime) -> None:
    with runtime.database.begin() as connection:
        connection.execute(
            text("UPDATE artisan SET phone = :to WHERE phone = :of"), {"to": FATIMA, "of": DRISS}
        )


def test_people_of_one_phone_are_offered_masked_and_one_is_chosen(
    till: AgentTerminal, payments: PaymentFixture, runtime: Runtime
) -> None:
    share_phone(runtime)
    assert ask(till, FATIMA) == 200
    shown = plain(till.page)
    assert "Qui paie" in shown and "FATIMA Z." in shown and "DRISS C." in shown
    assert "Zahraoui" not in till.page and "RNA ..0007" in shown and "DH" not in shown
    assert payments.read_value("SELECT count(*) FROM payment_code") == 0
    choices = re.findall(r'name="choice" value="(\d+)"', till.page)
    typed = field(till.page, "code")
    till.follow(till.post("/agent/choice", code=typed, choice=choices[1]))
    assert "DRISS C." in plain(till.page) and "163,52 DH" in plain(till.page)
    # Nobody is reached by a choice that was not offered.
    stranger = str(payments.artisan_id(HASSAN))
    refused = till.follow(till.post("/agent/choice", code=typed, choice=stranger))
    assert refused.status_code == 400 and "HASSAN" not in till.page


def test_number_that_is_a_code_and_somebodys_offers_both(
    till: AgentTerminal, payments: PaymentFixture, runtime: Runtime
) -> None:
    code = payments.issue(HASSAN).code
    with runtime.database.begin() as connection:
        connection.execute(
            text("UPDATE artisan SET rna_number = :code WHERE phone = :of"),
            {"code": code, "of": FATIMA},
        )
    assert ask(till, code) == 200
    assert "Code de paiement" in plain(till.page) and "FATIMA Z." in plain(till.page)
    assert "HASSAN" not in till.page
    till.follow(till.post("/agent/choice", code=code, choice="code"))
    assert "HASSAN B." in plain(till.page)


def test_number_that_is_nobodys_is_counted_and_a_slip_in_a_code_is_not(
    till: AgentTerminal, payments: PaymentFixture
) -> None:
    nobodys = ("0699999999", "777777777", "RNA/77-77", "199999999")
    for typed in nobodys:
        assert ask(till, typed) == 404
        assert "Ni code ni artisan" in plain(till.page)
    for typed in ("", "bonjour", "48217305961", "4821730596144", "---"):
        assert ask(till, typed) == 400, typed
        assert "Ce code contient une erreur" in plain(till.page)
    assert payments.read_value("SELECT max(unknown_codes) FROM agent") == len(nobodys)
    assert payments.read_value(LOOKS) == 0


def test_agent_out_of_look_ups_finds_nobody(till: AgentTerminal, payments: PaymentFixture) -> None:
    for number in range(UNKNOWN_CODES_A_DAY):
        ask(till, unknown_code(number))
    assert ask(till, HASSAN) == 429 and "HASSAN" not in till.page
    assert payments.read_value(LOOKS) == 0


def test_people_who_do_not_pay_have_a_share_of_the_day_and_a_code_needs_none(
    till: AgentTerminal,
    payments: PaymentFixture,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert PAYERS_A_DAY == 60
    monkeypatch.setattr("app.payments.payers.PAYERS_A_DAY", 2)
    assert ask(till, FATIMA) == 200
    assert ask(till, HASSAN) == 200
    assert ask(till, DRISS) == 429
    assert "Trop de personnes" in plain(till.page) and "DRISS" not in till.page
    # Whom the agent has seen today is seen again; who pays gives the place back.
    assert ask(till, FATIMA) == 200
    till.follow(till.confirm())
    assert ask(till, DRISS) == 200
    assert ask(till, AICHA) == 429
    assert ask(till, payments.issue(AICHA).code) == 200
    half = "SELECT count(*) FROM audit_event WHERE action = 'agent_payers_half_used'"
    assert payments.read_value(half) == 1
    runtime.clock.now += timedelta(days=1)  # type: ignore[attr-defined]
    till.enter()
    assert ask(till, AICHA) == 200


def test_no_number_is_in_an_address_or_in_the_cookie(
    till: AgentTerminal, payments: PaymentFixture
) -> None:
    ask(till, KHADIJA)
    cookie = till.client.get_cookie("session")
    assert cookie and "600000003" not in cookie.decoded_value
    answer = till.post("/agent/code", code=HASSAN)
    assert answer.headers["Location"] == "/agent/code"


@pytest.mark.parametrize(
    ("reads", "typed", "expected"),
    [
        (is_like_a_code, "48217305961", True),
        (is_like_a_code, "212600000001", False),
        (is_like_a_code, "100000002", False),
        (is_like_a_code, "0600000001", False),
        (lambda typed: bool(read_typed_phone(typed)), "RNA/0600000001", False),
        (lambda typed: bool(read_typed_phone(typed)), "(06) 00.00.00.01", True),
    ],
)
def test_typed_text_is_read_as_what_it_may_be(
    reads: Callable[[str], bool], typed: str, *, expected: bool
) -> None:
    assert reads(typed) is expected


def test_looks_are_forgotten_after_thirty_days_and_the_audit_keeps_them(
    till: AgentTerminal, payments: PaymentFixture, runtime: Runtime
) -> None:
    assert ask(till, HASSAN) == 200
    clock = runtime.clock
    clock.now += timedelta(days=30)  # type: ignore[attr-defined]
    assert Housekeeping(runtime).do() == 0
    assert payments.read_value("SELECT count(*) FROM payer_look_up") == 1
    clock.now += timedelta(days=1)  # type: ignore[attr-defined]
    assert Housekeeping(runtime).do() == 0
    assert payments.read_value("SELECT count(*) FROM payer_look_up") == 0
    assert payments.read_value(LOOKS) == 1
