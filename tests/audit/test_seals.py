"""The audit trail is sealed behind its writers, and what was sealed cannot be changed unseen."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Thread
from time import sleep

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, text

from app.audit.checking import ADDED, CHANGED, MISSING, REMOVED, find_broken_seals
from app.audit.sealing import SEALED_AT_ONCE, Sealer, count_unsealed
from app.audit.service import record_audit
from app.base.operation import operation
from app.jobs.worker import Worker
from app.runtime import Runtime

Run = Callable[..., Result]


class Trail:
    """Writes rows, seals them, and changes them as the owner of the tables could."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.sealer = Sealer()

    def write(self, *subjects: str) -> None:
        with operation(self.runtime.database, self.runtime.clock(), "worker") as change:
            for subject in subjects:
                record_audit(change, "tried", subject, name="é\n ", share=1.50)

    def seal(self) -> int:
        with operation(self.runtime.database, self.runtime.clock(), "worker") as change:
            return self.sealer.seal(change)

    def tamper(self, *statements: str) -> None:
        with self.runtime.owners_database.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                connection.execute(text(statement))

    def broken(self) -> dict[str, list[str]]:
        with self.runtime.database.connect() as connection:
            return find_broken_seals(connection)

    def unsealed(self) -> int:
        with self.runtime.database.connect() as connection:
            return count_unsealed(connection).rows


@pytest.fixture
def trail(runtime: Runtime) -> Trail:
    return Trail(runtime)


@pytest.fixture
def run(app: Flask) -> Run:
    return lambda *args: app.test_cli_runner().invoke(args=list(args))


def test_rows_are_sealed_once_and_in_their_order(trail: Trail) -> None:
    trail.write("a", "b", "c")
    assert trail.unsealed() == 3
    assert (trail.seal(), trail.seal(), trail.unsealed()) == (3, 0, 0)
    trail.write("d")
    assert (trail.seal(), trail.broken()) == (1, {})
    trail.tamper(
        "INSERT INTO audit_event (happened_at, actor, action, subject)"
        f" SELECT now(), 'a', 'b', n::text FROM generate_series(1, {SEALED_AT_ONCE} + 5) n"
    )
    assert (trail.seal(), trail.seal(), trail.broken()) == (SEALED_AT_ONCE, 5, {})


@pytest.mark.parametrize(
    ("rule", "named", "statement"),
    [
        (CHANGED, ["audit_event 2"], "UPDATE audit_event SET actor = 'x' WHERE id = 2"),
        (CHANGED, ["audit_event 1"], "UPDATE audit_event SET details = '{}' WHERE id = 1"),
        (
            CHANGED,
            ["audit_event 4"],
            "UPDATE audit_event SET happened_at = happened_at + interval '1 us' WHERE id = 4",
        ),
        (
            CHANGED,
            ["audit_event 2", "audit_event 3"],
            "UPDATE audit_event a SET subject = b.subject FROM audit_event b"
            " WHERE a.id + b.id = 5 AND a.id IN (2, 3)",
        ),
        (REMOVED, ["audit_event 3"], "DELETE FROM audit_event WHERE id = 3"),
        (REMOVED, ["audit_event 6"], "DELETE FROM audit_event WHERE id = 6"),
        (
            ADDED,
            ["audit_event 5"],
            "INSERT INTO audit_event (id, happened_at, actor, action, subject)"
            " OVERRIDING SYSTEM VALUE VALUES (5, now(), 'a', 'b', 'c')",
        ),
        (
            ADDED,
            ["audit_event -1"],
            "INSERT INTO audit_event (id, happened_at, actor, action, subject)"
            " OVERRIDING SYSTEM VALUE VALUES (-1, now(), 'a', 'b', 'c')",
        ),
        (MISSING, ["seal 1"], "DELETE FROM audit_seal WHERE number = 1"),
        (
            CHANGED,
            ["audit_event 7"],
            "UPDATE audit_seal SET links[2] = sha256('x') WHERE number = 2",
        ),
    ],
)
def test_what_was_done_to_a_sealed_row_is_named(
    trail: Trail, run: Run, rule: str, named: list[str], statement: str
) -> None:
    _write_with_a_gap(trail)
    assert trail.broken() == {}
    trail.tamper(statement)
    assert trail.broken() == {rule: named}
    told = run("ledger", "verify")
    assert told.exit_code == 1 and f"not true: {rule}: {named[0]}" in told.output
    assert json.loads(run("ledger", "verify", "--json").output)["broken"] == {rule: named}


def test_a_number_given_twice_in_two_months_is_named(trail: Trail) -> None:
    """A month's partition knows the numbers of others no more."""
    _write_with_a_gap(trail)
    trail.tamper(
        "INSERT INTO audit_event (id, happened_at, actor, action, subject)"
        " OVERRIDING SYSTEM VALUE VALUES (2, now() + interval '50 years', 'a', 'b', 'c')"
    )
    assert trail.broken()[ADDED] == ["audit_event 2"]


def _write_with_a_gap(trail: Trail) -> None:
    """Rows 1 to 4 in a seal; 5 was rolled back; 6 and 7 in another."""
    trail.write("a", "b", "c", "d")
    assert trail.seal() == 4
    with trail.runtime.database.connect() as connection:
        _insert(connection)
        connection.rollback()
    trail.write("f", "g")
    assert trail.seal() == 2


def _insert(connection: Connection, subject: str = "late") -> None:
    connection.execute(
        text(
            "INSERT INTO audit_event (happened_at, actor, action, subject)"
            " VALUES (now(), 'a', 'b', :subject)"
        ),
        {"subject": subject},
    )


