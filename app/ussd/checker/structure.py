"""Proves the structure of a menu: every screen is there, is reached, can be left, and ends."""

from __future__ import annotations

from collections.abc import Iterator

from app.ussd.menu import BACK, Fault, Menu, Screen


def structure_faults(menu: Menu) -> Iterator[Fault]:
    """Targets that are not there, screens never reached, circles, and talks without an end."""
    for name in menu.entrances:
        if name not in menu.screens:
            yield Fault(name, "-", "the menu begins or leads there, and there is no such screen")
    for screen in menu.screens.values():
        yield from _aims(menu, screen)
    reached = _reached(menu, menu.entrances)
    for name in menu.screens:
        if name not in reached:
            yield Fault(name, "-", "cannot be reached")
    for name, screen in menu.screens.items():
        if screen.kind == "do" and _goes_round(menu, name):
            yield Fault(name, "-", "goes round in a circle without an input")
        elif not _rests(menu, name):
            yield Fault(name, "-", "the talk cannot end: no way leads to a show or an end")


def _aims(menu: Menu, screen: Screen) -> Iterator[Fault]:
    for target in screen.targets:
        if target not in menu.screens:
            yield Fault(screen.name, "-", f"leads to {target}, which is not there")
    if screen.kind == "menu" and not screen.choices and not screen.source:
        yield Fault(screen.name, "-", "offers no choice and says nothing")
    if screen.private and not menu.lock:
        yield Fault(screen.name, "-", "is private, but the menu names no lock")


def _reached(menu: Menu, entrances: list[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(entrances)
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


def _rests(menu: Menu, start: str) -> bool:
    """Whether some way from `start` comes to rest; a way back to where one was counts."""
    return any(_is_rest(menu.screens[name]) for name in _reached(menu, [start]))


def _is_rest(screen: Screen) -> bool:
    return screen.rests or BACK in screen.aims
