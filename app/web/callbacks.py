"""Admits the posts of gateways and SMS providers: by a token in the address, and by who calls."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from app.settings import Settings


def is_admitted(settings: Settings, caller: str, given: str, address: str | None) -> bool:
    """Returns whether a post with this token is the caller's, from where the caller may call.

    `caller` is the gateway's or provider's name, `address` where the post comes from. Two tokens
    may be good at once while one is replaced (CALLBACK_TOKENS).
    """
    # Each is compared, so that the time taken does not say which one nearly fitted.
    fits = [hmac.compare_digest(given.encode(), token) for token in settings.tokens_of(caller)]
    return any(fits) and is_from_source(settings, caller, address)


def is_from_source(settings: Settings, caller: str, address: str | None) -> bool:
    """Returns whether the post comes from an address the caller calls from (CALLBACK_SOURCES)."""
    sources = settings.callback_sources.get(caller)
    if sources is None:
        return True
    try:
        calling = ip_address(address or "")
    except ValueError:
        return False
    return any(calling in network for network in sources)
