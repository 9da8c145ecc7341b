"""Finds the address of a client behind the operator's own proxies (TRUSTED_PROXIES)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Network = IPv4Network | IPv6Network


class TrustedProxies:
    """Tells the application who calls: X-Forwarded-For is believed from these proxies alone."""

    def __init__(self, application: WSGIApplication, proxies: tuple[Network, ...]) -> None:
        self._application = application
        self._proxies = proxies

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if forwarded := environ.pop("HTTP_X_FORWARDED_FOR", ""):
            environ["REMOTE_ADDR"] = self.find_client(environ.get("REMOTE_ADDR", ""), forwarded)
        return self._application(environ, start)

    def find_client(self, peer: str, forwarded: str) -> str:
        """Returns the nearest address that is no proxy of ours, from the connection outwards.

        `forwarded` is the header, whose last address the nearest proxy wrote. What stands left of
        an address that is not ours may be made up and is not read.
        """
        client = peer
        for named in reversed(forwarded.split(",")):
            if not self._is_ours(client):
                return client
            try:
                client = str(ip_address(named.strip()))
            except ValueError:
                return client
        return client

    def _is_ours(self, address: str) -> bool:
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(ip, "ipv4_mapped", None) or ip
        return any(mapped in network for network in self._proxies)
