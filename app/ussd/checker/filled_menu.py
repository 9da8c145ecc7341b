"""A menu's screens with sample values written in: the worst, or everyday ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from app.text.encoding import Limits
from app.ussd.checker.catalogue import keys_of
from app.ussd.checker.samples import Samples
from app.ussd.engine import MenuEngine
from app.ussd.menu import Screen
from app.ussd.screen import (
    ROWS_A_PAGE,
    ScreenContext,
    choice_lines,
    footer,
    paginate_list,
    paginate_screen,
    row_lines,
)
from app.ussd.vocabulary import Row

# The footers that a page may have, as the engine writes them: depth, later page, more pages.
_FOOTERS = list(product((1, 2, 3), (False, True), (False, True)))
# From this depth on the footer offers everything it can.
DEEPEST = 3
_MANY_ROWS = 12


def depth_of(screen: Screen) -> int:
    """Returns the most screens on the way to it, itself included, as far as the footer goes."""
    if screen.home:
        return 1
    return 2 if screen.clears_history else DEEPEST


@dataclass(frozen=True, slots=True)
class FilledMenu:
    """A menu and its samples, from which screens are written."""

    engine: MenuEngine[Any]
    samples: Samples
    # By screen and language: a screen's values are wanted for every page and gateway.
    _values: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    # By language: each screen asks for them.
    _footers: dict[str, set[str]] = field(default_factory=dict)

    def values(self, screen: Screen, language: str) -> dict[str, Any]:
        """Returns the largest value of each name in the screen's sentences."""
        if (known := self._values.get((screen.name, language))) is not None:
            return known
        words, values = self.engine.words, dict[str, Any]()
        for key in keys_of(screen) | {screen.name}:
            if words.has(language, key):
                values |= self.samples.worst(words, language, key)
        self._values[screen.name, language] = values
        return values

    def pages(
        self,
        screen: Screen,
        language: str,
        limits: Limits,
        reason: str = "",
        rows: int = _MANY_ROWS,
    ) -> list[str]:
        """Returns the pages of a screen with all its choices, or a list with so many rows.

        `reason` is the key of the sentence that refuses an input there.
        """
        context = self._context(screen, language, limits, reason)
        if screen.kind == "list":
            samples = [self._row(screen, language)] * rows
            return [page for page, _ in paginate_list(context, samples)]
        return paginate_screen(context, [choice.digit for choice in screen.choices])

    def key_lines(self, screen: Screen, language: str, limits: Limits) -> Sequence[str]:
        """Returns the lines that offer the keys 1 to 5: of the choices, or of a page of rows."""
        context = self._context(screen, language, limits, "")
        if screen.kind == "list":
            return row_lines(context, [self._row(screen, language)] * ROWS_A_PAGE)
        return choice_lines(context, [choice.digit for choice in screen.choices])

    def footers(self, language: str) -> set[str]:
        """Returns every footer that a page may have."""
        if language not in self._footers:
            words = self.engine.words
            self._footers[language] = {footer(words, language, *ends) for ends in _FOOTERS}
        return self._footers[language]

    def _context(self, screen: Screen, language: str, limits: Limits, reason: str) -> ScreenContext:
        depth, values = depth_of(screen), self.values(screen, language)
        return ScreenContext(self.engine.words, language, screen, values, depth, limits, reason)

    def _row(self, screen: Screen, language: str) -> Row:
        return Row("", self.values(screen, language))
