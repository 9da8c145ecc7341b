"""Two versions of the menus, and what is said of their difference; one screen, described."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from flask import Flask

from app.runtime import MENUS
from app.ussd.menu import load_menu
from app.ussd.tools.difference import find_differences

BEFORE = """
start: a
screens:
  a: {menu: {1: b, 2: c}, home: true}
  b: {list: rows, keep: row, to: c, values: head}
  c: {do: act, outcomes: {done: d, not: a}}
  d: {end: none}
"""


def told(folder: Path, after: str) -> list[str]:
    for name, content in (("before", BEFORE), ("after", after)):
        (folder / name).write_text(content)
    return list(find_differences(load_menu(folder / "before"), load_menu(folder / "after")))


def test_find_differences_yields_nothing_for_equal_menus(tmp_path: Path) -> None:
    assert told(tmp_path, BEFORE + "# a remark\n") == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("start: a", "start: b", ['start: "a", now "b"']),
        ("start: a", "start: a\nhelp: d", ['help: nothing, now "d"']),
        ("  d: {end: none}", "  d: {show: none}", ['d: its kind was "end", now "show"']),
        ("1: b, 2: c", "1: c, 2: c", ["a: choice 1 led to b, now to c"]),
        ("1: b, 2: c", "1: b", ["a: choice 2 is gone (led to c)"]),
        ("2: c}", "2: c, 3: d}", ["a: choice 3 is new and leads to d"]),
        ("2: c}", "2: {to: c, when: x}}", ["a: choice 2 led to c, now to c when x"]),
        ("done: d", "done: a", ["c: outcome done led to d, now to a"]),
        ("list: rows", "list: lines", ['b: what it runs or reads was "rows", now "lines"']),
        (", values: head", "", ['b: its values came from "head", now nothing']),
        ("keep: row, to: c", "keep: row, to: d", ['b: it led to "c", now "d"']),
        (", home: true", "", ['a: home was "True", now "False"']),
        ("  d:", "  e: {end: none}\n  d:", ["screen e is new"]),
    ],
)
def test_find_differences_yields_a_sentence_for_each_change(
    tmp_path: Path, old: str, new: str, said: list[str]
) -> None:
    assert BEFORE.count(old) == 1
    assert told(tmp_path, BEFORE.replace(old, new)) == said


def test_menus_diff_compares_structure_and_words(app: Flask, tmp_path: Path) -> None:
    other = tmp_path / "menus"
    shutil.copytree(MENUS, other)
    runner = app.test_cli_runner()
    same = runner.invoke(args=["menus", "diff", str(MENUS), str(other)])
    assert (same.exit_code, same.output) == (0, "no difference\n")
    words = other / "locales" / "fr" / "LC_MESSAGES" / "menus.po"
    said = words.read_text("utf-8")
    words.write_text(said.replace('msgstr "Mon AMO"', 'msgstr "AMO"', 1), encoding="utf-8")
    changed = runner.invoke(args=["menus", "diff", str(MENUS), str(other)])
    assert changed.output == 'main.1 [fr]: "Mon AMO", now "AMO"\n'


def test_menus_diff_refuses_a_folder_without_menus(app: Flask, tmp_path: Path) -> None:
    refused = app.test_cli_runner().invoke(args=["menus", "diff", str(tmp_path), str(MENUS)])
    assert refused.exit_code == 1 and "holds none of artisan.yaml" in refused.output


def test_menus_show_prints_ways_words_lengths_and_code(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["menus", "show", "pay"])
    assert shown.exit_code == 0
    for part in (
        "pay: menu",
        "reached from: look_at_dues",
        "1 -> issue_code_for_all",
        "values dues: app/journeys/pay.py:",
        "[fr] page 1 of",
        "/160 GSM-7",
        "[ar] page 1 of",
        "/80 UCS-2",
        "1 Avoir le code",
    ):
        assert part in shown.output


def test_menus_show_refuses_an_unknown_screen(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["menus", "show", "nowhere"])
    assert shown.exit_code == 2 and "there is no screen or sentence nowhere" in shown.output
