"""The screens by which a talk is counted: those that show what is owed, and those that show a code.

Pure.
"""

from __future__ import annotations

from collections.abc import Set

from app.ussd.menu import Menu

# The sources of the screens that show what is owed, and of those that show a code.
_DUES = frozenset({"dues", "rights", "months", "other_person"})
_CODES = frozenset({"live_code", "code_for_another"})


def list_dues_screens(menu: Menu) -> list[str]:
    """Lists the screens that show what is owed."""
    return _list_screens(menu, _DUES)


def list_code_screens(menu: Menu) -> list[str]:
    """Lists the screens that show a code."""
    return _list_screens(menu, _CODES)


def _list_screens(menu: Menu, sources: Set[str]) -> list[str]:
    """Lists the screens that tell a value of one of the sources; a question tells none."""
    return [
        screen.name
        for screen in menu.screens.values()
        if screen.kind != "confirm" and sources & {screen.source, screen.uses}
    ]
