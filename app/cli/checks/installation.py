"""Checks of what the installation says of itself: settings, menus, providers, prices."""

from __future__ import annotations

from app.base.clock import local_date
from app.messaging.prices import entry_on
from app.runtime import Runtime
from app.sms.registry import PROVIDERS
from app.ussd.checker.check import find_faults


def check_configuration(maalem: Runtime) -> str:
    kind = "production" if maalem.settings.production else "development"
    return f"{kind}, dialled as {maalem.settings.ussd_code}"


def check_menus(maalem: Runtime) -> str:
    faults = find_faults(maalem.ussd, maalem.declarations, maalem.limits)
    if faults:
        raise RuntimeError(f"{len(faults)} faults, the first: {faults[0]}")
    return f"{len(maalem.ussd.menu.screens)} screens in {', '.join(maalem.words.languages)}"


def check_sms(maalem: Runtime) -> str:
    names = maalem.settings.sms_providers
    if unknown := [name for name in names if name not in PROVIDERS]:
        raise RuntimeError(f"no such provider: {', '.join(unknown)}")
    if missing := maalem.settings.credentials_missing:
        raise RuntimeError(f"not set: {', '.join(missing)}")
    # Making a provider reads its own settings and names those that are missing.
    return ", ".join(maalem.sms_providers)


def check_prices(maalem: Runtime) -> str:
    """Returns today's price of a segment at each provider, and how sure the price is."""
    today = local_date(maalem.clock())
    names = maalem.settings.sms_providers
    entries = {name: entry_on(maalem.prices, name, today) for name in names}
    return ", ".join(f"{name} {price.mad} MAD ({price.sure})" for name, price in entries.items())
