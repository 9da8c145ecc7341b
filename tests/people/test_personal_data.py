"""A person's rights by law 09-08: everything that is kept, and to be forgotten."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine, text

from app.backup.programs import find_program, find_server, make_environment
from app.base.clock import local_date
from app.base.engine_urls import EngineUrls
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
# What the law keeps of the person, and where: docs/rules.md, Personal data.
KEPT: Mapping[str, set[str]] = {
    "phone": {"payment_code", "receipt_recipient", "consent", "provider_opt_out", "desk_act"},
    "name": set(),
    "CIN": set(),
    "CNSS number": {"artisan", "cnss_batch"},
    "words": set(),
}
# Every writing of the person that is looked for, without case and without what parts digits.
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    # +212..., 00212..., 0..., and the digits that all of them end in.
    "phone": ("600000002", "٦٠٠٠٠٠٠٠٢"),
    "name": ("hassan bennani", "hassân bennani", "bennani hassan", "hassan b.", "حسن بناني"),
    "CIN": ("zz100002",),
    "CNSS number": ("100000002", "١٠٠٠٠٠٠٠٢"),
    "words": ("asked twice",),
}
# Rows that name the person in each way that the service comes to know one.
_ROWS = """
INSERT INTO person_note (artisan_id, words, written_by, written_at)
    VALUES (:person, 'asked twice by Hassan', 'salma', now());
INSERT INTO help_request (reference, kind, topic, phone, language, artisan_id, state, asked_at,
        changed_at)
    VALUES ('1000001', 'call_back', 'rights', :phone, 'fr', :person, 'done', now(), now()),
           ('1000002', 'call_back', 'rights', :phone, 'fr', NULL, 'done', now(), now());
INSERT INTO inbound_message (provider, provider_id, phone, keyword, received_at)
    VALUES ('twilio', 'SM1', :phone, 'DROITS', now());
INSERT INTO delivery_report (provider, provider_reference, status, phone, received_at)
    VALUES ('twilio', 'SM2', 'delivered', :phone, now());
INSERT INTO provider_opt_out (provider, phone, stopped_at) VALUES ('twilio', :phone, now());
INSERT INTO phone_preference (phone, reminders, changed_at) VALUES (:phone, true, now());
INSERT INTO phone_profile (phone, language) VALUES (:phone, 'fr') ON CONFLICT DO NOTHING;
INSERT INTO identification_attempt (phone, day, kind, tries, taken_by)
    VALUES (:phone, current_date, 'identify', 1, 'x');
INSERT INTO ended_tie (phone, artisan_id, way, ended_at, why)
    VALUES ('+212600000992', :person, 'papers', now(), 'untied');
INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments, state,
        created_at, due_at, ended_at)
    VALUES ('receipt:1:+212600000992', 'receipt', '+212600000992', 'fr', 'Hassan Bennani', 'GSM-7',
        14, 1, 'cancelled', now(), now(), now());
INSERT INTO consent (phone, subject, given, language, channel, answered_by, recorded_at)
    VALUES (:phone, 'export_news', true, 'fr', 'ussd', 'x', now());
"""


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
    own_urls: EngineUrls,
    owner: Engine,
    payments: PaymentFixture,  # noqa: F811
    tmp_path: Path,
) -> None:
    runtime, person = payments.runtime, payments.artisan_id(HASSAN)
    receipt = payments.redeem(payments.issue(HASSAN).code)
    with owner.begin() as connection:
        connection.exec_driver_sql("UPDATE message SET state = 'cancelled', ended_at = created_at")
        for statement in _ROWS.split(";\n")[:-1]:
            connection.execute(text(statement), {"person": person, "phone": HASSAN})
    digest = payments.read_value("SELECT cin_digest FROM artisan WHERE id = :id", id=person)
    assert isinstance(digest, bytes)
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
    assert "waits for a second" in waits.output, waits.output
    spelled = {**SPELLINGS, "CIN": (*SPELLINGS["CIN"], digest.hex())}
    before = _find(own_urls.database_url, spelled)
    assert {"artisan", "message", "help_request", "inbound_message"} <= before["phone"], before
    assert before["name"] and before["CIN"] and before["words"]
    done = run_command(app, "people", "forget", person, "--by", "nadia")
    assert "what the law keeps stays" in done.output, (done.output, done.exception)

    left = _find(own_urls.database_url, {**spelled, "old phone": ("600000992",)})
    for what, tables in left.items():
        assert tables <= KEPT.get(what, set()), (what, tables)
    assert {"payment_code", "consent", "provider_opt_out"} <= left["phone"]
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


def _find(url: str, spellings: Mapping[str, tuple[str, ...]]) -> dict[str, set[str]]:
    """Returns the tables of a dump as plain SQL in which each kind of spelling stands."""
    server = find_server(url)
    dump = subprocess.run(
        [find_program("pg_dump", server.version), "--data-only", "--no-owner"],
        env=make_environment(server.environment),
        capture_output=True,
        check=True,
    ).stdout.decode()
    found: dict[str, set[str]] = {what: set() for what in spellings}
    for table, rows in re.findall(r"^COPY public\.(\w+) .*?;\n(.*?)^\\\.$", dump, re.S | re.M):
        plain = re.sub(r"(?<=\d)[ .\-](?=\d)", "", rows.casefold())
        for what, words in spellings.items():
            if any(word in plain for word in words):
                found[what].add(re.sub(r"_y?\d{4}.*$", "", table))
    return found
