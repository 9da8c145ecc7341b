"""Proves a menu: every screen exists, is reached, can be left, speaks every language, and fits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from typing import Any

from app.text.encoding import Limits, fits
from app.text.words import Words
from app.ussd.checker.catalogue import keys_of, wording_faults
from app.ussd.checker.messages import harm_faults, messages, size_faults
from app.ussd.checker.samples import Samples
from app.ussd.checker.structure import structure_faults
from app.ussd.engine import LOCKED, Engine
from app.ussd.menu import Fault, Menu, Screen
from app.ussd.screen import ScreenContext, footer, paginate_list, paginate_screen, sentences
from app.ussd.vocabulary import Row, Vocabulary

_MOST_PAGES = 4
_DEEPEST = 3
_MANY_ROWS = 12


def find_faults(
    engine: Engine[Any],
    samples: Samples,
    gateways: Mapping[str, Limits],
    said: Set[str],
    languages: Collection[str],
) -> list[Fault]:
    """Everything wrong with the menu and its words; structure first, for words lean on it.

    `gateways` are the limits of each gateway's screen, `said` what the code says (find_said_keys),
    `languages` those that people may choose.
    """
    menu = engine.menu
    if mute := set(languages) - set(engine.words.languages):
        return [Fault("locales", language, "has no words at all") for language in sorted(mute)]
    faults = [*structure_faults(menu), *unknown_names(menu, engine.vocabulary)]
    faults += wording_faults(menu, engine.words, samples, said)
    faults += harm_faults(engine.words, samples)
    if not faults:
        faults += _sizes(engine, samples, gateways)
    return faults


def unknown_names(menu: Menu, vocabulary: Vocabulary[Any, Any, Any]) -> Iterator[Fault]:
    """What the menu names and the code has not, or the other way round."""
    if menu.lock and LOCKED not in vocabulary.guards:
        yield Fault(menu.lock, "-", f"asks for a PIN, but there is no guard {LOCKED}")
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


def _outcomes(screen: Screen, vocabulary: Vocabulary[Any, Any, Any]) -> Iterator[Fault]:
    assert screen.uses and screen.outcomes is not None
    wanted, given = set(vocabulary.actions[screen.uses].outcomes), set(screen.outcomes)
    for outcome in sorted(wanted - given):
        yield Fault(screen.name, "-", f"has no target for the outcome {outcome}")
    for outcome in sorted(given - wanted):
        yield Fault(screen.name, "-", f"{screen.uses} has no outcome {outcome}")


def _sizes(
    engine: Engine[Any], samples: Samples, gateways: Mapping[str, Limits]
) -> Iterator[Fault]:
    words = engine.words
    screens = [screen for screen in engine.menu.screens.values() if screen.kind != "do"]
    for language in words.languages:
        for gateway, limits in _narrowest(gateways):
            for screen in screens:
                faults = _size(engine, samples, screen, language, limits)
                yield from _told(screen.name, language, gateway, faults)
        for key in messages(words, language):
            yield from _told(key, language, "", size_faults(words, samples, language, key))


def _narrowest(gateways: Mapping[str, Limits]) -> Iterator[tuple[str, Limits]]:
    """Each limit once, with the gateways that have it."""
    for limits in dict.fromkeys(gateways.values()):
        yield "/".join(name for name, its in gateways.items() if its == limits), limits


def _told(name: str, language: str, gateway: str, faults: Iterator[str]) -> Iterator[Fault]:
    where = f" ({gateway})" if gateway else ""
    try:
        for why in faults:
            yield Fault(name, language, why + where)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        # A row that fits nowhere, a format that cannot write its value, a sentence in itself.
        yield Fault(name, language, f"cannot be written: {error}{where}")


def worst_pages(
    engine: Engine[Any],
    samples: Samples,
    screen: Screen,
    language: str,
    limits: Limits,
    reason: str | None = None,
) -> list[str]:
    """The pages of a screen with the longest values it may have to hold, all choices offered."""
    words = engine.words
    values = _worst(words, samples, screen, language)
    depth = 1 if screen.home else _DEEPEST
    context = ScreenContext(words, language, screen, values, depth, limits, reason or "")
    if screen.kind == "list":
        row = Row("", samples.worst(words, language, f"{screen.name}.row"))
        rows = [row] * _MANY_ROWS
        return [page for page, _ in paginate_list(context, rows)]
    return paginate_screen(context, [choice.digit for choice in screen.choices])


def _size(
    engine: Engine[Any], samples: Samples, screen: Screen, language: str, limits: Limits
) -> Iterator[str]:
    words = engine.words
    typed = screen.uses and screen.kind != "list"
    reason = f"wrong.{screen.uses}" if typed else "wrong.choice"
    again = None if screen.kind == "end" else reason
    pages = worst_pages(engine, samples, screen, language, limits, again)
    if screen.kind == "list":
        return
    if screen.kind == "end" and len(pages) > 1:
        yield f"ends the talk but takes {len(pages)} pages"
    values = _worst(words, samples, screen, language)
    for line in sentences(words, language, screen.name, values) if again else ():
        if not _fits_below(words, language, words.say(language, reason), line, limits):
            yield f"{reason} leaves no room for the line: {line}"
    if len(pages) > _MOST_PAGES:
        yield f"takes {len(pages)} pages, {_MOST_PAGES} at most"
    digits = [choice.digit for choice in screen.choices]
    if digits and not any(_offers_all(page, digits) for page in pages):
        yield "its choices are not on one page"


def _worst(words: Words, samples: Samples, screen: Screen, language: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key in keys_of(screen) | {screen.name}:
        if words.has(language, key):
            values |= samples.worst(words, language, key)
    return values


def _fits_below(words: Words, language: str, reason: str, line: str, limits: Limits) -> bool:
    """Whether one page holds both: else the reason would stand on a page of its own."""
    end = footer(words, language, _DEEPEST, later=True, more=True)
    return fits("\n".join([reason, line, end]), limits)


def _offers_all(page: str, digits: list[str]) -> bool:
    lines = page.split("\n")
    return all(any(line.startswith(f"{digit} ") for line in lines) for digit in digits)
