"""The help desk finds, shows and undoes; each look and act is a row of the audit with who."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text

from app.base.operation import operation
from app.base.phone import Phone
from app.enrolment.pins import set_pin
from app.enrolment.ties import find_way, prove_tie, tie_phone
from app.office.service import dismiss_office_user
from app.runtime import Runtime
from tests.people_of_office import add_person, secret_of

HASSAN, KHADIJA, STRANGER = "100002", "100003", "+212600000099"
Desk = Callable[..., Result]


@pytest.fixture
def desk(app: Flask, runtime: Runtime, sample_people: None) -> Desk:
    """`flask people ...` by a user of development, whose secret is the name."""

    def run(*words: object, by: str = "helpdesk") -> Result:
        return app.test_cli_runner().invoke(
            args=["people", *map(str, words), "--by", by], env={"MAALEM_OPERATOR_SECRET": by}
        )

    return run


def id_of(desk: Desk, rna: str) -> int:
    found = desk("find", "--rna", rna, "--json")
    assert found.exit_code == 0, found.output
    (person,) = json.loads(found.output)
    return int(person["id"])


def trail(runtime: Runtime, subject: str) -> list[dict[str, Any]]:
    with runtime.database.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT actor, action, approved_by, details FROM audit_event"
                " WHERE subject = :subject ORDER BY id"
            ),
            {"subject": subject},
        )
        return [dict(row._mapping) for row in rows]


def tie(runtime: Runtime, artisan_id: int, phone: str, way: str = "") -> None:
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        tie_phone(change, Phone(phone), artisan_id)
        if way:
            prove_tie(change, Phone(phone), artisan_id, way)


def put_pin(runtime: Runtime, artisan_id: int, phone: str) -> None:
    with operation(runtime.database, runtime.clock(), "artisan") as change:
        set_pin(change, artisan_id, "hash", Phone(phone))


def pins(runtime: Runtime) -> list[int]:
    with runtime.database.connect() as connection:
        return list(connection.execute(text("SELECT artisan_id FROM artisan_pin")).scalars())


def test_a_person_is_found_by_number_phone_and_cnss_and_each_look_is_kept(
    desk: Desk, runtime: Runtime
) -> None:
    hassan = id_of(desk, f" {HASSAN} ")
    by_phone = json.loads(desk("find", "--phone", "0600000002", "--json").output)
    assert [person["id"] for person in by_phone] == [hassan]
    cnss = json.loads(desk("show", hassan, "--json").output)["cnss"]
    assert json.loads(desk("find", "--cnss", cnss, "--json").output)[0]["id"] == hassan
    rows = trail(runtime, f"artisan:{hassan}")
    looks = [row["action"] for row in rows if row["actor"] == "helpdesk"]
    assert looks == ["person_looked_up"] * 2 + ["person_shown", "person_looked_up"]
    assert "[]" in desk("find", "--phone", "0600000098", "--json").output
    assert trail(runtime, "phone:+2126…98")[-1]["action"] == "person_looked_up"
    assert "[]" in desk("find", "--rna", "999999", "--json").output
    nobody = {"reason": "search", "by": "rna", "found": 0}
    assert trail(runtime, "register")[-1]["details"] == nobody


def test_a_look_says_why_and_shows_nothing_that_is_the_persons_own(
    desk: Desk, runtime: Runtime
) -> None:
    driss = id_of(desk, "100007")
    tie(runtime, driss, STRANGER)
    shown = desk("show", driss, "--reason", "complaint").output
    assert "+212600000007 register" in shown and f"{STRANGER} papers" in shown
    assert "R-2026" not in shown and "421.50" not in shown
    assert trail(runtime, f"artisan:{driss}")[-1]["details"]["reason"] == "complaint"


@pytest.mark.parametrize("role", ["operator", "wafacash", "cnss", "analyst", "chamber"])
def test_others_than_the_help_desk_do_not_look(desk: Desk, role: str) -> None:
    assert "role_may_not_act" in desk("find", "--rna", HASSAN, by=role).output


def test_an_auditor_looks_and_does_not_act(desk: Desk) -> None:
    hassan = id_of(desk, HASSAN)
    assert desk("show", hassan, by="auditor").exit_code == 0
    assert "role_may_not_act" in desk("untie", hassan, STRANGER, by="auditor").output


def test_a_tied_phone_is_untied_at_once_and_the_registers_stays(
    desk: Desk, runtime: Runtime
) -> None:
    hassan = id_of(desk, HASSAN)
    tie(runtime, hassan, STRANGER)
    assert desk("untie", hassan, STRANGER).exit_code == 0
    with runtime.database.connect() as connection:
        assert find_way(connection, Phone(STRANGER), hassan) is None
    rows = trail(runtime, f"artisan:{hassan}")
    assert (rows[-1]["actor"], rows[-1]["action"]) == ("helpdesk", "phone_untied")
    for phone in (STRANGER, "+212600000002"):
        assert "phone_not_tied" in desk("untie", hassan, phone).output


def test_a_pin_is_reset_by_two_people_with_both_names(desk: Desk, runtime: Runtime) -> None:
    hassan = id_of(desk, HASSAN)
    assert "no_pin_to_reset" in desk("reset-pin", hassan).output
    put_pin(runtime, hassan, "+212600000002")
    assert "waits for a second person" in desk("reset-pin", hassan).output
    assert pins(runtime) == [hassan]
    assert "same_person" in desk("reset-pin", hassan).output
    assert "is removed" in desk("reset-pin", hassan, by="office").output
    assert pins(runtime) == []
    done = [row for row in trail(runtime, f"artisan:{hassan}") if row["approved_by"]]
    assert [(row["actor"], row["approved_by"]) for row in done] == [("helpdesk", "office")]
    assert "no_pin_to_reset" in desk("reset-pin", hassan).output


def test_a_phone_is_proven_at_the_desk_by_two_people(desk: Desk, runtime: Runtime) -> None:
    hassan = id_of(desk, HASSAN)
    assert "waits" in desk("prove", hassan, STRANGER).output
    with runtime.database.connect() as connection:
        assert find_way(connection, Phone(STRANGER), hassan) is None
    assert "is proven" in desk("prove", hassan, STRANGER, by="office").output
    with runtime.database.connect() as connection:
        assert find_way(connection, Phone(STRANGER), hassan) == "desk"


def test_what_the_desk_opens_is_told_to_the_persons_own_phone(desk: Desk, runtime: Runtime) -> None:
    hassan = id_of(desk, HASSAN)
    put_pin(runtime, hassan, "+212600000002")
    for command in (("prove", hassan, STRANGER), ("reset-pin", hassan)):
        desk(*command)
        assert desk(*command, by="office").exit_code == 0
    with runtime.database.connect() as connection:
        told = connection.execute(
            text("SELECT kind, phone FROM message WHERE kind ~ '^(phone|pin)_' ORDER BY id")
        ).all()
    assert [tuple(one) for one in told] == [
        ("phone_proven", "+212600000002"),
        ("pin_removed", "+212600000002"),
    ]


def make_double(runtime: Runtime, rna: str = "R/100002") -> int:
    with runtime.database.begin() as connection:
        made = text(
            "INSERT INTO artisan (rna_number, full_name, birth_date, phone, language, category,"
            " coefficient, enrolled_on, rights_as_of) SELECT :rna, full_name, birth_date,"
            " '+212600000055', language, category, coefficient, enrolled_on, rights_as_of"
            " FROM artisan WHERE rna_number = :of RETURNING id"
        )
        return int(connection.execute(made, {"rna": rna, "of": HASSAN}).scalar_one())


def test_a_double_is_merged_by_two_people_and_its_number_finds_the_person(
    desk: Desk, runtime: Runtime
) -> None:
    hassan, double = id_of(desk, HASSAN), make_double(runtime)
    tie(runtime, double, STRANGER, "agent")
    assert "waits" in desk("merge", hassan, double).output
    assert "is merged" in desk("merge", hassan, double, by="office").output
    assert id_of(desk, "R/100002") == hassan
    with runtime.database.connect() as connection:
        assert find_way(connection, Phone(STRANGER), hassan) == "papers"
        assert find_way(connection, Phone(STRANGER), double) is None
        assert find_way(connection, Phone("+212600000055"), double) is None
    assert json.loads(desk("show", double, "--json").output)["merged_into"] == hassan
    assert "not_one_double" in desk("merge", hassan, double).output


def test_no_double_is_merged_that_money_or_cnss_knows_as_two(desk: Desk) -> None:
    hassan, khadija = id_of(desk, HASSAN), id_of(desk, KHADIJA)
    assert "not_one_double" in desk("merge", hassan, khadija).output
    assert "not_one_double" in desk("merge", hassan, hassan).output
    assert "person_unknown" in desk("merge", hassan, 999_999).output


def test_a_proposal_that_waited_too_long_is_nobodys(desk: Desk, runtime: Runtime) -> None:
    hassan = id_of(desk, HASSAN)
    put_pin(runtime, hassan, "+212600000002")
    assert "waits" in desk("reset-pin", hassan).output
    runtime.clock.now += timedelta(days=3, minutes=1)  # type: ignore[attr-defined]
    assert "waits" in desk("reset-pin", hassan, by="office").output
    assert pins(runtime) == [hassan]
    assert "same_person" in desk("reset-pin", hassan, by="office").output
    assert "is removed" in desk("reset-pin", hassan).output


def test_what_a_dismissed_user_proposed_waits_for_another_second_person(
    desk: Desk, app: Flask, runtime: Runtime
) -> None:
    hassan = id_of(desk, HASSAN)
    add_person(runtime, "amina", "helpdesk")
    env = {"MAALEM_OPERATOR_SECRET": secret_of("amina")}
    words = ["people", "prove", str(hassan), STRANGER, "--by", "amina"]
    assert "waits" in app.test_cli_runner().invoke(args=words, env=env).output
    with operation(runtime.database, runtime.clock(), "office") as change:
        dismiss_office_user(change, "amina")
    assert "waits" in desk("prove", hassan, STRANGER).output
    with runtime.database.connect() as connection:
        assert find_way(connection, Phone(STRANGER), hassan) is None
    assert "is proven" in desk("prove", hassan, STRANGER, by="office").output


def test_an_entry_that_cnss_knows_is_no_double_of_one_that_it_does_not(
    desk: Desk, runtime: Runtime
) -> None:
    brahim, double = id_of(desk, "100004"), make_double(runtime)
    refused = desk("merge", brahim, double).output
    assert "not_one_double" in refused and f"CNSS knows {double}" in refused
    assert "waits" in desk("merge", double, brahim).output


def test_a_doubles_phones_are_tied_by_papers_where_the_register_has_none(
    desk: Desk, runtime: Runtime
) -> None:
    hassan, double = id_of(desk, HASSAN), make_double(runtime)
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE artisan SET phone = NULL WHERE id = :id"), {"id": hassan})
    desk("merge", hassan, double)
    assert "is merged" in desk("merge", hassan, double, by="office").output
    with runtime.database.connect() as connection:
        assert find_way(connection, Phone("+212600000055"), hassan) == "papers"


@pytest.mark.parametrize(
    "writing",
    [
        "0600000002",
        "+212600000002",
        "00212600000002",
        "212600000002",
        "06 00 00 00 02",
        "06-00-00-00-02",
        "+212 (0) 6 00 00 00 02",
        "\u0660\u0666\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0662",
        "\u200e+212 6 00 00 00 02",
        "0600.00.00.02",
        "600000002",
    ],
)
def test_a_phone_is_found_in_every_writing(desk: Desk, writing: str) -> None:
    found = desk("find", "--phone", writing, "--json")
    assert found.exit_code == 0 and len(json.loads(found.output)) == 1, found.output


@pytest.mark.parametrize(
    ("lost", "own", "way"),
    [("+212600000055", "+212600000055", "register"), ("+212600000066", None, "papers")],
)
def test_a_double_that_took_the_persons_number_gives_it_back_when_merged(
    desk: Desk, runtime: Runtime, lost: str, own: str | None, way: str
) -> None:
    hassan, double = id_of(desk, HASSAN), make_double(runtime)
    with runtime.database.begin() as connection:
        lose = text("UPDATE artisan SET phone = NULL, lost_phone = :lost WHERE id = :id")
        connection.execute(lose, {"id": hassan, "lost": lost})
    desk("merge", hassan, double)
    assert "is merged" in desk("merge", hassan, double, by="office").output
    with runtime.database.connect() as connection:
        kept = text("SELECT phone FROM artisan WHERE id = :id")
        assert connection.execute(kept, {"id": hassan}).scalar() == own
        assert find_way(connection, Phone("+212600000055"), hassan) == way
