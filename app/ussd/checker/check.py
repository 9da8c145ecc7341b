"""Proves a menu: every screen exists, is reached, can be left, has all its words, and fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.text.encoding import Limits, fits
from app.text.words import Words
from app.ussd.checker.catalogue import find_wording_faults
from app.ussd.checker.declarations import Declarations
from app.ussd.checker.filled_menu import DEEPEST, FilledMenu
from app.ussd.checker.keys import find_first_page_faults, find_key_faults, find_page_faults
from app.ussd.checker.messages import find_message_faults, find_size_faults, message_keys
from app.ussd.checker.samples import Samples
from app.ussd.checker.structure import find_structure_faults
from app.ussd.engine import LOCKED, UNPROVEN, MenuEngine
from app.ussd.menu import Fault, Menu, Screen
from app.ussd.screen import footer, sentences
from app.ussd.vocabulary import Vocabulary

_MOST_PAGES = 4


def find_faults(
    engine: MenuEngine[Any], declared: Declarations, gateways: Mapping[str, Limits]
) -> list[Fault]:
    """Returns everything wrong with the menu and its words. `gateways` are the screens' limits.

    Words are proved only in full, and sizes only where all else is right.
    """
    menu, words = engine.menu, engine.words
    if mute := set(declared.languages) - set(words.languages):
        return [Fault("locales", language, "has no words at all") for language in sorted(mute)]
    faults = [*find_structure_faults(menu), *find_unknown_names(menu, engine.vocabulary)]
    faults += find_wording_faults(menu, words, declared)
    faults += find_message_faults(words, declared)
    if not faults:
        faults += _find_screen_faults(engine, declared.samples, gateways)
        faults += _find_messages_too_large(words, declared)
    return faults


def find_unknown_names(menu: Menu, vocabulary: Vocabulary[Any, Any, Any]) -> Iterator[Fault]:
    """Yields the names that a menu uses and the vocabulary lacks, and outcomes without target."""
    if menu.lock and LOCKED not in vocabulary.guards:
        yield Fault(menu.lock, "-", f"asks for a PIN, but there is no guard {LOCKED}")
    if menu.proof and UNPROVEN not in vocabulary.guards:
        yield Fault(menu.proof, "-", f"asks for a proof, but there is no guard {UNPROVEN}")
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
        if vocabulary.answers.keys and screen.keep and screen.keep not in vocabulary.answers.keys:
            yield Fault(screen.name, "-", f"keeps {screen.keep}, which is no answer of ours")
        for choice in screen.choices:
            if choice.guard and choice.guard not in vocabulary.guards:
                yield Fault(screen.name, "-", f"names the guard {choice.guard}, which is not there")
        if screen.kind == "do" and screen.uses in vocabulary.actions:
            yield from _find_outcome_faults(screen, vocabulary)


def _find_outcome_faults(screen: Screen, vocabulary: Vocabulary[Any, Any, Any]) -> Iterator[Fault]:
    assert screen.uses and screen.outcomes is not None
    declared, led_on = set(vocabulary.actions[screen.uses].outcomes), set(screen.outcomes)
    for outcome in sorted(declared - led_on):
        yield Fault(screen.name, "-", f"has no target for the outcome {outcome}")
    for outcome in sorted(led_on - declared):
        yield Fault(screen.name, "-", f"{screen.uses} has no outcome {outcome}")


def _find_screen_faults(
    engine: MenuEngine[Any], samples: Samples, gateways: Mapping[str, Limits]
) -> Iterator[Fault]:
    """Yields what is wrong with each screen as it is shown, with the worst and everyday values."""
    worst, everyday = FilledMenu(engine, samples), FilledMenu(engine, samples.everyday)
    screens = [screen for screen in engine.menu.screens.values() if screen.kind != "do"]
    for language in engine.words.languages:
        for screen in screens:
            yield from _to_faults(screen.name, language, find_key_faults(worst, screen, language))
        for gateway, limits in _group_by_limits(gateways):
            for screen in screens:
                reasons = _find_shown_faults(worst, everyday, screen, language, limits)
                yield from _to_faults(screen.name, language, reasons, f" ({gateway})")


def _find_shown_faults(
    worst: FilledMenu, everyday: FilledMenu, screen: Screen, language: str, limits: Limits
) -> Iterator[str]:
    yield from _measure_screen(worst, screen, language, limits)
    yield from find_page_faults(worst, screen, language, limits)
    # Two screens in three are the same with everyday values.
    if everyday.values(screen, language) != worst.values(screen, language):
        yield from find_page_faults(everyday, screen, language, limits)
    yield from find_first_page_faults(everyday, screen, language, limits)


def _find_messages_too_large(words: Words, declared: Declarations) -> Iterator[Fault]:
    for language in words.languages:
        for key in message_keys(words, declared, language):
            reasons = find_size_faults(words, declared.samples, language, declared.messages[key])
            yield from _to_faults(key, language, reasons)


def _group_by_limits(gateways: Mapping[str, Limits]) -> Iterator[tuple[str, Limits]]:
    """Yields each limit once, with the names of the gateways that have it."""
    for limits in dict.fromkeys(gateways.values()):
        yield "/".join(name for name, its in gateways.items() if its == limits), limits


def _to_faults(
    name: str, language: str, reasons: Iterator[str], where: str = ""
) -> Iterator[Fault]:
    try:
        for why in reasons:
            yield Fault(name, language, why + where)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        # A row that fits nowhere, a format that cannot write its value, a sentence in itself.
        yield Fault(name, language, f"cannot be written: {error}{where}")


def _measure_screen(
    worst: FilledMenu, screen: Screen, language: str, limits: Limits
) -> Iterator[str]:
    """Yields why a screen is too large, also with an input refused."""
    takes_input = screen.uses and screen.kind != "list"
    reason = f"wrong.{screen.uses}" if takes_input else "wrong.choice"
    if screen.kind == "end":
        reason = ""
    pages = worst.pages(screen, language, limits, reason)
    if screen.kind == "list":
        return
    if screen.kind == "end" and len(pages) > 1:
        yield f"ends the talk but takes {len(pages)} pages"
    if reason:
        yield from _find_lines_without_room(worst, screen, language, limits, reason)
    if len(pages) > _MOST_PAGES:
        yield f"takes {len(pages)} pages, {_MOST_PAGES} at most"


def _find_lines_without_room(
    worst: FilledMenu, screen: Screen, language: str, limits: Limits, reason: str
) -> Iterator[str]:
    """Yields the lines that no page holds together with the reason for refusing an input."""
    words = worst.engine.words
    refusal = words.say(language, reason)
    end = footer(words, language, DEEPEST, later=True, more=True)
    for line in sentences(words, language, screen.name, worst.values(screen, language)):
        if not fits("\n".join([refusal, line, end]), limits):
            yield f"{reason} leaves no room for the line: {line}"
