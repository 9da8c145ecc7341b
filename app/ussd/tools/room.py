"""Measures how many letters a sentence may still grow, on its screen or in its message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.text.encoding import GSM7, Limits, encoding_of, most_units, units
from app.text.languages import LANGUAGES
from app.ussd.checker.catalogue import keys_of
from app.ussd.checker.declarations import Declarations
from app.ussd.checker.filled_menu import FilledMenu
from app.ussd.checker.messages import bits, message_keys
from app.ussd.menu import Screen
from app.ussd.screen import choice_key, sentences


@dataclass(frozen=True, slots=True)
class Room:
    """The room of every sentence of a language.

    A screen is measured with everyday values, and a sentence in it has what its page has left. A
    message is measured with its worst values.
    """

    filled: FilledMenu
    declared: Declarations
    limits: Limits

    def measure_all(self, language: str) -> dict[str, int]:
        """Returns the letters left by key; a page's sentences have no limit and are left out."""
        room: dict[str, int] = {}
        for key, left in self._measure_all(language):
            room[key] = min(left, room.get(key, left))
        return room

    def _measure_all(self, language: str) -> Iterator[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for screen in self.filled.engine.menu.screens.values():
            if screen.kind != "do":
                found += self._measure_screen(screen, language)
        found += self._measure_messages(language)
        for key, left in found:
            yield key, left
            yield from self._measure_parts(language, key, left)

    def _measure_screen(self, screen: Screen, language: str) -> Iterator[tuple[str, int]]:
        words, limits = self.filled.engine.words, self.limits
        pages = self.filled.pages(screen, language, limits)
        left = [
            (limits.septets if encoding_of(page) == GSM7 else limits.ucs2) - units(page)
            for page in pages
        ]
        lines = [page.split("\n") for page in pages]
        for choice in screen.choices:
            key = choice_key(screen, choice.digit)
            on = (n for n, page in enumerate(lines) if _offers(page, choice.digit))
            yield key, left[next(on, -1)]
        own = sentences(words, language, screen.name, self.filled.values(screen, language))
        if own:
            on = (n for n, page in enumerate(lines) if own[-1] in page)
            yield screen.name, left[next(on, 0)]
        for key in keys_of(screen):
            if key == f"{screen.name}.row" or key in screen.says:
                yield key, left[0]

    def _measure_messages(self, language: str) -> Iterator[tuple[str, int]]:
        words, declared, entry = self.filled.engine.words, self.declared, LANGUAGES[language]
        for key in message_keys(words, declared, language):
            worst = declared.samples.worst(words, language, key, bits)
            text = words.say(language, key, worst)
            allowed = declared.messages[key].most_segments[entry.encoding]
            most = most_units(encoding_of(text), min(entry.most_segments, allowed))
            yield key, most - units(text)

    def _measure_parts(self, language: str, key: str, left: int) -> Iterator[tuple[str, int]]:
        """Yields the room of the sentences that may stand in `key`: the largest has the least."""
        words, samples = self.filled.engine.words, self.declared.samples
        if not words.has(language, key):
            return
        for name in words.value_names(language, key):
            sizes = {
                part: units(words.say(language, part, samples.worst(words, language, part)))
                for part in samples.sentences(name)
            }
            for part, size in sizes.items():
                yield part, max(sizes.values()) - size + left
                yield from self._measure_parts(language, part, max(sizes.values()) - size + left)


def _offers(lines: list[str], digit: str) -> bool:
    return any(line.startswith(f"{digit} ") for line in lines)
