"""A person's rights by law 09-08: everything that is kept, and to be forgotten."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine, text

from app.base.clock import local_date
from app.enrolment.registry import import_registry
from app.enrolment.samples import sample_people_csv
from app.migrating import load_models
from app.people.personal_data import EXPORTED
from app.reconciliation.books_checks import verify_books
from app.reconciliation.cnss_file import HEADER
from tests.payments.conftest import PaymentFixture, payments  # noqa: F401 - a fixture of these tests too
from tests.people_of_office import add_person, run_command
from tests.reconciliation.conftest import BackOffice

HASSAN, DRISS = "+212600000002", "+212600000007"
# Tables that name a person or a phone and are no part of what a person is given, with the reason.
NOT_THEIRS: Mapping[str, str] = {
    "agent": "an agent's own phone",
    "registry_import_day": "our own ids, to undo an import",
}
# What the law keeps, with the phone or number of the person in it.
KEPT = {"payment_code", "receipt_recipient", "consent", "audit_event", "desk_act", "audit_seal"}


def test_every_table_that_names_a_person_is_given_out_or_has_a_reason() -> None:
    named = {
        name
        for name, table in load_models().tables.items()
        if {"artisan_id", "artisan_ids", "phone"} & set(table.c.keys())
    }
    assert named - set(EXPORTED) == set(NOT_THEIRS)


def test_a_person_is_given_all_that_is_kept_and_nothing_that_opens(
    app: Flask,
    payments: PaymentFixture,  # noqa: F811
    tmp_path: Path,
) -> None:
    runtime, person = payments.runtime, payments.artisan_id(HASSAN)
    payments.redeem(payments.issue(HASSAN).code)
    add_person(runtime, "salma", "helpdesk")
    told = json.loads(run_command(app, "people", "export", person, "--by", "salma").stdout)
    assert told["artisan"][0]["phone"] == HASSAN and "cin_digest" not in told["artisan"][0]
    assert len(told["deposit"]) == 1 and len(told["contribution_allocation"]) == 4
    assert {row["kind"] for row in told["message"]} == {"code", "receipt"}
    assert any(row["action"] == "deposit" for row in told["audit_event"])

    # A phone of two people leads to neither alone.
    with runtime.database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO artisan_phone (phone, artisan_id, identified_at)"
                " SELECT :phone, id, now() FROM artisan WHERE phone = :other"
            ),
            {"phone": HASSAN, "other": DRISS},
        )
    file = tmp_path / "person.json"
    done = run_command(app, "people", "export", person, "--to", file, "--by", "salma")
    assert done.exit_code == 0 and file.stat().st_mode & 0o077 == 0
    assert json.loads(file.read_text())["message"] == []


def test_a_person_is_forgotten_by_two_and_the_books_still_hold(
    app: Flask,
    owner: Engine,
    payments: PaymentFixture,  # noqa: F811
    tmp_path: Path,
) -> None:
    runtime, person = payments.runtime, payments.artisan_id(HASSAN)
    receipt = payments.redeem(payments.issue(HASSAN).code)
    with runtime.database.begin() as connection:
        connection.exec_driver_sql("UPDATE message SET state = 'cancelled', ended_at = created_at")
        connection.execute(
            text(
                "INSERT INTO person_note (artisan_id, words, written_by, written_at)"
                " VALUES (:person, 'asked twice', 'salma', now())"
            ),
            {"person": person},
        )
    for name in ("salma", "nadia"):
        add_person(runtime, name, "helpdesk")
    refused = run_command(app, "people", "forget", person, "--by", "salma")
    assert "CNSS has not posted every payment yet" in refused.output
    office = BackOffice(app, tmp_path, payments)
    office.run_successfully("cnss", "export", "--on", "2026-11-30")
    posted = f"posting,{receipt},,,posted,2026-11-23,,"
    answer = office.file(posted, name="answer.csv", header=",".join(HEADER))
    office.run_successfully("cnss", "import", str(answer))
    waits = run_command(app, "people", "forget", person, "--by", "salma")
    assert "waits for a second" in waits.output
    assert _find(owner, HASSAN) > KEPT & {"payment_code"}
    done = run_command(app, "people", "forget", person, "--by", "nadia")
    assert "what the law keeps stays" in done.output, done.output

    assert _find(owner, HASSAN) <= KEPT
    assert _find(owner, "HASSAN") <= KEPT and _find(owner, "asked twice") == set()
    with runtime.database.connect() as connection:
        assert verify_books(connection).broken == {}
        kept = connection.execute(text("SELECT count(*) FROM deposit")).scalar_one()
    assert kept == 1
    again = run_command(app, "people", "forget", person, "--by", "salma")
    assert "forgotten before" in again.output

    register = tmp_path / "again.csv"
    register.write_text(sample_people_csv(local_date(runtime.clock())), encoding="utf-8")
    report = import_registry(
        runtime.database, register, keys=runtime.keys, today=local_date(runtime.clock())
    )
    assert report.rejected == 1
    assert "asked to be forgotten" in (tmp_path / "again.csv.rejected.csv").read_text()
    assert payments.read_value("SELECT full_name FROM artisan WHERE id = :id", id=person) == "-"


def _find(owner: Engine, words: str) -> set[str]:
    """Returns the tables in which a text stands."""
    with owner.connect() as connection:
        return {
            name
            for name in load_models().tables
            if connection.execute(
                text(f"SELECT 1 FROM {name} t WHERE CAST(t AS text) LIKE :words LIMIT 1"),
                {"words": f"%{words}%"},
            ).first()
        }
