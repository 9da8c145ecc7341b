"""A menu's screens with the largest values they may have to hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.text.encoding import Limits
from app.ussd.checker.catalogue import keys_of
from app.ussd.checker.samples import Samples
from app.ussd.engine import MenuEngine
from app.ussd.menu import Screen
from app.ussd.screen import ScreenContext, paginate_list, paginate_screen
from app.ussd.vocabulary import Row

# From this depth on the footer offers everything it can.
DEEPEST = 3
_MANY_ROWS = 12


@dataclass(frozen=True, slots=True)
class WorstCase:
    """A menu and its samples, from which the largest screens are made."""

    engine: MenuEngine[Any]
    samples: Samples

    def values(self, screen: Screen, language: str) -> dict[str, Any]:
        """Returns the largest value of each name in the screen's sentences."""
        words = self.engine.words
        values: dict[str, Any] = {}
        for key in keys_of(screen) | {screen.name}:
            if words.has(language, key):
                values |= self.samples.worst(words, language, key)
        return values

    def pages(self, screen: Screen, language: str, limits: Limits, reason: str = "") -> list[str]:
        """Returns the pages of a screen with all its choices, or a list with many rows.

        `reason` is the key of the sentence that refuses an input there.
        """
        words = self.engine.words
        depth = 1 if screen.home else DEEPEST
        values = self.values(screen, language)
        context = ScreenContext(words, language, screen, values, depth, limits, reason)
        if screen.kind == "list":
            row = Row("", self.samples.worst(words, language, f"{screen.name}.row"))
            return [page for page, _ in paginate_list(context, [row] * _MANY_ROWS)]
        return paginate_screen(context, [choice.digit for choice in screen.choices])
