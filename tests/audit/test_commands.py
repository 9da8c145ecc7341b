"""Every command that changes something asks who acts, and what it calls writes audit rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text

from app.runtime import Runtime
from tests.audit.acts import AUDITORS
from tests.audit.test_every_act import PROGRAM, WRITERS

# Commands that change something and ask nobody's name, with the reason.
NOBODY_ASKED: Mapping[str, str] = {
    "backup reconcile": "opens breaks, which two people settle; nothing is decided",
    "backup rehearse": "changes a copy alone, and keeps what was found",
    "backup restore": "makes another server's books, before there are users of it",
    "db downgrade": "takes tables away, before there are users",
    "db upgrade": "makes tables, before there are users",
    "dial": "a phone in the terminal: the artisan or agent who dials acts",
    "office password": "a user changes the own password, with the old one",
    "registry load-sample-people": "development alone, as the sample user",
    "serve": "starts the parts",
    "worker": "does what others asked for",
}


def walk(
    command: click.Command, context: click.Context, path: str
) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from walk(inner, context, f"{path} {name}".strip())
    else:
        yield path, command


@pytest.fixture
def commands(app: Flask) -> dict[str, click.Command]:
    ours = dict(walk(app.cli, click.Context(app.cli), ""))
    return {
        name: command
        for name, command in ours.items()
        if str(getattr(command.callback, "__module__", "")).startswith("app.")
    }


def reached(command: click.Command) -> set[str]:
    """What a command calls; the wiring, which names everything, is left out."""
    callback = command.callback
    start = f"{getattr(callback, '__module__', '')}.{getattr(callback, '__name__', '')}"
    assert start in PROGRAM.nodes, start
    return PROGRAM.reach(start, beside=("app.runtime", "app.cli.acting", "app.migrating"))


def asks_who(command: click.Command) -> bool:
    """True for the option of `acting`; `--by` of a report chooses its groups."""
    return any(o.metavar == "NAME" and o.name == "by" for o in options(command))


def options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def test_the_walk_finds_the_commands(commands: dict[str, click.Command]) -> None:
    assert len(commands) > 60
    assert set(NOBODY_ASKED) <= set(commands)


def test_a_command_that_changes_something_asks_who_acts(commands: dict[str, click.Command]) -> None:
    silent = [
        name
        for name, command in commands.items()
        if name not in NOBODY_ASKED and not asks_who(command) and reached(command) & set(WRITERS)
    ]
    assert silent == []


def test_a_command_that_asks_who_acts_writes_audit_rows(
    commands: dict[str, click.Command],
) -> None:
    asking = {name: command for name, command in commands.items() if asks_who(command)}
    assert len(asking) > 25
    assert [name for name, command in asking.items() if not reached(command) & AUDITORS] == []


Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask, runtime: Runtime, sample_people: None) -> Run:
    def run(*words: object, by: str = "office") -> Result:
        asked = [*map(str, words), "--by", by]
        secret = {"MAALEM_OPERATOR_SECRET": by}
        result = app.test_cli_runner().invoke(args=asked, env=secret)
        assert result.exit_code == 0, result.output
        return result

    return run


def rows_after(runtime: Runtime, number: int) -> list[tuple[str, str, str]]:
    with runtime.database.connect() as connection:
        rows = connection.execute(
            text("SELECT actor, action, subject FROM audit_event WHERE id > :id ORDER BY id"),
            {"id": number},
        )
        return [(row.actor, row.action, row.subject) for row in rows]


def last_row(runtime: Runtime) -> int:
    with runtime.database.connect() as connection:
        newest = text("SELECT coalesce(max(id), 0) FROM audit_event")
        return int(connection.execute(newest).scalar_one())


def is_row(row: tuple[str, str, str], action: str | None, subject: str) -> bool:
    return row[0] == "office" and action in (None, row[1]) and row[2].startswith(subject)


NOTICE = Path("app/notices/sample_notice.yaml")
# A command, and the row that it leaves last; FOLDER is the test's own.
DAY = (
    ("clients create first-bank", "client_added", "client:first-bank"),
    ("clients rotate first-bank", "client_key_changed", "client:first-bank"),
    ("clients revoke first-bank", "client_revoked", "client:first-bank"),
    ("clients other-amounts wafacash yes", "other_amounts_set", "network:wafacash"),
    ("networks add barid --shown Barid --format wafacash", "network_added", "network:barid"),
    ("agents agency W-RABAT-77 --name Souk --town Rabat", None, "agency:W-RABAT-77"),
    ("claims record R-1 --rna 100002 --state in_review", "claim_recorded", "artisan:"),
    (f"notices publish {NOTICE}", "notice_published", "notice:"),
    ("notices broadcast {notice} --all", "broadcast_proposed", "campaign:"),
    ("reminders send --on 2026-11-30", "reminders_queued", "campaign:"),
    ("office add amina --role cnss", "office_user_added", "office:amina"),
    ("office reset amina", "office_password_reset", "office:amina"),
    ("office dismiss amina", "office_user_dismissed", "office:amina"),
    ("people find --rna 100002", "person_looked_up", "artisan:"),
    ("people show 2", "person_shown", "artisan:2"),
)


def test_a_days_acts_stand_in_the_audit_with_who(run: Run, runtime: Runtime) -> None:
    name = ""
    for words, action, subject in DAY:
        before = last_row(runtime)
        result = run(*words.format(notice=name).split())
        if words.startswith("notices publish"):
            name = result.output.split()[1]
        new = rows_after(runtime, before)
        assert any(is_row(row, action, subject) for row in new), (words, new)
    assert json.dumps(rows_after(runtime, 0)).find("+2126000000") == -1


def test_an_approval_stands_in_the_audit_with_both_names(run: Run, runtime: Runtime) -> None:
    run("notices", "publish", NOTICE)
    with runtime.database.connect() as connection:
        name = connection.execute(text("SELECT name FROM notice")).scalar_one()
    run("notices", "broadcast", name, "--all", by="operator")
    run("notices", "approve", 1, by="office")
    with runtime.database.connect() as connection:
        row = connection.execute(
            text("SELECT actor, approved_by FROM audit_event WHERE action = 'broadcast_approved'")
        ).one()
    assert (row.actor, row.approved_by) == ("operator", "office")
