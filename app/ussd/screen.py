"""Writes what the phone shows: sentences, choices, footer, cut into pages that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.text.encoding import Limits
from app.text.pages import paginate
from app.text.words import Words
from app.ussd.menu import Screen
from app.ussd.vocabulary import Row

ROWS_A_PAGE = 5


def sentences(words: Words, language: str, key: str, values: Mapping[str, Any]) -> list[str]:
    """The lines of a screen's own words; a screen without words has none."""
    if not words.has(language, key):
        return []
    return words.say(language, key, values).split("\n")


def choice_key(screen: Screen, digit: str) -> str:
    if screen.kind == "confirm":
        return "yes" if digit == "1" else "no"
    return f"{screen.name}.{digit}"


def pages_of(
    words: Words,
    language: str,
    screen: Screen,
    values: Mapping[str, Any],
    digits: Sequence[str],
    depth: int,
    limits: Limits,
    reason: str | None = None,
) -> list[str]:
    """The pages of any screen but a list: reason of a refusal, words, choices, footer."""
    lines = [words.say(language, reason)] if reason else []
    lines += sentences(words, language, screen.name, values)
    for digit in digits:
        key = choice_key(screen, digit)
        lines.append(f"{digit} {words.say(language, key, values)}")
    depth = 0 if screen.kind == "end" else depth
    return _cut(words, language, lines, depth, limits, together=len(digits))


def list_pages_of(
    words: Words,
    language: str,
    screen: Screen,
    values: Mapping[str, Any],
    rows: Sequence[Row],
    depth: int,
    limits: Limits,
    reason: str | None = None,
) -> list[tuple[str, list[Row]]]:
    """The pages of a list, each with the rows its digits 1 to 5 choose."""
    head = [words.say(language, reason)] if reason else []
    head += sentences(words, language, screen.name, values)
    if not rows:
        return [(page, []) for page in _cut(words, language, head, depth, limits)]
    pages: list[tuple[str, list[Row]]] = []
    waiting = list(rows)
    while waiting:
        for count in range(min(ROWS_A_PAGE, len(waiting)), 0, -1):
            lines = head + _row_lines(words, language, screen, waiting[:count])
            end = footer(words, language, depth, bool(pages), count < len(waiting))
            cut = paginate(lines, lambda _first, _more, end=end: end, limits)  # type: ignore[misc]
            if len(cut) == 1:
                pages.append((cut[0], waiting[:count]))
                waiting = waiting[count:]
                break
        else:
            raise ValueError("a row does not fit on a page")
    return pages


def _row_lines(words: Words, language: str, screen: Screen, rows: Sequence[Row]) -> list[str]:
    return [
        f"{place} " + words.say(language, f"{screen.name}.row", row.values)
        for place, row in enumerate(rows, 1)
    ]


def _cut(
    words: Words,
    language: str,
    lines: Sequence[str],
    depth: int,
    limits: Limits,
    together: int = 0,
) -> list[str]:
    def end(first: bool, more: bool) -> str:
        return footer(words, language, depth, not first, more)

    return paginate(lines, end, limits, together)


def footer(words: Words, language: str, depth: int, later: bool, more: bool) -> str:
    """`0` back from the second screen (or page) on, `00` from the third, `9` where more waits."""
    keys = ["footer.back"] if depth > 1 or later else []
    keys += ["footer.home"] if depth > 2 else []
    keys += ["footer.more"] if more else []
    return " ".join(words.say(language, key) for key in keys)
