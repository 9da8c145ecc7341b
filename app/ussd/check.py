"""Proves a menu: every screen exists, is reached, can be left, speaks every language, and fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.text.encoding import GSM7, UCS2, fits, segments
from app.ussd.engine import Engine
from app.ussd.menu import Fault, Menu, Screen
from app.ussd.samples import Samples
from app.ussd.screen import footer, list_pages_of, pages_of, sentences
from app.ussd.vocabulary import Row, Vocabulary
from app.ussd.wordings import GSM7_LANGUAGES, keys_of, wording_faults

_MOST_SEGMENTS = {GSM7: 1, UCS2: 2}
_MOST_PAGES = 4
_DEEPEST = 3
_MANY_ROWS = 12


def find_faults(engine: Engine[Any], samples: Samples) -> list[Fault]:
    """Everything wrong with the menu and its words; structure first, for words lean on it."""
    menu = engine.menu
    faults = [*_structure(menu), *_names(menu, engine.vocabulary)]
    faults += wording_faults(menu, engine.words, samples)
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


def _sizes(engine: Engine[Any], samples: Samples) -> Iterator[Fault]:
    for language in engine.words.languages:
        measured = [
            (screen.name, _size(engine, samples, screen, language))
            for screen in engine.menu.screens.values()
            if screen.kind != "do"
        ]
        measured += [
            (key, _message(engine, samples, key, language))
            for key in sorted(engine.words.keys(language))
            if key.startswith("sms.")
        ]
        for name, faults in measured:
            try:
                yield from faults
            except (ValueError, TypeError, AttributeError) as error:
                # A row that fits nowhere, or a format that cannot write its value.
                yield Fault(name, language, f"cannot be written: {error}")


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
    for line in sentences(words, language, screen.name, values) if again else ():
        if not _fits_below(engine, language, words.say(language, reason), line):
            yield Fault(screen.name, language, f"{reason} leaves no room for the line: {line}")
    if len(pages) > _MOST_PAGES:
        yield Fault(screen.name, language, f"takes {len(pages)} pages, {_MOST_PAGES} at most")
    if digits and not any(_offers_all(page, digits) for page in pages):
        yield Fault(screen.name, language, "its choices are not on one page")


def _fits_below(engine: Engine[Any], language: str, reason: str, line: str) -> bool:
    """Whether one page holds both: else the reason would stand on a page of its own."""
    end = footer(engine.words, language, _DEEPEST, later=True, more=True)
    return fits("\n".join([reason, line, end]), engine.limits)


def _offers_all(page: str, digits: list[str]) -> bool:
    lines = page.split("\n")
    return all(any(line.startswith(f"{digit} ") for line in lines) for digit in digits)


def _message(engine: Engine[Any], samples: Samples, key: str, language: str) -> Iterator[Fault]:
    words = engine.words
    text = words.say(language, key, samples.worst(words, language, key))
    most = _MOST_SEGMENTS[GSM7 if language in GSM7_LANGUAGES else UCS2]
    if segments(text) > most:
        yield Fault(key, language, f"takes {segments(text)} SMS segments, {most} at most")
