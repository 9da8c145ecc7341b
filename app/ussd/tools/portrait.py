"""Describes one screen to the people who work on it: its ways, its words and lengths, its code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.text.encoding import Limits, encoding_of, units
from app.ussd.checker.filled_menu import FilledMenu
from app.ussd.engine import MenuEngine
from app.ussd.menu import MARKS, Screen


def describe_screen(worst: FilledMenu, name: str, limits: Limits, root: Path) -> Iterator[str]:
    """Yields lines for a terminal, with paths relative to `root`.

    Raises: KeyError if there is no such screen.
    """
    engine = worst.engine
    screen = engine.menu.screens[name]
    marks = [mark for mark in MARKS if getattr(screen, mark)]
    yield f"{name}: {screen.kind}" + (f" ({', '.join(marks)})" if marks else "")
    yield from (f"  {line}" for line in _describe_ways(engine, screen))
    yield from (f"  {line}" for line in _describe_code(engine, screen, root))
    if screen.kind != "do":
        for language in engine.words.languages:
            yield from _describe_pages(worst, screen, language, limits)


def _describe_ways(engine: MenuEngine[Any], screen: Screen) -> Iterator[str]:
    sources = [other.name for other in engine.menu.screens.values() if screen.name in other.targets]
    yield f"reached from: {', '.join(sources) or 'the engine itself'}"
    for choice in screen.choices:
        yield f"{choice.digit} -> {choice.target}" + (
            f" (when {choice.guard})" if choice.guard else ""
        )
    for outcome, target in (screen.outcomes or {}).items():
        yield f"{outcome} -> {target}"
    if screen.target:
        yield f"the answer, kept as {screen.keep} -> {screen.target}"


def _describe_code(engine: MenuEngine[Any], screen: Screen, root: Path) -> Iterator[str]:
    vocabulary = engine.vocabulary
    named: list[tuple[str, str | None, Callable[..., Any] | None]] = [
        ("values", screen.source, vocabulary.sources.get(screen.source or ""))
    ]
    uses = screen.uses or ""
    if action := vocabulary.actions.get(uses) if screen.kind == "do" else None:
        named.append(("action", uses, action.run))
    elif screen.kind == "list":
        named.append(("rows", uses, vocabulary.lists.get(uses)))
    elif screen.kind in {"input", "secret"}:
        named.append(("check", uses, vocabulary.checks.get(uses)))
    named += [("guard", c.guard, vocabulary.guards.get(c.guard or "")) for c in screen.choices]
    for kind, name, function in named:
        if name and function:
            yield f"{kind} {name}: {_locate(function, root)}"


def _locate(function: Callable[..., Any], root: Path) -> str:
    file = Path(inspect.getsourcefile(function) or "")
    return f"{file.relative_to(root)}:{inspect.getsourcelines(function)[1]}"


def _describe_pages(
    worst: FilledMenu, screen: Screen, language: str, limits: Limits
) -> Iterator[str]:
    pages = worst.pages(screen, language, limits)
    for number, page in enumerate(pages, 1):
        encoding = encoding_of(page)
        most = limits.septets if encoding == "GSM-7" else limits.ucs2
        yield f"[{language}] page {number} of {len(pages)}: {units(page)}/{most} {encoding}"
        yield from (f"    {line}" for line in page.split("\n"))
