"""Checks of what the installation says of itself: settings and menus."""

from __future__ import annotations

from app.runtime import Runtime
from app.ussd.checker.check import find_faults


def check_configuration(maalem: Runtime) -> str:
    kind = "production" if maalem.settings.production else "development"
    return f"{kind}, dialled as {maalem.settings.ussd_code}"


def check_menus(maalem: Runtime) -> str:
    faults = find_faults(maalem.ussd, maalem.declarations, maalem.limits)
    if faults:
        raise RuntimeError(f"{len(faults)} faults, the first: {faults[0]}")
    return f"{len(maalem.ussd.menu.screens)} screens in {', '.join(maalem.words.languages)}"
