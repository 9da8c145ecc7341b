"""Writes what the phone shows: sentences, choices, footer, cut into pages that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from app.text.encoding import Limits, fits
from app.text.pages import paginate
from app.text.words import Words
from app.ussd.menu import Screen
from app.ussd.vocabulary import Row

ROWS_A_PAGE = CHOICES_A_PAGE = 5


class ScreenContext(NamedTuple):
    """A screen with everything that its text depends on, but its choices and rows.

    `depth` is the number of screens on the way to it, itself included. `reason` is the key of the
    sentence above it that refuses an input, or empty. `offers_home` is true where `00` is offered
    on the first screen: beginning anew. (A tuple: one is made on every hop.)
    """

    words: Words
    language: str
    screen: Screen
    values: Mapping[str, Any]
    depth: int
    limits: Limits
    reason: str = ""
    offers_home: bool = False

    def head(self) -> list[str]:
        """Returns the lines above the choices or rows: the reason and the screen's sentences."""
        lines = [self.words.say(self.language, self.reason)] if self.reason else []
        return lines + sentences(self.words, self.language, self.screen.name, self.values)


def sentences(words: Words, language: str, key: str, values: Mapping[str, Any]) -> list[str]:
    """Returns the lines of a screen's own sentence; a screen may have none."""
    if not words.has(language, key):
        return []
    return words.say(language, key, values).split("\n")


def choice_key(screen: Screen, digit: str) -> str:
    """Returns the key of a choice's words."""
    if screen.kind == "confirm":
        return "yes" if digit == "1" else "no"
    return f"{screen.name}.{digit}"


def paginate_screen(context: ScreenContext, digits: Sequence[str]) -> list[str]:
    """Returns the pages of any screen but a list, with the choices of `digits`.

    The first line stands above the choices, and as many more as leave room for all choices on the
    first page; the others follow behind them.
    """
    if context.screen.kind == "end":
        context = context._replace(depth=0)
    lines, choices = [line for line in context.head() if line], choice_lines(context, digits)
    above = len(lines)
    first, later = choices[:CHOICES_A_PAGE], choices[CHOICES_A_PAGE:]
    if choices:
        fewest = 2 if context.reason else 1
        while above > fewest and not _is_one_page(context, lines, first, above, bool(later)):
            above -= 1
    if later:
        pages = _paginate_lines(context, [*lines[:above], *first], goes_on=True)
        return pages + _paginate_lines(context, [*later, *lines[above:]], later=True)
    together = len(choices) if context.screen.kind == "confirm" else 0
    ordered = [*lines[:above], *choices, *lines[above:]]
    return _paginate_lines(context, ordered, together, len(lines) - above)


def _is_one_page(
    context: ScreenContext, lines: Sequence[str], choices: Sequence[str], above: int, goes_on: bool
) -> bool:
    """True if one page holds the first `above` lines and the first choices."""
    more = goes_on or above < len(lines)
    words, language, depth = context.words, context.language, context.depth
    end = footer(words, language, depth, later=False, more=more, home=context.offers_home)
    return fits("\n".join(filter(None, [*lines[:above], *choices, end])), context.limits)


def choice_lines(context: ScreenContext, digits: Sequence[str]) -> list[str]:
    """Returns the lines of a screen's choices."""
    words, language, values = context.words, context.language, context.values
    keys = ((digit, choice_key(context.screen, digit)) for digit in digits)
    return [f"{digit} {words.say(language, key, values)}" for digit, key in keys]


def paginate_list(context: ScreenContext, rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Returns the pages of a list, each with the rows that its digits 1 to 5 choose.

    A reason takes the place of the list's own sentences where it would push a row off the first
    page: a digit that was refused there means the same row when it is typed again.

    Raises: ValueError if a row does not fit on a page.
    """
    head = context.head()
    if rows and context.reason:
        plain, reason = context._replace(reason="").head(), head[:1]
        shown = _count_rows(context, plain, rows)
        if _count_rows(context, head, rows) < shown == _count_rows(context, reason, rows):
            head = reason
    if not rows:
        return [(page, []) for page in _paginate_lines(context, head)]
    pages: list[tuple[str, list[Row]]] = []
    waiting = list(rows)
    while waiting:
        page, count = _fill_page(context, head, waiting, later=bool(pages))
        pages.append((page, waiting[:count]))
        waiting = waiting[count:]
    return pages


def _count_rows(context: ScreenContext, head: list[str], rows: Sequence[Row]) -> int:
    """Returns how many rows the first page holds below `head`."""
    return _fill_page(context, head, list(rows), later=False)[1]


def _fill_page(
    context: ScreenContext, head: list[str], rows: list[Row], later: bool
) -> tuple[str, int]:
    """Returns a page with as many of the first rows as fit, and their number."""
    words, language, depth, limits = context.words, context.language, context.depth, context.limits
    lines = row_lines(context, rows[:ROWS_A_PAGE])
    for count in range(len(lines), 0, -1):
        end = footer(words, language, depth, later, count < len(rows))
        page = "\n".join(filter(None, [*head, *lines[:count], end]))
        if fits(page, limits):
            return page, count
    raise ValueError("a row does not fit on a page")


def row_lines(context: ScreenContext, rows: Sequence[Row]) -> list[str]:
    """Returns the lines of a page's rows, each with its digit."""
    key = f"{context.screen.name}.row"
    return [
        f"{digit} {context.words.say(context.language, key, row.values)}"
        for digit, row in enumerate(rows, 1)
    ]


def _paginate_lines(
    context: ScreenContext,
    lines: Sequence[str],
    together: int = 0,
    after: int = 0,
    *,
    goes_on: bool = False,
    later: bool = False,
) -> list[str]:
    """Returns pages; `later` ones come after others, and after those that `goes_on` come others."""

    def end(first: bool, more: bool) -> str:
        words, language, depth = context.words, context.language, context.depth
        is_later, has_more = later or not first, more or goes_on
        return footer(words, language, depth, is_later, has_more, context.offers_home)

    return paginate(lines, end, context.limits, together, after)


def footer(
    words: Words, language: str, depth: int, later: bool, more: bool, home: bool = False
) -> str:
    """Returns the keys offered: `0` from the second screen or page, `00` from the third screen.

    `9` is offered where another page follows, in the place of `00`, which leads home all the same.
    `later` is true for every page but the first, `home` where `00` is offered on any screen.
    """
    keys = ["footer.back"] if depth > 1 or later else []
    if more:
        keys.append("footer.more")
    elif depth > 2 or home:
        keys.append("footer.home")
    return " ".join(words.say(language, key) for key in keys)
