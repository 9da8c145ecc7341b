"""Checks of what the installation says of itself: settings and menus."""

from __future__ import annotations

from app.base.database import reading
from app.base.errors import Unavailable
from app.publishing.queries import find_live
from app.runtime import Runtime
from app.ussd.checker.check import find_faults


def check_configuration(maalem: Runtime) -> str:
    kind = "production" if maalem.settings.production else "development"
    return f"{kind}, dialled as {maalem.settings.ussd_code}"


def check_menus(maalem: Runtime) -> str:
    faults = find_faults(maalem.ussd, maalem.declarations, maalem.limits)
    if faults:
        raise RuntimeError(f"{len(faults)} faults, the first: {faults[0]}")
    told = f"{len(maalem.ussd.menu.screens)} screens in {', '.join(maalem.words.languages)}"
    return told + _describe_live(maalem)


def _describe_live(maalem: Runtime) -> str:
    """Says which version is live, where it is not the program's own.

    Raises: RuntimeError if this program cannot show it.
    """
    try:
        with reading(maalem.database) as connection:
            number = find_live(connection)
    except Unavailable:
        # The check of the database says why; the program's own menus are right.
        return "; which version is live cannot be asked"
    if number is None:
        return ""
    maalem.follow_menus()
    if maalem.live_menus.shown is maalem.live_menus.own:
        raise RuntimeError(f"version {number} is live, and this program cannot show it")
    return f"; version {number} is live, not the program's own"
