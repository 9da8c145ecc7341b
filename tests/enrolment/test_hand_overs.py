"""Numbers that change hands in the register: nothing of the old holder's stays on one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import true

from app.assistance.queries import list_waiting
from app.base.clock import local_date
from app.enrolment.registry import RegistryImportOptions, RegistryImportReport, import_registry
from app.enrolment.registry_rows import FIELDS
from app.enrolment.samples import sample_people_csv
from app.runtime import Runtime
from tests.conftest import TestClock
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

HASSAN, KHADIJA, BRAHIM = "+212600000002", "+212600000003", "+212600000004"
FREE, ELSEWHERE = "+212600000070", "+212600000077"
pytestmark = pytest.mark.usefixtures("sample_people")


@dataclass
class Register:
    """The ministry's file of the sample people, with other phones."""

    runtime: Runtime
    folder: Path

    def give(self, whole: bool = False, **phones: str) -> RegistryImportReport:
        """Imports the rows of `rna=phone`, or the whole file with them, a minute later."""
        clock = self.runtime.clock
        assert isinstance(clock, TestClock)
        clock.now += timedelta(minutes=1)
        today = local_date(clock.now)
        header, *rows = sample_people_csv(today).strip().split("\n")
        lines = [header]
        for row in rows:
            fields = row.split(",")
            rna = f"rna{fields[0]}"
            if rna in phones:
                fields[FIELDS.index("phone")] = phones[rna]
            if whole or rna in phones:
                lines.append(",".join(fields))
        path = self.folder / "register.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return import_registry(
            self.runtime.database,
            path,
            keys=self.runtime.keys,
            today=today,
            options=RegistryImportOptions(clock.now),
        )


@pytest.fixture
def register(runtime: Runtime, tmp_path: Path) -> Register:
    return Register(runtime, tmp_path)


@pytest.fixture
def others(runtime: Runtime) -> OtherParties:
    return OtherParties(runtime)


def phones_of(others: OtherParties, kind: str) -> list[str]:
    sql = "SELECT phone FROM message WHERE kind = :kind ORDER BY phone"
    return [str(phone) for (phone,) in others.run(sql, kind=kind)]


