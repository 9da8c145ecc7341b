"""Proves a menu: every screen exists, is reached, can be left, speaks every language, and fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.text.encoding import GSM7, UCS2, encoding_of, segments
from app.ussd.engine import Engine
from app.ussd.menu import Menu, Screen
from app.ussd.samples import Samples
from app.ussd.screen import choice_key, list_pages_of, pages_of
from app.ussd.vocabulary import Row, Vocabulary

# Sentences the engine itself says, and those of messages and tills.
_SPOKEN = {"footer.back", "footer.home", "footer.more", "wrong.choice", "away", "away.short"}
_APART = ("sms.", "till.", "error.", "months")
# Languages written with plain letters, so that a message costs half.
_GSM7_LANGUAGES = {"fr", "ary-Latn"}
_MOST_SEGMENTS = {GSM7: 1, UCS2: 2}
_MOST_PAGES = 4
_DEEPEST = 3
_MANY_ROWS = 12


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, on which screen (or key), in which language (`-` for all)."""

    screen: str
    language: str
    why: str

    def __str__(self) -> str:
        return f"{self.screen} [{self.language}]: {self.why}"


def find_faults(engine: Engine[Any], samples: Samples) -> list[Fault]:
    """Everything wrong with the menu and its words; structure first, for words lean on it."""
    menu = engine.menu
    faults = [*_structure(menu), *_names(menu, engine.vocabulary)]
    faults += _wordings(engine, samples)
    if not faults:
        faults += _sizes(engine, samples)
    return faults


def _structure(menu: Menu) -> Iterator[Fault]:
    if menu.start not in menu.screens:
        yield Fault(menu.start, "-", "the menu starts at a screen that is not there")
        return
    for screen in menu.screens.values():
        for target in screen.targets:
            if target not in menu.screens:
                yield Fault(screen.name, "-", f"leads to {target}, which is not there")
    reached = _reached(menu, menu.start)
    for name in menu.screens:
        if name not in reached:
            yield Fault(name, "-", "cannot be reached")
    for name, screen in menu.screens.items():
        if screen.kind == "do" and _goes_round(menu, name):
            yield Fault(name, "-", "goes round in a circle without an input")


