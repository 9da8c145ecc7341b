"""A forwarded address is believed from the operator's own proxies alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from app.observe.metrics import forwarded_not_read
from app.settings import Settings
from app.web.proxies import TrustedProxies, name_caller

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

OURS = Settings(trusted_proxies="127.0.0.1,10.0.0.0/8").trusted_proxies


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9, 10.2.3.4", "203.0.113.9"),
        ("127.0.0.1", "10.0.0.1, 10.2.3.4", "10.0.0.1"),
        ("127.0.0.1", "203.0.113.9, nonsense", "127.0.0.1"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("127.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, ::ffff:10.1.1.1", "203.0.113.9"),
        ("127.0.0.1", "2001:DB8:0::1", "2001:db8::1"),
        ("127.0.0.1", "fe80::1%eth0", "127.0.0.1"),
        ("127.0.0.1", ",", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9, 0x7f.1", "127.0.0.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("::ffff:198.51.100.7", "127.0.0.1", "198.51.100.7"),
        ("::ffff:198.51.100.7", "", "198.51.100.7"),
        ("nonsense", "203.0.113.9", "nonsense"),
    ],
)
def test_address_of_the_client(peer: str, forwarded: str, client: str) -> None:
    seen = {}

    def application(environ: WSGIEnvironment, _start: StartResponse) -> Iterable[bytes]:
        seen.update(environ)
        return []

    environ = {"REMOTE_ADDR": peer}
    if forwarded:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    TrustedProxies(application, OURS)(environ, lambda *_: lambda _data: None)
    assert seen["REMOTE_ADDR"] == client and "HTTP_X_FORWARDED_FOR" not in seen


@pytest.mark.parametrize(
    ("peer", "headers", "counted"),
    [
        ("192.0.2.1", {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, 3),
        ("192.0.2.1", {"HTTP_FORWARDED": "for=203.0.113.9"}, 3),
        ("127.0.0.1", {"HTTP_FORWARDED": "for=203.0.113.9"}, 3),
        ("127.0.0.1", {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, 0),
        ("192.0.2.1", {}, 0),
    ],
)
def test_address_that_is_not_read_is_counted(
    peer: str, headers: dict[str, str], counted: int
) -> None:
    server = TrustedProxies(lambda _environ, _start: [], OURS)
    before = forwarded_not_read._value.get()
    for _ in range(3):
        server({"REMOTE_ADDR": peer, **headers}, lambda *_: lambda _data: None)
    assert forwarded_not_read._value.get() - before == counted


def test_limits_count_an_ipv6_subscriber_as_one() -> None:
    one, other = "2001:db8:0:7::1", "2001:db8:0:7:ffff::9"
    assert name_caller(one) == name_caller(other) != name_caller("2001:db8:0:8::1")
    assert name_caller("203.0.113.9") == "203.0.113.9"


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "proxy.example", "127.0.0.1;10.0.0.1"])
def test_list_that_is_no_list_of_networks_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="not networks"):
        Settings(trusted_proxies=wrong)
