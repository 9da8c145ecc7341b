"""Pages that are written once for all callers who see the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from app.base.money import Money
from app.base.months import Month
from app.text.words import Say
from app.ussd.screen import ScreenContext, choice_key, paginate_screen

# Amounts, days and counts are many people's. A text may be one person's: a name, a code, a receipt.
_COMMON = frozenset({Money, Month, date, datetime, int})
# A register of 360,000 shows a thousand different pages of rights and dues: 1.1 MB of memory.
_MOST = 1024


class WrittenPages:
    """The pages of one menu's screens that were written before, in memory alone.

    A page with a text among its values is not kept, for the text may be personal, nor one that
    names what may change at any time (the networks), nor one that refuses an input.
    """

    def __init__(self) -> None:
        self._pages: dict[tuple[object, ...], list[str]] = {}

    def paginate(self, context: ScreenContext, digits: Sequence[str]) -> list[str]:
        """Returns the pages of any screen but a list, as `paginate_screen` writes them."""
        common = None if context.reason else _freeze(context.values)
        if common is None:
            return paginate_screen(context, digits)
        _, language, screen, _, *others = context
        key = (language, screen.name, *others, *digits, common)
        pages = self._pages.get(key)
        if pages is None:
            pages = paginate_screen(context, digits)
            if not _takes_shared_value(context, digits):
                if len(self._pages) >= _MOST:
                    self._pages.clear()
                self._pages[key] = pages
        return pages


def _freeze(values: Mapping[str, Any]) -> tuple[object, ...] | None:
    """Returns what is equal for equal values; None if one of them may be one person's alone."""
    frozen: list[object] = []
    for name, value in values.items():
        if isinstance(value, Say):
            if (part := _freeze(value.values)) is None:
                return None
            frozen += (name, value.key, part)
        elif type(value) in _COMMON or value == "":
            frozen += (name, value)
        else:
            return None
    return tuple(frozen)


def _takes_shared_value(context: ScreenContext, digits: Sequence[str]) -> bool:
    """True if a sentence of the screen takes a value that it is not given, and that may change."""
    choices = [choice_key(context.screen, digit) for digit in digits]
    keys = [context.screen.name, *choices, *_list_keys(context.values)]
    return any(context.words.takes_shared_value(context.language, key) for key in keys)


def _list_keys(values: Mapping[str, Any]) -> Iterator[str]:
    """Yields the keys of the sentences among the values."""
    for value in values.values():
        if isinstance(value, Say):
            yield value.key
            yield from _list_keys(value.values)
