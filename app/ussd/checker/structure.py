"""Proves the structure of a menu: every screen is there, is reached, can be left, and ends."""

from __future__ import annotations

from collections.abc import Iterator

from app.ussd.menu import BACK, ONWARD, Fault, Menu, Screen


def find_structure_faults(menu: Menu) -> Iterator[Fault]:
    """Yields missing targets, screens never reached, circles, and dialogues without an end."""
    for name in menu.entrances:
        if name not in menu.screens:
            yield Fault(name, "-", "the menu begins or leads there, and there is no such screen")
    for screen in menu.screens.values():
        yield from _find_target_faults(menu, screen)
    for name in _find_first_screens(menu):
        yield Fault(name, "-", "a talk may begin there, and 00 has to lead there: `home: true`")
    reached = set(_find_reachable(menu, menu.entrances))
    for name in menu.screens:
        if name not in reached:
            yield Fault(name, "-", "cannot be reached")
    for name, screen in menu.screens.items():
        if screen.kind == "do" and _goes_round(menu, name):
            yield Fault(name, "-", "goes round in a circle without an input")
        elif not _can_end(menu, name):
            yield Fault(name, "-", "the talk cannot end: no way leads to a show or an end")


def _find_target_faults(menu: Menu, screen: Screen) -> Iterator[Fault]:
    for target in screen.targets:
        if target not in menu.screens:
            yield Fault(screen.name, "-", f"leads to {target}, which is not there")
    if screen.kind == "menu" and not screen.choices and not screen.source:
        yield Fault(screen.name, "-", "offers no choice and says nothing")
    if screen.kind == "menu" and screen.choices and not _begins_with_1(screen):
        yield Fault(screen.name, "-", "does not always begin with 1, counting on by one")
    if screen.private and not menu.lock:
        yield Fault(screen.name, "-", "is private, but the menu names no lock")
    if screen.proven and not menu.proof:
        yield Fault(screen.name, "-", "wants a proven phone, but the menu names no proof")


def _begins_with_1(screen: Screen) -> bool:
    """True if the choices are 1, 2, ..., and the first is there whenever another is."""
    digits = [choice.digit for choice in screen.choices]
    first, guards = screen.choices[0], {choice.guard for choice in screen.choices}
    counts_on = digits == [str(number) for number in range(1, len(digits) + 1)]
    return counts_on and (first.guard is None or len(guards) == 1)


def _find_reachable(menu: Menu, entrances: list[str]) -> Iterator[str]:
    reached: set[str] = set()
    waiting = list(entrances)
    while waiting:
        name = waiting.pop()
        if name in menu.screens and name not in reached:
            reached.add(name)
            yield name
            waiting += menu.screens[name].targets


def _find_first_screens(menu: Menu) -> Iterator[str]:
    """Yields the screens that a dialogue may begin with, but for homes and ends."""
    seen, waiting = set[str](), [menu.start]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in menu.screens:
            continue
        seen.add(name)
        screen = menu.screens[name]
        if screen.kind == "do":
            waiting += screen.targets
        elif not screen.home and screen.kind != "end":
            yield name


def _goes_round(menu: Menu, start: str) -> bool:
    """True if following `do` screens alone can come back to `start`."""
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


def _can_end(menu: Menu, start: str) -> bool:
    """True if a way from `start` leads to a screen that answers, or to an earlier screen."""
    reachable = (menu.screens[name] for name in _find_reachable(menu, [start]))
    return any(screen.is_answer or {BACK, ONWARD} & {*screen.all_targets} for screen in reachable)
