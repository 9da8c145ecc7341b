"""Checks of SMS providers: their settings, their prices, and what each says when it is asked."""

from __future__ import annotations

from collections.abc import Mapping

from app.base.clock import local_date
from app.checks.looking import Check, WrongInProduction
from app.messaging.prices import entry_on
from app.runtime import Runtime
from app.sms.registry import PROVIDERS


def check_sms(maalem: Runtime) -> str:
    if missing := maalem.settings.credentials_missing:
        raise RuntimeError(f"not set: {', '.join(missing)}")
    if shut := [name for name in maalem.settings.sms_providers if _is_shut(maalem, name)]:
        raise WrongInProduction(f"no callback token: reports of {', '.join(shut)} are refused")
    # Making a provider reads its own settings and names those that are missing.
    return ", ".join(maalem.sms_providers)


def _is_shut(maalem: Runtime, name: str) -> bool:
    """True if a provider posts to us with a token in the address, and none is set."""
    known = PROVIDERS[name]
    return bool(known.reader) and not known.signed and not maalem.settings.tokens_of(name)


def check_prices(maalem: Runtime) -> str:
    """Returns today's price of a segment at each provider, and how sure the price is."""
    today = local_date(maalem.clock())
    names = maalem.settings.sms_providers
    entries = {name: entry_on(maalem.prices, name, today) for name in names}
    return ", ".join(f"{name} {price.mad} MAD ({price.sure})" for name, price in entries.items())


def list_account_checks(maalem: Runtime) -> Mapping[str, Check]:
    """Returns a check for each provider that is used: it is asked for the account, at no cost."""
    return {f"sms {name}": _make_account_check(name) for name in maalem.settings.sms_providers}


def _make_account_check(name: str) -> Check:
    def check_account(maalem: Runtime) -> str:
        if missing := maalem.settings.credentials_missing:
            raise RuntimeError(f"not asked: {', '.join(missing)} not set")
        return maalem.sms_providers[name].check_account()

    return check_account
