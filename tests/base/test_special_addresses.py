"""Addresses that only our own network, or nobody, has: none is taken for one of the internet."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest

from app.base.special_addresses import is_of_the_internet

# Every block of IANA's registries that is not reached from everywhere, and multicast.
BLOCKS = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
    *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    *("255.255.255.255/32", "::/128", "::1/128", "::/96", "::ffff:0:0/96", "64:ff9b::/96"),
    *("64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32", "2001:2::/48"),
    *("2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32", "2002::/16", "3fff::/20"),
    *("4000::/3", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
]


def ends(block: IPv4Network | IPv6Network) -> tuple[str, str, str]:
    return str(block[0]), str(block[-1]), str(block[block.num_addresses // 2])


@pytest.mark.parametrize("block", BLOCKS)
def test_special_block_is_not_of_the_internet(block: str) -> None:
    assert not any(is_of_the_internet(address) for address in ends(ip_network(block)))


def test_what_python_calls_private_is_not_of_the_internet() -> None:
    """Its tables differ from version to version; ours holds all that any of them has."""
    for constants in (ipaddress._IPv4Constants, ipaddress._IPv6Constants):
        for block in constants._private_networks:
            assert not any(is_of_the_internet(address) for address in ends(block)), block


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "127.1", "0x7f.0.0.1", "017700000001", "2130706433", "8.8.8.8/32"),
        *("8.8.8.8 ", "fe80::1%eth0", "2606:4700::1%1", "[::1]", "1.2.3", "256.1.1.1", "08.8.8.8"),
    ],
)
def test_what_is_no_plain_address_is_not_of_the_internet(text: str) -> None:
    assert not is_of_the_internet(text)


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"),
        *("192.88.98.1", "223.255.255.255", "198.17.255.255", "2606:4700::1", "2a00:1450::1"),
        *("2001:200::1", "2003::1", "2001:4860:4860::8888"),
    ],
)
def test_address_of_a_server_is_of_the_internet(address: str) -> None:
    assert is_of_the_internet(address)