def test_a_seal_waits_for_whoever_writes_with_a_lower_number(trail: Trail) -> None:
    """The open transaction has number 1; 2 was committed before it."""
    with trail.runtime.database.connect() as late, trail.runtime.database.connect() as later:
        _insert(late)
        trail.write("quick")
        assert (trail.seal(), trail.seal(), trail.unsealed()) == (0, 0, 1)
        _insert(later)
        late.commit()
        # Who began since holds nothing back that was there before.
        assert (trail.seal(), trail.broken()) == (2, {})
        trail.write("another")
        assert trail.seal() == 0
        later.rollback()
    assert (trail.seal(), trail.unsealed(), trail.broken()) == (1, 0, {})


def test_a_reader_holds_no_seal_back(trail: Trail) -> None:
    trail.write("a")
    with trail.runtime.database.connect() as reader:
        reader.execute(text("SELECT * FROM audit_event"))
        assert trail.seal() == 1


def test_rows_of_many_writers_at_once_are_all_sealed_in_order(trail: Trail) -> None:
    def write(number: int) -> None:
        with trail.runtime.database.connect() as connection:
            for turn in range(12):
                for _ in range(turn % 4):
                    _insert(connection, f"{number}")
                sleep(0.001 * ((turn * number) % 5))
                if turn % 3 == 1:
                    connection.rollback()
                else:
                    connection.commit()

    with ThreadPoolExecutor(6) as writers:
        ended = [writers.submit(write, number) for number in range(1, 7)]
        sealed = 0
        while not all(one.done() for one in ended):
            sealed += trail.seal()
        for one in ended:
            one.result()
    while count := trail.seal() or trail.seal():
        sealed += count
    with trail.runtime.database.connect() as connection:
        rows = connection.execute(text("SELECT count(*) FROM audit_event")).scalar_one()
    assert rows == sealed > 50
    assert (trail.unsealed(), trail.broken()) == (0, {})


def test_verify_says_what_is_not_sealed_yet(trail: Trail, run: Run, client: FlaskClient) -> None:
    trail.write("a", "b")
    assert "not sealed yet: 2 rows, 2026-11-23T10:00:00+00:00 on" in run("ledger", "verify").output
    told = json.loads(run("ledger", "verify", "--json").output)
    assert told["unsealed"] == {"rows": 2, "since": "2026-11-23T10:00:00+00:00"}
    figures = client.get("/metrics").text
    assert "maalem_audit_unsealed_rows 2.0" in figures
    trail.seal()
    assert "not sealed" not in run("ledger", "verify").output
    assert "maalem_audit_unsealed_rows 0.0" in client.get("/metrics").text


def test_a_worker_seals(trail: Trail) -> None:
    trail.write("a")
    worker = Worker(trail.runtime)
    thread = Thread(target=worker.run)
    thread.start()
    try:
        for _ in range(100):
            if not trail.unsealed():
                break
            sleep(0.05)
        assert trail.unsealed() == 0
    finally:
        worker.stopping.set()
        thread.join()


def test_the_stream_goes_on_where_it_ended_and_proves_itself(trail: Trail, run: Run) -> None:
    _write_with_a_gap(trail)
    lines = run("audit", "stream").output.splitlines()
    assert run("audit", "stream", "--after", "4").output.splitlines() == lines[4:]
    before = b""
    for line in lines:
        told = json.loads(line)
        row = line.split(', "row": ', 1)[1][:-1].encode()
        assert told["row"]["id"] == told["id"] and told["row"]["details"]["name"] == "é\n "
        assert sha256(before + row).hexdigest() == told["link"]
        before = bytes.fromhex(told["link"])
    assert [json.loads(line)["id"] for line in lines] == [1, 2, 3, 4, 6, 7]


def test_a_copy_betrays_an_owner_who_sealed_everything_anew(
    trail: Trail, run: Run, tmp_path: Path
) -> None:
    _write_with_a_gap(trail)
    copy = tmp_path / "audit.jsonl"
    copy.write_text(run("audit", "stream").output, encoding="utf-8")
    assert run("audit", "check", str(copy)).exit_code == 0
    trail.tamper("UPDATE audit_event SET actor = 'x' WHERE id = 6", "DELETE FROM audit_seal")
    trail.sealer = Sealer()
    assert trail.seal() == 6
    assert trail.broken() == {}
    told = run("audit", "check", str(copy))
    assert told.exit_code == 1
    assert told.output.splitlines() == [
        "audit_event 6: not as it was copied",
        "audit_event 7: not as it was copied",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [lines[0], *lines[2:]], "audit_event 2: not in the copy"),
        (lambda lines: [*lines[:5], lines[5].replace('"g"', '"h"')], "audit_event 7: the copy"),
        (lambda lines: [*lines, lines[5].replace("7", "9", 1)], "audit_event 9: no longer sealed"),
        (lambda lines: [lines[0], "mine"], "audit.jsonl: line 2 is none of"),
    ],
)
def test_a_copy_that_was_changed_is_named(
    trail: Trail,
    run: Run,
    tmp_path: Path,
    change: Callable[[list[str]], list[str]],
    said: str,
) -> None:
    _write_with_a_gap(trail)
    copy = tmp_path / "audit.jsonl"
    copy.write_text("\n".join(change(run("audit", "stream").output.splitlines())), "utf-8")
    told = run("audit", "check", str(copy))
    assert told.exit_code == 1 and said in told.output
