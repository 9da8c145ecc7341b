"""Judges the addresses at which clients want to be called back. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from app.agents.callback_hosts import is_host_name
from app.base.special_addresses import is_of_the_internet
from app.mobile_money.objects import refuse

_LONGEST = 1024
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class CallbackRules:
    """The places where callbacks may go. `private`: our own networks too, by http, to any port.

    `pinned`: to the hosts agreed with a client alone; else a client without such hosts is free.
    """

    private: bool
    pinned: bool


def check_address(url: str, hosts: Collection[str], rules: CallbackRules) -> str:
    """Returns an address that we may call for a client of these hosts. Raises: Refused."""
    if fault := find_fault(url, hosts, rules):
        raise refuse("X-Callback-URL", fault)
    return url


def find_fault(url: str, hosts: Collection[str], rules: CallbackRules) -> str | None:
    """Returns why an address may not be called, in words; None if it may."""
    parts = split_url(url)
    schemes = ("https", "http") if rules.private else ("https",)
    if parts is None or parts.scheme not in schemes or len(url) > _LONGEST:
        return f"not an address with {' or '.join(schemes)}"
    host = host_of(parts)
    if not rules.private:
        if port_of(parts) != _PORTS["https"]:
            return "another port than 443"
        if host == "localhost" or (_is_ip_address(host) and not is_of_the_internet(host)):
            return "a private address"
    if (rules.pinned or hosts) and host not in hosts:
        return "not at a host agreed with this client"
    return None


def split_url(url: str) -> SplitResult | None:
    """Splits an address of visible ASCII without a user; None for what is no such address."""
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.port != 0 and re.fullmatch(r"[!-~]+", url)
    except ValueError:
        return None
    if not usable or "@" in parts.netloc or "\\" in url:
        return None
    host = host_of(parts)
    return parts if _is_ip_address(host) or is_host_name(host) else None


def host_of(parts: SplitResult) -> str:
    """Returns the host in small letters, without the dot that may end a whole name."""
    return str(parts.hostname).removesuffix(".")


def port_of(parts: SplitResult) -> int:
    """Returns the port that is called."""
    return parts.port or _PORTS[parts.scheme]


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
