"""Admits the posts of gateways and SMS providers: by a token in the address, and by who calls."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from flask import request

from app.settings import Settings


def is_admitted(settings: Settings, caller: str, given: str) -> bool:
    """Returns whether a post with this token is the caller's, from where the caller may call.

    `caller` is the gateway's or provider's name. Two tokens may be good at once while one is
    replaced (CALLBACK_TOKENS).
    """
    # Each is compared, so that the time taken does not say which one nearly fitted.
    fits = [hmac.compare_digest(given.encode(), token) for token in settings.tokens_of(caller)]
    return any(fits) and is_from_source(settings, caller)


def is_from_source(settings: Settings, caller: str) -> bool:
    """Returns whether the post comes from an address the caller calls from (CALLBACK_SOURCES)."""
    sources = settings.callback_sources.get(caller)
    if sources is None:
        return True
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return any(address in network for network in sources)
