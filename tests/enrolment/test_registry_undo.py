"""Imports that are looked at before, asked about, and undone as a whole."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text, update

from app.audit.models import audit_event
from app.base.operation import Operation
from app.base.phone import Phone
from app.cli.registry import registry
from app.enrolment import registry as imports
from app.enrolment.cnss import record_rights
from app.enrolment.errors import ImportBuiltOn, ImportForgotten, ImportUndone, ImportUnknown
from app.enrolment.models import artisan
from app.enrolment.registry_file import rejected_path
from app.enrolment.registry_imports import forget_imports, list_imports
from app.enrolment.registry_undo import UndoReport, undo_import
from app.enrolment.service import identify_phone
from app.runtime import Runtime
from tests.conftest import NOW
from tests.enrolment.registry_lines import TODAY, load, load_lines, numbered, stored, write

TOMORROW = TODAY + timedelta(days=1)
EVERYTHING = tuple(column.name for column in artisan.columns)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rna.csv"


def newest(engine: Engine) -> int:
    with engine.connect() as connection:
        return list_imports(connection, 1)[0].id


def undo(engine: Engine, number: int) -> UndoReport:
    with engine.begin() as connection:
        return undo_import(Operation(connection, NOW, "office"), number)


def run(app: Flask, *words: str | Path) -> tuple[int, str, str]:
    result = app.test_cli_runner().invoke(registry, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def test_undo_removes_who_was_created_and_restores_who_was_updated(
    engine: Engine, file: Path
) -> None:
    load_lines(engine, file, *(numbered(index) for index in range(5)))
    before = stored(engine, *EVERYTHING)
    swapped = [
        numbered(0, cnss_number="100000001", cin="C000001", birth_date="1962"),
        numbered(1, cnss_number="100000000", cin="C000000", phone="", full_name="Another Name"),
        numbered(2, category="C", coefficient="3.2", annual_tax="12.50", rights_until=""),
        numbered(3),
        numbered(9, cnss_number="100000004"),
        numbered(4, cnss_number=""),
    ]
    report = load_lines(engine, file, *swapped, today=TOMORROW)
    assert (report.created, report.updated, report.unchanged) == (1, 4, 1)
    assert undo(engine, newest(engine)) == UndoReport(removed=1, restored=4)
    assert stored(engine, *EVERYTHING) == before


def test_two_imports_are_undone_the_last_one_first(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1))
    first = newest(engine)
    load_lines(engine, file, numbered(1, full_name="Second Name"), numbered(2))
    second = newest(engine)
    with pytest.raises(ImportBuiltOn, match=f"import {second}"):
        undo(engine, first)
    undo(engine, second)
    assert stored(engine, "rna_number", "full_name") == [("81", "Zineb Alaoui")]
    undo(engine, first)
    assert stored(engine, "id") == []
    with pytest.raises(ImportUndone):
        undo(engine, first)
    load(engine, file)
    assert len(stored(engine, "id")) == 2


def test_undo_of_an_import_that_shares_nobody_leaves_the_later_one(
    engine: Engine, file: Path
) -> None:
    load_lines(engine, file, numbered(1))
    first = newest(engine)
    load_lines(engine, file, numbered(2, phone=""))
    undo(engine, first)
    assert stored(engine, "rna_number") == [("82",)]


@pytest.mark.parametrize("updated", [False, True])
def test_undo_names_the_tie_made_since(engine: Engine, file: Path, updated: bool) -> None:
    load_lines(engine, file, numbered(1, full_name="Another Name"))
    if updated:
        load_lines(engine, file, numbered(1))
    with engine.begin() as connection:
        change = Operation(connection, NOW, "artisan")
        identify_phone(change, Phone("+212600000099"), "81", date(1985, 3, 8))
    before = stored(engine, *EVERYTHING)
    with pytest.raises(ImportBuiltOn, match="1 tied phones"):
        undo(engine, newest(engine))
    assert stored(engine, *EVERYTHING) == before


def test_tie_made_before_an_update_does_not_hold_it(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1))
    with engine.begin() as connection:
        change = Operation(connection, NOW, "artisan")
        identify_phone(change, Phone("+212600000099"), "81", date(1985, 3, 8))
    load_lines(engine, file, numbered(1, full_name="Another Name"))
    assert undo(engine, newest(engine)) == UndoReport(removed=0, restored=1)


def test_undo_names_cnss_s_word_since(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1))
    (owner,) = stored(engine, "id")[0]
    with engine.begin() as connection:
        assert isinstance(owner, int)
        record_rights(Operation(connection, NOW, "cnss"), owner, date(2028, 1, 1), TOMORROW)
    with pytest.raises(ImportBuiltOn, match="other values"):
        undo(engine, newest(engine))


def test_undo_names_a_number_given_to_another_since(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1), numbered(2, cnss_number=""))
    load_lines(engine, file, numbered(1, cnss_number=""))
    last = newest(engine)
    with engine.begin() as connection:
        given = update(artisan).where(artisan.c.rna_number == "82")
        connection.execute(given.values(cnss_number="100000001"))
    with pytest.raises(ImportBuiltOn, match="1 numbers that others have since"):
        undo(engine, last)


def test_import_that_changes_nothing_is_no_import_to_undo(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1))
    number = newest(engine)
    load(engine, file)
    assert newest(engine) == number
    with pytest.raises(ImportUnknown):
        undo(engine, number + 1)


def test_day_of_the_word_moves_back_with_the_import(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1), numbered(2))
    load(engine, file, TOMORROW)
    undo(engine, newest(engine))
    assert stored(engine, "rights_as_of") == [(TODAY,), (TODAY,)]


def test_old_import_forgets_what_people_were(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1))
    load_lines(engine, file, numbered(1, full_name="Another Name"))
    with engine.begin() as connection:
        change = Operation(connection, NOW + timedelta(days=40), "worker")
        assert forget_imports(change, timedelta(days=30)) == 2
        assert forget_imports(change, timedelta(days=30)) == 0
        assert connection.execute(text("SELECT count(*) FROM registry_import_update")).scalar() == 0
    with pytest.raises(ImportForgotten):
        undo(engine, newest(engine))


def test_dry_run_counts_and_changes_nothing(app: Flask, engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1), numbered(2))
    before, number = stored(engine, *EVERYTHING), newest(engine)
    lines = [numbered(1, full_name="Another Name"), numbered(2), numbered(3), "TOTAL,3"]
    write(file, lines)
    code, counts, _ = run(app, "import", file, "--dry-run", "--json")
    assert code == 0
    assert stored(engine, *EVERYTHING) == before
    assert newest(engine) == number
    assert "row: 2 fields" in rejected_path(file).read_text(encoding="utf-8")
    _, imported, _ = run(app, "import", file, "--json")
    assert json.loads(counts) == json.loads(imported)


def test_unusually_many_new_people_need_a_yes(
    app: Flask, engine: Engine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "ASKS_FROM", 20)
    load_lines(engine, file, *(numbered(index) for index in range(20)))
    write(file, [numbered(100), numbered(0)])
    assert run(app, "import", file)[0] == 0
    write(file, [numbered(index) for index in range(101, 103)])
    code, counts, why = run(app, "import", file, "--json")
    assert code == 1
    assert "2 new people in a register of 21 are more than 5%" in why
    assert json.loads(counts)["created"] == 0
    assert "needs --yes" in run(app, "import", file, "--dry-run")[2]
    assert len(stored(engine, "id")) == 21
    assert run(app, "import", file, "--yes")[0] == 0
    assert len(stored(engine, "id")) == 23


def test_undo_is_a_command_with_a_list_and_leaves_its_audit(
    app: Flask, engine: Engine, file: Path
) -> None:
    write(file, [numbered(1)])
    run(app, "import", file)
    _, listed, _ = run(app, "imports", "--json")
    (one,) = json.loads(listed)
    assert (one["file_name"], one["created"], one["imported_by"]) == ("rna.csv", 1, "office")
    assert run(app, "undo", str(one["id"])) == (
        0,
        f"import {one['id']} undone: 1 removed, 0 restored\n",
        "",
    )
    assert "undone by office" in run(app, "imports")[1]
    code, _, why = run(app, "undo", str(one["id"]))
    assert (code, why) == (1, f"Error: import {one['id']} was undone before\n")
    with engine.connect() as connection:
        rows = connection.execute(
            select(audit_event.c.action, audit_event.c.actor)
            .where(audit_event.c.subject == "register")
            .order_by(audit_event.c.id)
        )
        assert [tuple(row) for row in rows] == [
            ("register_imported", "office"),
            ("register_import_undone", "office"),
        ]


def test_imports_are_listed_at_their_time_in_morocco(
    app: Flask, runtime: Runtime, file: Path
) -> None:
    runtime.clock.now = datetime(2026, 7, 20, 10, tzinfo=UTC)  # type: ignore[attr-defined]
    write(file, [numbered(1)])
    run(app, "import", file)
    assert "2026-07-20 11:00" in run(app, "imports")[1]


def test_undo_gives_a_number_back_to_who_lost_it_by_the_import(engine: Engine, file: Path) -> None:
    old, new = "+212611111111", "+212622222222"
    load_lines(engine, file, numbered(1, phone=old), numbered(2, phone=new), numbered(3, phone=""))
    before = stored(engine, *EVERYTHING)
    load_lines(engine, file, numbered(2, phone=old), numbered(4, phone=new))
    assert [phone for _, phone in stored(engine, "rna_number", "phone")] == [None, old, None, new]
    undo(engine, newest(engine))
    assert stored(engine, *EVERYTHING) == before


def test_number_that_went_to_another_is_no_change_of_the_same_file_again(
    engine: Engine, file: Path
) -> None:
    phone = "+212611111111"
    load_lines(engine, file, numbered(1, phone=phone))
    load_lines(engine, file, numbered(2, phone=phone))
    assert load_lines(engine, file, numbered(1, phone=phone)).unchanged == 1
    named = load_lines(engine, file, numbered(1, phone=phone, full_name="Another Name"))
    assert named.updated == 1
    assert [phone for _, phone in stored(engine, "rna_number", "phone")] == [None, phone]


def test_whoever_refers_to_a_person_is_found_by_an_index(engine: Engine) -> None:
    """Else removing the people of an import reads a whole table for each of them."""
    unindexed = text(
        """
        SELECT c.conrelid::regclass || '.' || a.attname FROM pg_constraint c
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
        WHERE c.contype = 'f' AND c.confrelid = 'artisan'::regclass AND NOT EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1]
                AND (i.indpred IS NULL
                    OR pg_get_expr(i.indpred, i.indrelid) = format('(%s IS NOT NULL)', a.attname)))
        """
    )
    with engine.connect() as connection:
        assert " ".join(connection.execute(unindexed).scalars()) == ""