def test_new_holder_sees_nothing_of_the_old_one(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    assert "663,90" in phone.dial(HASSAN, "2")
    register.give(rna100002=FREE, rna100003=HASSAN)
    assert "Rien à payer" in phone.dial(HASSAN, "2")
    assert "HASSAN" not in phone.dial(HASSAN, "5*5*4")
    assert "663,90" in phone.dial(FREE, "2")
    # Her own old number is nobody's now.
    assert phone.dial(KHADIJA).startswith("Langue")
    assert others.run("SELECT DISTINCT action FROM audit_event WHERE action = 'phone_untied'")


def test_number_given_to_another_is_lost_though_the_old_row_still_names_it(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    register.give(rna100003=HASSAN)
    assert "Rien à payer" in phone.dial(HASSAN, "2")
    again = register.give(whole=True, rna100003=HASSAN)
    assert (again.updated, again.unchanged) == (0, again.read)
    assert "Rien à payer" in phone.dial(HASSAN, "2")
    assert others.run("SELECT phone, lost_phone FROM artisan WHERE rna_number = '100002'") == [
        (None, HASSAN)
    ]


def test_two_people_swap_their_numbers_in_one_file(phone: TestPhone, register: Register) -> None:
    phone.dial(HASSAN, "2*1")
    register.give(rna100002=KHADIJA, rna100003=HASSAN)
    assert "Rien à payer" in phone.dial(HASSAN, "2")
    assert "663,90" in phone.dial(KHADIJA, "2")


def test_receipt_of_a_live_code_goes_to_the_old_holder_s_new_number(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    phone.dial(HASSAN, "2*1")
    register.give(rna100002=FREE, rna100003=HASSAN)
    others.collect_cash()
    assert phones_of(others, "receipt") == [FREE]


def test_receipt_of_a_code_for_another_goes_to_the_payer_s_new_number(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    """Khadija pays for Hassan; then her number goes to Brahim."""
    phone.dial(KHADIJA, "2*2*100002*1")
    register.give(rna100003=FREE, rna100004=KHADIJA)
    others.collect_cash()
    assert phones_of(others, "receipt") == [HASSAN, FREE]


def test_receipt_goes_nowhere_else_if_the_register_takes_the_number_back(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    phone.dial(HASSAN, "2*1")
    register.give(rna100002="")
    others.collect_cash()
    assert phones_of(others, "receipt") == []
    assert phone.dial(HASSAN).startswith("Langue")


def test_receipt_that_did_not_arrive_is_shown_on_the_new_number_alone(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    phone.dial(HASSAN, "2*1")
    others.collect_cash()
    others.run("UPDATE message SET state = 'failed', ended_at = due_at WHERE kind = 'receipt'")
    register.give(rna100002=FREE, rna100003=HASSAN)
    assert "pas arrivé" in phone.dial(FREE)
    assert "pas arrivé" not in phone.dial(HASSAN)


def test_ties_wishes_language_and_waiting_messages_end(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    phone.dial(HASSAN, "5*5*4*2*100004*01011984")
    phone.dial(HASSAN, "2*5*5*2*2")
    phone.dial(HASSAN, "2*5*5*1*2")
    others.run("UPDATE message SET state = 'queued' WHERE state <> 'queued'")
    register.give(rna100002=FREE, rna100003=HASSAN)
    assert others.run("SELECT count(*) FROM artisan_phone WHERE phone = :p", p=HASSAN) == [(0,)]
    assert others.run("SELECT * FROM phone_preference WHERE phone = :p", p=HASSAN) == []
    assert others.run("SELECT * FROM phone_profile WHERE phone = :p", p=HASSAN) == []
    waiting = "SELECT count(*) FROM message WHERE phone = :p AND state = 'queued'"
    assert others.run(waiting, p=HASSAN) == [(0,)]


def test_talk_of_the_old_holder_is_not_taken_up(phone: TestPhone, register: Register) -> None:
    phone.dial(HASSAN, "2")
    register.give(rna100002=FREE, rna100003=HASSAN)
    assert phone.dial(HASSAN).startswith("1 Mon AMO")
    assert "Rien à payer" in phone.answer("2")


def test_talk_under_way_shows_nothing_private_any_more(
    phone: TestPhone, register: Register
) -> None:
    phone.dial(HASSAN, "1")
    register.give(rna100002=FREE, rna100003=HASSAN)
    assert "conjoint" not in phone.answer("1")


def test_requests_of_the_old_holder_are_not_listed(phone: TestPhone, register: Register) -> None:
    phone.dial(HASSAN, "5*2*4")
    register.give(rna100002=FREE, rna100003=HASSAN)
    assert "Pas de demande" in phone.dial(HASSAN, "5*2*5")


def test_number_of_somebody_already_tied_keeps_nothing_of_the_old_holder(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    phone.dial(HASSAN, "5*5*4*2*100003*01011983")
    register.give(rna100002=FREE, rna100003=HASSAN)
    assert phone.dial(HASSAN).startswith("1 Mon AMO")
    ended = "SELECT way, why FROM ended_tie WHERE phone = :p AND artisan_id IN (SELECT id FROM"
    assert others.run(f"{ended} artisan WHERE rna_number = '100002')", p=HASSAN) == [
        ("register", "handed_over")
    ]


def test_number_shared_by_the_register_stays_with_who_stays(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    others.run("UPDATE artisan SET phone = :p WHERE rna_number = '100003'", p=HASSAN)
    phone.dial(HASSAN, "1*2*5*5*1*2")
    register.give(rna100002=FREE)
    assert "Rien à payer" in phone.dial(HASSAN, "2") or "لا" in phone.screen
    assert others.run("SELECT why FROM ended_tie") == [("moved",)]


def test_household_may_share_the_number_again_by_its_own_act(
    phone: TestPhone, register: Register
) -> None:
    register.give(rna100002="", rna100003=HASSAN)
    phone.dial(HASSAN, "5*5*4*2*100002*01011982")
    assert "Ajouté: HASSAN B." in phone.screen
    assert phone.dial(HASSAN).startswith("Pour qui?")
    for typed in ("1", "1", "1"):
        phone.answer(typed)
    assert phone.screen.startswith("Prouvez que c'est vous")


def test_receipt_of_a_code_that_both_holders_pay_for_goes_to_both(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    """Khadija pays for Hassan; her number goes to Driss, who pays for Hassan too."""
    phone.dial(KHADIJA, "2*2*100002*1")
    register.give(rna100003=FREE, rna100007=KHADIJA)
    others.wait(1)
    assert "663,90" in phone.dial(KHADIJA, "2*3*100002")
    phone.answer("1")
    others.collect_cash()
    assert phones_of(others, "receipt") == [HASSAN, KHADIJA, FREE]


def test_receipt_of_the_old_holder_s_own_code_goes_to_a_new_holder_who_pays_it(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    phone.dial(HASSAN, "2*1")
    register.give(rna100002=FREE, rna100003=HASSAN)
    others.wait(1)
    phone.dial(HASSAN, "2*2*100002*1")
    others.collect_cash()
    assert phones_of(others, "receipt") == [HASSAN, FREE]


def test_old_holder_s_pin_is_asked_on_the_new_number_and_never_on_the_old(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    phone.dial(HASSAN, "5*5*3*1*1357*1357")
    register.give(rna100002=FREE, rna100003=HASSAN)
    assert phone.dial(HASSAN, "5*5*3").startswith("Un PIN garde")
    assert phone.dial(FREE, "1").startswith("Votre PIN")
    phone.dial(FREE, "1*2468*2*100002*01011982")
    assert phones_of(others, "pin_reset") == [FREE]


def test_desk_calls_the_old_holder_on_the_new_number(
    phone: TestPhone, register: Register, runtime: Runtime
) -> None:
    phone.dial(HASSAN, "5*2*4")
    phone.dial(BRAHIM, "5*2*4")
    register.give(rna100002=FREE, rna100003=HASSAN, rna100004="")
    with runtime.database.connect() as connection:
        waiting = list_waiting(connection, 10, true())
    assert [entry.phone.e164 for entry in waiting] == [FREE]


def test_number_that_one_file_gives_to_two_people_stays_shared_year_after_year(
    phone: TestPhone, register: Register, others: OtherParties
) -> None:
    shared = {"rna100002": FREE, "rna100003": FREE}
    register.give(whole=True, **shared)
    for _ in range(2):
        screen = phone.dial(FREE)
        assert "HASSAN B." in screen and "KHADIJA" in screen
        again = register.give(whole=True, **shared)
        assert (again.updated, again.unchanged) == (0, again.read)
    others.run("UPDATE artisan SET trade = 'POTIER' WHERE phone = :p", p=FREE)
    assert register.give(whole=True, **shared).updated == 2
    assert "KHADIJA" in phone.dial(FREE)


def test_household_of_its_own_act_stays_through_a_yearly_file(
    phone: TestPhone, register: Register
) -> None:
    phone.dial(HASSAN, "5*5*4*2*100003*01011983")
    assert "Ajouté" in phone.screen
    phone.answer("00")
    register.give(whole=True)
    screen = phone.dial(HASSAN)
    assert "HASSAN B." in screen and "KHADIJA" in screen
