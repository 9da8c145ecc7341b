"""Proves the keys of each page: the first page offers one, and no other digit reads as one."""

from __future__ import annotations

from collections.abc import Iterator

from app.text.encoding import Limits
from app.text.pages import begins_with_digit
from app.ussd.checker.filled_menu import FilledMenu
from app.ussd.menu import Screen
from app.ussd.screen import CHOICES_A_PAGE, sentences


def find_key_faults(filled: FilledMenu, screen: Screen, language: str) -> Iterator[str]:
    """Yields the lines of a screen's sentences that begin with a digit, whatever their values are.

    People type the digit that a line begins with: it has to be a key.
    """
    words = filled.engine.words
    seen: set[str] = set()
    for key in [screen.name, *([f"wrong.{screen.uses}"] if takes_input(screen) else [])]:
        if not words.has(language, key):
            continue
        for values in filled.samples.variants(words, language, key):
            lines = set(sentences(words, language, key, values)) - seen
            seen |= lines
            yield from (_blame(line) for line in sorted(lines) if begins_with_digit(line))


def find_page_faults(
    filled: FilledMenu, screen: Screen, language: str, limits: Limits
) -> Iterator[str]:
    """Yields the lines of a screen's pages that begin with a digit and are no keys."""
    keys = {*filled.key_lines(screen, language, limits), *filled.footers(language)}
    for number, page in enumerate(filled.pages(screen, language, limits), 1):
        for line in page.split("\n"):
            if line not in keys and begins_with_digit(line):
                yield f"{_blame(line)} (page {number})"


def find_first_page_faults(
    everyday: FilledMenu, screen: Screen, language: str, limits: Limits
) -> Iterator[str]:
    """Yields why a screen with choices does not show them where they are looked for.

    The first page shows the first choice. Where there is a question or nothing but choices, it
    shows all of them.
    """
    if screen.kind not in {"menu", "confirm"} or not screen.choices:
        return
    lines = everyday.pages(screen, language, limits)[0].split("\n")
    choices = everyday.key_lines(screen, language, limits)
    values = everyday.values(screen, language)
    said = any(sentences(everyday.engine.words, language, screen.name, values))
    shown = choices[:CHOICES_A_PAGE]
    needed = shown if screen.kind == "confirm" or not said else choices[:1]
    for choice in needed:
        if choice not in lines:
            yield f"its first page lacks the choice: {choice}"


def takes_input(screen: Screen) -> bool:
    """True if something is typed there that a check may refuse."""
    return screen.kind in {"input", "secret"}


def _blame(line: str) -> str:
    return f"a line begins with a digit that is no key: {line}"
