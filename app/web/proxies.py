"""Finds the address of a client behind the operator's own proxies (TRUSTED_PROXIES)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

import structlog

from app.observe import metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Network = IPv4Network | IPv6Network
_log = structlog.get_logger("web")

_HOUSEHOLD = 64  # the bits of IPv6 that one subscriber has alone


class TrustedProxies:
    """Tells the application who calls: X-Forwarded-For is believed from these proxies alone.

    An IPv4 address that came over IPv6 is written as IPv4, as lists of addresses have it.
    """

    def __init__(self, application: WSGIApplication, proxies: tuple[Network, ...]) -> None:
        self._application = application
        self._proxies = proxies
        self._noticed = False

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        client = environ.get("REMOTE_ADDR", "")
        if ":" in client:
            client = environ["REMOTE_ADDR"] = _read_address(client) or client
        forwarded = environ.pop("HTTP_X_FORWARDED_FOR", "")
        if forwarded:
            environ["REMOTE_ADDR"] = self.find_client(client, forwarded)
        if (forwarded or "HTTP_FORWARDED" in environ) and environ["REMOTE_ADDR"] == client:
            self._notice(client)
        return self._application(environ, start)

    def find_client(self, peer: str, forwarded: str) -> str:
        """Returns the nearest address that is no proxy of ours, from the connection outwards.

        `forwarded` is the header, whose last address the nearest proxy wrote, with a port or
        without. What stands left of an address that is not ours may be made up and is not read.
        """
        client = peer
        for named in reversed(forwarded.split(",")):
            if not self._is_ours(client) or not (before := _read_address(named.strip())):
                return client
            client = before
        return client

    def _notice(self, peer: str) -> None:
        """Counts a header that named a client and was not read; the first is said in the log.

        Behind a proxy that TRUSTED_PROXIES does not name, all callers are one address.
        """
        metrics.forwarded_not_read.inc()
        if not self._noticed:
            self._noticed = True
            why = (
                "names no address that is read" if self._is_ours(peer) else "not in TRUSTED_PROXIES"
            )
            _log.error("forwarded_address_not_read", peer=peer, why=why)

    def _is_ours(self, address: str) -> bool:
        if not self._proxies:
            return False
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._proxies)


def name_caller(address: str) -> str:
    """Returns what limits of an address count by: of IPv6 the network that one subscriber has."""
    if ":" not in address:
        return address
    try:
        return str(ip_network(f"{address}/{_HOUSEHOLD}", strict=False))
    except ValueError:
        return address


def _read_address(text: str) -> str | None:
    """Reads `203.0.113.9`, `203.0.113.9:4711`, `2001:db8::1` or `[2001:db8::1]:443`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        ip = ip_address(text if "%" not in text else "")
    except ValueError:
        return None
    return str(getattr(ip, "ipv4_mapped", None) or ip)
