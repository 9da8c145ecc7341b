"""Menu files: what is read, and that every way of breaking one is named with its screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.runtime import MENU_FILES, MENUS
from app.ussd.menu import BrokenMenu, Choice, Menu, load_menu
from app.ussd.tools.graph import draw_mermaid

REAL = [MENUS / name for name in MENU_FILES]


def menu_of(folder: Path, content: str | bytes) -> Menu:
    path = folder / "menu.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_menu(path)


def screens_of(folder: Path, screens: str) -> Menu:
    return menu_of(folder, f"start: a\nscreens:\n  {screens}\n")


@pytest.mark.parametrize(
    ("screens", "screen", "why"),
    [
        ("a: menu", "a", "is not a mapping"),
        ("a: [menu]", "a", "is not a mapping"),
        ("a:", "a", "is not a mapping"),
        ("a: {}", "a", "needs one of"),
        ("a: {meny: {1: a}}", "a", "needs one of"),
        ("a: {show: none, end: none}", "a", "needs one of"),
        ("a: {list: rows, keep: x}", "a", "needs to"),
        ("a: {list: rows, to: a}", "a", "needs keep"),
        ("a: {input: check, keep: x}", "a", "needs to"),
        ("a: {secret: check, to: a}", "a", "needs keep"),
        ("a: {confirm: none, yes: a}", "a", "needs no"),
        ("a: {do: act}", "a", "needs outcomes"),
        ("a: {do: act, outcomes: a}", "a", "outcomes map"),
        ("a: {menu: [a, b]}", "a", "maps digits"),
        ("a: {menu: {0: a}}", "a", "0 is not a choice from 1 to 8"),
        ("a: {menu: {9: a}}", "a", "9 is not a choice from 1 to 8"),
        ("a: {menu: {1: a, 10: a}}", "a", "10 is not a choice"),
        ("a: {menu: {x: a}}", "a", "x is not a choice"),
        ("a: {menu: {1: {to: a}}}", "a", "choice 1 needs `to` and `when`"),
        ("a: {menu: {1: {to: a, when: g, if: h}}}", "a", "choice 1 needs `to` and `when`"),
        ("a: {menu: {1: a, 2: }}", "a", "`2` has nothing behind it"),
        ("a: {menu: {1: {to: , when: g}}}", "a", "`to` has nothing behind it"),
        ("a: {menu: {1: {to: a, when: }}}", "a", "`when` has nothing behind it"),
        ("a: {menu: {1: a}, values: }", "a", "`values` has nothing behind it"),
        ("a: {list: rows, keep: a, to: }", "a", "`to` has nothing behind it"),
        ("a: {list: , keep: a, to: a}", "a", "`list` has nothing behind it"),
        ("a: {input: three, keep: , to: a}", "a", "`keep` has nothing behind it"),
        ("a: {do: , outcomes: {yes: a}}", "a", "`do` has nothing behind it"),
        ("a: {do: act, outcomes: {yes: }}", "a", "`yes` has nothing behind it"),
        ("a: {confirm: none, yes: a, no: }", "a", "`no` has nothing behind it"),
        ("a: {show: }", "a", "`show` has nothing behind it"),
        ("a: {menu: {1: a}, valeus: x}", "a", "has no valeus"),
        ("a: {show: none, to: a}", "a", "has no to"),
        ("a: {show: none, home: yes}", "a", "`home` is true or left out"),
        ("a: {show: none, clears_history: false}", "a", "`clears_history` is true or left out"),
        ("a: {menu: {1: a, 1: b}}", "1", "written twice"),
        ("a: {show: none}\n  a: {show: none}", "a", "written twice"),
        ("a: {show: none, show: none}", "show", "written twice"),
        ("a: {show: [}", "menu.yaml", "while parsing"),
        ("a: {? [x] : b}", "menu.yaml", "unhashable"),
        ("a: *nowhere", "menu.yaml", "undefined alias"),
    ],
)
def test_load_menu_names_a_broken_screen(
    tmp_path: Path, screens: str, screen: str, why: str
) -> None:
    with pytest.raises(BrokenMenu) as broken:
        screens_of(tmp_path, screens)
    assert broken.value.params["screen"] == screen
    assert why in broken.value.params["why"]
    assert "\n" not in str(broken.value)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "just words",
        "start: a",
        "screens: {}",
        "start: a\nscreens: {}\nmore: 1",
        "start: a\nscreens: [a]",
        "start: a\nscreens:",
        b"start: \xff\xfe",
        b"\x00",
    ],
)
def test_load_menu_names_a_broken_file(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(BrokenMenu) as broken:
        menu_of(tmp_path, content)
    assert broken.value.params["screen"] == "menu.yaml"


def test_load_menu_reads_every_kind_of_screen(tmp_path: Path) -> None:
    menu = screens_of(
        tmp_path,
        "a: {menu: {1: b, 2: {to: c, when: rich}}, values: purse, home: true}\n"
        "  b: {list: rows, keep: row, to: c, values: head}\n"
        "  c: {input: number, keep: n, to: d}\n"
        "  d: {confirm: all, yes: e, no: a, clears_history: true}\n"
        "  e: {do: pay, outcomes: {yes: f, no: a}}\n"
        "  f: {end: none}",
    )
    a, b, c, d, e, f = menu.screens.values()
    assert a.choices == (Choice("1", "b"), Choice("2", "c", "rich"))
    assert (a.source, a.home, a.clears_history) == ("purse", True, False)
    assert (b.uses, b.keep, b.target, b.source) == ("rows", "row", "c", "head")
    assert (c.uses, c.keep, c.target, c.source) == ("number", "n", "d", None)
    assert d.choices == (Choice("1", "e"), Choice("2", "a"))
    assert (d.source, d.clears_history, d.home) == ("all", True, False)
    assert e.outcomes == {"yes": "f", "no": "a"}
    assert (f.kind, f.source) == ("end", None)
    assert [s.targets for s in (a, b, e, f)] == [["b", "c"], ["c"], ["f", "a"], []]


def test_draw_mermaid_draws_every_screen_and_way() -> None:
    menu = load_menu(*REAL)
    drawn = draw_mermaid(menu).split("\n")
    assert drawn[0] == "flowchart LR"
    for screen in menu.screens.values():
        assert any(line.startswith(f"  {screen.name}") for line in drawn)
        for target in screen.targets:
            assert any(
                line.startswith(f"  {screen.name} -->|") and line.endswith(f"| {target}")
                for line in drawn
            )