def _reached(menu: Menu, start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in menu.screens and name not in found:
            found.add(name)
            waiting += menu.screens[name].targets
    return found


def _goes_round(menu: Menu, start: str) -> bool:
    """Whether following `do` screens alone can come back to `start`."""
    seen: set[str] = set()
    waiting = list(menu.screens[start].targets)
    while waiting:
        name = waiting.pop()
        if name == start:
            return True
        if name in menu.screens and name not in seen and menu.screens[name].kind == "do":
            seen.add(name)
            waiting += menu.screens[name].targets
    return False


def _names(menu: Menu, vocabulary: Vocabulary[Any]) -> Iterator[Fault]:
    for screen in menu.screens.values():
        known: dict[str, Mapping[str, Any]] = {
            "do": vocabulary.actions,
            "list": vocabulary.lists,
            "input": vocabulary.checks,
            "secret": vocabulary.checks,
        }
        if screen.uses and screen.uses not in known[screen.kind]:
            yield Fault(screen.name, "-", f"names {screen.uses}, which is no {screen.kind} of ours")
        if screen.source and screen.source not in vocabulary.sources:
            yield Fault(screen.name, "-", f"names the source {screen.source}, which is not there")
        for choice in screen.choices:
            if choice.guard and choice.guard not in vocabulary.guards:
                yield Fault(screen.name, "-", f"names the guard {choice.guard}, which is not there")
        if screen.kind == "do" and screen.uses in vocabulary.actions:
            yield from _outcomes(screen, vocabulary)


def _outcomes(screen: Screen, vocabulary: Vocabulary[Any]) -> Iterator[Fault]:
    assert screen.uses and screen.outcomes is not None
    wanted, given = set(vocabulary.actions[screen.uses].outcomes), set(screen.outcomes)
    for outcome in sorted(wanted - given):
        yield Fault(screen.name, "-", f"has no target for the outcome {outcome}")
    for outcome in sorted(given - wanted):
        yield Fault(screen.name, "-", f"{screen.uses} has no outcome {outcome}")


def keys_of(screen: Screen) -> set[str]:
    """The keys a screen needs; a menu may do without a sentence of its own."""
    if screen.kind == "do":
        return set()
    keys = {choice_key(screen, choice.digit) for choice in screen.choices}
    if screen.kind != "menu":
        keys.add(screen.name)
    if screen.kind == "list":
        keys |= {f"{screen.name}.row"}
    if screen.kind in {"input", "secret"}:
        keys.add(f"wrong.{screen.uses}")
    return keys


def _wordings(engine: Engine[Any], samples: Samples) -> Iterator[Fault]:
    words, screens = engine.words, engine.menu.screens
    needed = _SPOKEN | samples.keys
    for screen in screens.values():
        needed |= keys_of(screen)
    written = {
        language: {
            str(message.id[0] if isinstance(message.id, tuple) else message.id)
            for message in catalog
            if message.id
        }
        for language, catalog in words.catalogs.items()
    }
    everywhere = set().union(*written.values())
    for language, keys in written.items():
        for key in sorted((needed | everywhere) - keys):
            yield Fault(key, language, "has no words")
        for key in sorted(keys - needed):
            if key not in screens and not key.startswith(_APART):
                yield Fault(key, language, "is used nowhere")
        for key in sorted(keys & everywhere):
            yield from _places(engine, samples, language, key, list(written))


def _places(
    engine: Engine[Any], samples: Samples, language: str, key: str, languages: list[str]
) -> Iterator[Fault]:
    words = engine.words
    sentence = words.catalogs[language].get(key)
    if sentence is None or not sentence.string:
        yield Fault(key, language, "has no words")
        return
    if isinstance(sentence.id, tuple):
        return
    here = words.places(language, key)
    if not key.startswith(("till.", "error.")):
        for name in sorted(here - samples.names):
            yield Fault(key, language, f"{{{name}}} has no worst value in samples.yaml")
    if language in _GSM7_LANGUAGES and encoding_of(str(sentence.string)) != GSM7:
        strange = sorted({c for c in str(sentence.string) if encoding_of(c) != GSM7})
        yield Fault(key, language, f"{' '.join(strange)} is not in GSM-7")


def _sizes(engine: Engine[Any], samples: Samples) -> Iterator[Fault]:
    for language in engine.words.languages:
        for screen in engine.menu.screens.values():
            if screen.kind == "do":
                continue
            try:
                yield from _size(engine, samples, screen, language)
            except ValueError as error:
                yield Fault(screen.name, language, str(error))
        for message in engine.words.catalogs[language]:
            key = str(message.id)
            if key.startswith("sms."):
                yield from _message(engine, samples, key, language)


def _size(engine: Engine[Any], samples: Samples, screen: Screen, language: str) -> Iterator[Fault]:
    words, limits = engine.words, engine.limits
    values: dict[str, Any] = {}
    for key in keys_of(screen) | {screen.name}:
        if words.has(language, key):
            values |= samples.worst(words, language, key)
    if screen.kind == "list":
        row = Row("", samples.worst(words, language, f"{screen.name}.row"))
        list_pages_of(
            words, language, screen, values, [row] * _MANY_ROWS, _DEEPEST, limits, "wrong.choice"
        )
        return
    reason = f"wrong.{screen.uses}" if screen.uses else "wrong.choice"
    digits = [choice.digit for choice in screen.choices]
    again = None if screen.kind == "end" else reason
    depth = 1 if screen.home else _DEEPEST
    pages = pages_of(words, language, screen, values, digits, depth, limits, again)
    if screen.kind == "end" and len(pages) > 1:
        yield Fault(screen.name, language, f"ends the talk but takes {len(pages)} pages")
    if len(pages) > _MOST_PAGES:
        yield Fault(screen.name, language, f"takes {len(pages)} pages, {_MOST_PAGES} at most")
    if digits and not any(_offers_all(page, digits) for page in pages):
        yield Fault(screen.name, language, "its choices are not on one page")


def _offers_all(page: str, digits: list[str]) -> bool:
    lines = page.split("\n")
    return all(any(line.startswith(f"{digit} ") for line in lines) for digit in digits)


def _message(engine: Engine[Any], samples: Samples, key: str, language: str) -> Iterator[Fault]:
    words = engine.words
    text = words.say(language, key, samples.worst(words, language, key))
    most = _MOST_SEGMENTS[GSM7 if language in _GSM7_LANGUAGES else UCS2]
    if segments(text) > most:
        yield Fault(key, language, f"takes {segments(text)} SMS segments, {most} at most")
