"""Claims: CNSS's word, the SMS when a claim is ready, and the artisan's choice of collection."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.base.clock import local_date
from app.base.money import Money
from app.base.operation import operation
from app.base.phone import Phone
from app.claims.errors import ClaimClosed, ClaimOfAnother
from app.claims.queries import Claim, list_claims
from app.claims.service import ClaimWord, choose_collection, record_claim
from app.enrolment.ties import prove_tie
from app.runtime import Runtime
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

FATIMA, DRISS = "+212600000001", "+212600000007"
pytestmark = pytest.mark.usefixtures("sample_people")


def get_artisan_id(runtime: Runtime, phone: str = FATIMA) -> int:
    ((found,),) = OtherParties(runtime).run("SELECT id FROM artisan WHERE phone = :p", p=phone)
    assert isinstance(found, int)
    return found


def record_word(
    runtime: Runtime,
    state: str,
    amount: int | None = None,
    *,
    days: int = 0,
    number: str = "R-1",
    phone: str = FATIMA,
) -> bool:
    today = local_date(runtime.clock())
    with operation(runtime.database, runtime.clock(), "worker") as change:
        word = ClaimWord(
            artisan_id=get_artisan_id(runtime, phone),
            number=number,
            filed_on=date(2026, 10, 1),
            state=state,
            amount=Money(amount) if amount else None,
            as_of=today + timedelta(days=days),
        )
        return record_claim(change, runtime.services, word)


def claims(runtime: Runtime) -> list[Claim]:
    with runtime.database.connect() as connection:
        return list_claims(connection, get_artisan_id(runtime))


def told(runtime: Runtime, kind: str = "claim_ready") -> list[str]:
    rows = OtherParties(runtime).run("SELECT body FROM message WHERE kind = :k ORDER BY id", k=kind)
    return [str(body) for (body,) in rows if "R-1" in str(body)]


def test_record_claim_sends_one_sms_when_the_claim_is_ready(runtime: Runtime) -> None:
    assert record_word(runtime, "filed")
    assert told(runtime) == []
    assert record_word(runtime, "ready", 40000)
    for again in (0, 1, 2):
        assert not record_word(runtime, "ready", 40000, days=again)
    assert record_word(runtime, "paid", 40000, days=3)
    assert record_word(runtime, "ready", 40000, days=4)
    assert told(runtime) == [
        "Maalem: votre remboursement R-1 est pret: 400,00 DH."
        " Pour choisir comment le recevoir: *384*4#"
    ]


def test_record_claim_ignores_an_older_word(runtime: Runtime) -> None:
    record_word(runtime, "in_review", days=2)
    assert not record_word(runtime, "filed", days=1)
    assert [claim.state for claim in claims(runtime)] == ["in_review"]


def test_record_claim_refuses_another_artisan_s_number(runtime: Runtime) -> None:
    record_word(runtime, "filed")
    with pytest.raises(ClaimOfAnother):
        record_word(runtime, "ready", 100, phone=DRISS)
    assert [claim.state for claim in claims(runtime)] == ["filed"]


def choose_way(runtime: Runtime, way: str) -> bool:
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        return choose_collection(change, get_artisan_id(runtime), "R-1", way)


def test_choose_collection_is_possible_from_ready_until_the_claim_ends(runtime: Runtime) -> None:
    record_word(runtime, "in_review")
    with pytest.raises(ClaimClosed):
        choose_way(runtime, "cash")
    record_word(runtime, "ready", 400, days=1)
    assert [choose_way(runtime, way) for way in ("cash", "cash", "bank", "bank")] == [
        True,
        False,
        True,
        False,
    ]
    record_word(runtime, "ready", 500, days=2)
    assert claims(runtime)[0].collection == "bank"
    chosen = "SELECT details ->> 'way' FROM audit_event WHERE action = 'collection_chosen'"
    assert OtherParties(runtime).run(f"{chosen} ORDER BY id") == [("cash",), ("bank",)]
    record_word(runtime, "paid", 500, days=3)
    with pytest.raises(ClaimClosed):
        choose_way(runtime, "cash")


def test_choose_collection_is_too_late_once_the_claim_is_paid(
    phone: TestPhone, runtime: Runtime
) -> None:
    phone.dial(DRISS, "4*2*1*1")
    OtherParties(runtime).run("UPDATE claim SET state = 'paid' WHERE number = 'R-2026-0377'")
    assert "Had ta3wid ma kaytkhadch daba." in phone.answer("1")


def test_choose_collection_is_confirmed_by_one_sms(phone: TestPhone, runtime: Runtime) -> None:
    phone.dial(DRISS, "4*2*1*1")
    collected = "SELECT 1 FROM message WHERE kind = 'collection'"
    assert OtherParties(runtime).run(collected) == []
    phone.answer("1")
    assert len(OtherParties(runtime).run(collected)) == 1


def test_list_claims_gives_the_five_newest_first(runtime: Runtime) -> None:
    for number in range(7):
        record_word(runtime, "filed", number=f"R-{number}")
    found = claims(runtime)
    assert len(found) == 5
    assert all(first.filed_on >= second.filed_on for first, second in pairwise(found))


@pytest.mark.parametrize(
    "change",
    [
        "state = 'lost'",
        "state = 'ready', amount_centimes = NULL",
        "amount_centimes = 0",
        "collection = 'gold', chosen_at = now()",
        "collection = 'cash', chosen_at = NULL",
        "number = 'a b'",
        "as_of = filed_on - 1",
    ],
)
def test_database_refuses_an_impossible_claim(runtime: Runtime, change: str) -> None:
    record_word(runtime, "filed")
    with pytest.raises(IntegrityError), runtime.database.begin() as connection:
        connection.execute(text(f"UPDATE claim SET {change} WHERE number = 'R-1'"))


def test_record_command_records_and_refuses(app: Flask, runtime: Runtime) -> None:
    def run(*words: str) -> str:
        return app.test_cli_runner().invoke(args=["claims", "record", *words]).output.strip()

    known = ("R-1", "--rna", "100001")
    assert run(*known, "--state", "ready").endswith("Error: ready needs --amount")
    assert run(*known, "--state", "ready", "--amount", "400") == "claim R-1 is ready"
    assert run(*known, "--state", "ready", "--amount", "400") == "claim R-1: nothing new"
    assert "no artisan of that number" in run("R-2", "--rna", "9", "--state", "filed")
    assert "another artisan's" in run("R-1", "--rna", "100002", "--state", "filed")


def test_ready_claim_is_told_without_a_register_phone_to_a_proven_phone_alone(
    phone: TestPhone, runtime: Runtime
) -> None:
    for caller in ("+212600000077", "+212600000078"):
        phone.dial(caller, "1*100001*01011981")
    number, parties = get_artisan_id(runtime), OtherParties(runtime)
    parties.run("UPDATE artisan SET phone = NULL WHERE id = :id RETURNING id", id=number)

    def record_ready(claim: str) -> list[tuple[object, ...]]:
        with operation(runtime.database, runtime.clock(), "worker") as change:
            word = ClaimWord(
                artisan_id=number,
                number=claim,
                filed_on=date(2026, 10, 1),
                state="ready",
                amount=Money(42150),
                as_of=local_date(runtime.clock()),
            )
            record_claim(change, runtime.services, word)
        asked = "SELECT phone, language FROM message WHERE event_key = 'claim_ready:' || :claim"
        return parties.run(asked, claim=claim)

    assert record_ready("R-1") == []
    with operation(runtime.database, runtime.clock(), "office") as change:
        assert prove_tie(change, Phone("+212600000077"), number, "desk")
    assert record_ready("R-2") == [("+212600000077", "fr")]
