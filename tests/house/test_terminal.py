"""Commands cut nothing that they show, give it as JSON too, and stand under who uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from app.cli import _NOUNS, _Nouns
from app.cli.tables import print_rows
from app.settings import ROOT

# What acts, draws, runs or writes a file shows nothing that a program would want as JSON.
_SHOW_NOTHING = {
    *(
        "serve",
        "worker",
        "exporter",
        "dial",
        "sms fake-provider",
        "talks record",
        "cnss export",
        "backup follow",
    ),
    *("menus publish", "menus approve", "menus refuse", "menus back"),
    *("registry sample", "registry load-sample-people", "audit stream", "db upgrade"),
    *("backup follow", "backup restore", "breaks write-code", "people export", "people forget"),
    *("db downgrade", "menus graph", "menus annotate"),
    *(
        "agents agency",
        "agents import-agencies",
        "agents add",
        "agents limit",
        "agents dismiss",
        "agents unlock",
    ),
    *("assistance take", "assistance done", "claims record", "keys rotate", "people untie"),
    *("people reset-pin", "people prove", "people merge", "office add", "office dismiss"),
    *("office reset", "office password", "notices publish", "notices withdraw", "notices cancel"),
    *("notices approve", "reminders pause", "reminders resume", "reminders cancel", "networks add"),
    *("networks withdraw", "networks approve-withdrawal", "breaks own", "breaks propose"),
    *(
        "breaks approve",
        "breaks refuse",
        "breaks ask-reversal",
        "breaks close-repeated",
        "clients create",
    ),
    *("clients rotate", "clients revoke", "clients change", "clients other-amounts"),
    *("office change", "office remove-factors", "office tie-identity", "office untie-identity"),
    # JSON is all that it prints (docs/contract.md).
    "sms count",
}
# The widest that each kind of column holds.
_WIDEST = {
    "id": "9223372036854775807",
    "phone": "+212600000002",
    "kind": "late_confirmation",
    "receipt": "R-20261128-000000001",
    "total": "99999999.99",
    "agency": "W-CASABLANCA-0001",
    "name": "Fatima Zahra El Idrissi [bold]",
    "ways": "take_back, charge_network, book_out, wait_for_cnss",
    "at": "28/11/2026 23:59",
}


def list_commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    names = _NOUNS if isinstance(group, _Nouns) else group.commands
    for name in names:
        command = group.get_command(context, name)
        assert command
        path = f"{before} {name}".strip()
        if isinstance(command, click.Group):
            yield from list_commands(command, path)
        else:
            yield path, command


def test_every_command_that_shows_something_gives_json() -> None:
    without = {
        path
        for path, command in list_commands(_Nouns(name="app"))
        if not any("--json" in option.opts for option in command.params)
    }
    assert without - _SHOW_NOTHING == set()
    assert _SHOW_NOTHING - without == set()


def test_tables_are_printed_in_one_place() -> None:
    """Elsewhere rich would cut what is wider than a terminal; a bar of progress is no table."""
    users = {f.name for f in (ROOT / "app/cli").rglob("*.py") if "rich.table" in f.read_text()}
    assert users == {"tables.py"}


def print_widest() -> None:
    row = list(_WIDEST.values())
    print_rows(list(_WIDEST), [row, row], prose=("name", "ways"))


@pytest.mark.parametrize("columns", ["20", "80", "300"])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_table_cuts_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: str,
    terminal: bool,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.setenv(name, "1" if terminal else "")
    print_widest()
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    for value in _WIDEST.values():
        assert shown.count(value) == 2, (columns, value)
    if not terminal:
        assert len(shown.splitlines()) == 3, "a heading and two rows"


def test_a_table_of_cells_with_blanks_is_not_cut_to_their_longest_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    row = ["EmnaaR4tq", "28/11 23:59", "africastalking", "Hélène Çelik", "فاطمة الزهراء العلوي"]
    row += ["first screen of all", "dialled again"]
    print_rows(("session", "began", "gateway", "name", "arabic", "screen", "how"), [row])
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert [cell for cell in row if cell not in shown] == []


def test_a_table_that_fits_wraps_its_prose_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = "Paying opens the rights again, and " * 4
    print_rows(
        ("phone", "kind", "text"), [("+212600000002", "late_confirmation", text)], prose=("text",)
    )
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "+212600000002" in shown and "late_confirmation" in shown
    assert max(map(len, shown.splitlines())) <= 80 and len(shown.splitlines()) > 3


def test_help_speaks_of_maalem_and_lists_each_command_once() -> None:
    output = CliRunner(env={"COLUMNS": "80"}).invoke(_Nouns(name="app"), ["--help"]).output
    for noun in _NOUNS:
        assert len(re.findall(rf"(?m)^  {noun} ", output)) == 1, noun
    assert "Help desk:" in output and "..." not in output.split("Operators")[1]


def test_help_of_a_noun_says_what_each_command_does_in_whole() -> None:
    root = _Nouns(name="app")
    for noun in _NOUNS:
        command = root.get_command(click.Context(root), noun)
        assert command
        shown = command.get_help(click.Context(command, info_name=noun, terminal_width=80))
        lines = shown.replace("[ARGS]...", "").split("\n")
        assert not any(line.endswith("...") for line in lines), noun


def test_help_of_every_command_fits_eighty_columns_and_cuts_nothing() -> None:
    root = _Nouns(name="app")
    for path, command in list_commands(root):
        context = click.Context(root, info_name="flask", terminal_width=80)
        for word in path.split():
            named = context.command.get_command(context, word)  # type: ignore[attr-defined]
            context = click.Context(named, parent=context, info_name=word)
        lines = command.get_help(context).split("\n")
        assert [line for line in lines if len(line) > 80] == [], path
        assert not any(line.endswith("...") for line in lines[1:]), path
