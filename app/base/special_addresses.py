"""Tells addresses of the open internet from all others, the same on every Python. Pure.

The blocks are those of IANA's registries of special-purpose addresses, iana-ipv4-special-registry
and iana-ipv6-special-registry, and of multicast, as known in November 2026. Those that are reached
from everywhere but are no web server's (anycast of protocols, AS112) are among them. Python's own
`is_global` knows other blocks in each version.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_SPECIAL_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared behind a carrier's translator
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link local, where clouds tell secrets
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocols
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # relays of 6to4, given up
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # measurements
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
# All that is given out of IPv6. Outside lie loopback and mapped IPv4 (::/8), translated IPv4
# (64:ff9b::/96, 64:ff9b:1::/48), discard (100::/64), segment routing (5f00::/16), unique local,
# link local and multicast.
_GIVEN_OUT_6 = IPv6Network("2000::/3")
_SPECIAL_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols: Teredo, measurements, AMT, AS112, ORCHID, drones
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which carries an IPv4 address
            "2620:4f:8000::/48",  # AS112
            "3ffe::/16",  # the experiment that was 6bone
            "3fff::/20",  # documentation
        ),
    )
)


def is_of_the_internet(address: str) -> bool:
    """Returns whether this is an IP address that a server anywhere may have."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return _is_open_4(parsed) if isinstance(parsed, IPv4Address) else _is_open_6(parsed)


def _is_open_4(address: IPv4Address) -> bool:
    return not any(address in block for block in _SPECIAL_4)


def _is_open_6(address: IPv6Address) -> bool:
    # A zone says which of our own interfaces is meant.
    if address.scope_id is not None or address not in _GIVEN_OUT_6:
        return False
    return not any(address in block for block in _SPECIAL_6)
