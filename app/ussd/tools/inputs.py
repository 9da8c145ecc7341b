"""Counts what a person types from dialling to what they came for, with everyday values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

from app.text.encoding import Limits
from app.ussd.checker.filled_menu import FilledMenu
from app.ussd.menu import BrokenMenu, Menu, Screen

_TYPED = "typed"


@dataclass(frozen=True, slots=True)
class Errand:
    """A thing that people dial for: `way` gives the choice on each screen, `shows` the last one."""

    errand: str
    way: Mapping[str, int | str]
    shows: str


def load_errands(path: Path, menu: Menu) -> list[Errand]:
    """Reads the errands. Raises: BrokenMenu if a way does not lead from screen to screen."""
    errands = [Errand(**entry) for entry in yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)]
    for errand in errands:
        names = [*errand.way, errand.shows]
        for name, after in pairwise(names):
            if after not in _screens_after(menu, menu.screens[name], errand.way[name]):
                raise BrokenMenu(screen=name, why=f"`{errand.way[name]}` does not lead to {after}")
    return errands


def count_inputs(filled: FilledMenu, errand: Errand, language: str, limits: Limits) -> int:
    """Returns the inputs of an errand, with each `9` that brings its choice onto the screen."""
    screens = filled.engine.menu.screens
    return sum(
        1 + _count_pages_before(filled, screens[name], typed, language, limits)
        for name, typed in errand.way.items()
    )


def count_all(
    filled: FilledMenu, errands: Sequence[Errand], limits: Limits
) -> dict[str, dict[str, int]]:
    """Returns the inputs of each errand, by language."""
    languages = filled.engine.words.languages
    return {
        errand.errand: {name: count_inputs(filled, errand, name, limits) for name in languages}
        for errand in errands
    }


def draw_table(counts: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Yields the lines of a Markdown table: a row for each errand, a column for each language."""
    languages = list(next(iter(counts.values())))
    yield f"| Inputs after the code | {' | '.join(languages)} |"
    yield "|---" * (len(languages) + 1) + "|"
    for errand, by_language in counts.items():
        yield f"| {errand} | {' | '.join(map(str, by_language.values()))} |"


def _count_pages_before(
    filled: FilledMenu, screen: Screen, typed: int | str, language: str, limits: Limits
) -> int:
    """Returns how often `9` is typed on a screen before what is chosen there is seen."""
    if typed == _TYPED:
        return 0
    seen = 0
    for number, page in enumerate(filled.pages(screen, language, limits)):
        keys = [line.split(" ")[0] for line in page.split("\n")]
        if screen.kind != "list":
            if str(typed) in keys:
                return number
            continue
        seen += sum(key in {"1", "2", "3", "4", "5"} for key in keys)
        if seen >= int(typed):
            return number
    raise BrokenMenu(screen=screen.name, why=f"never shows {typed}")


def _screens_after(menu: Menu, screen: Screen, typed: int | str) -> set[str]:
    """Returns the screens that an input may lead to, through any outcome of actions."""
    chosen = [choice.target for choice in screen.choices if choice.digit == str(typed)]
    waiting, reached = chosen or [screen.target], set[str]()
    while waiting:
        name = waiting.pop()
        if name in reached or name not in menu.screens:
            continue
        reached.add(name)
        if menu.screens[name].kind == "do":
            waiting += menu.screens[name].targets
    return reached
