"""A forwarded address is believed from the operator's own proxies alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from app.settings import Settings
from app.web.proxies import TrustedProxies

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
    assert seen == {"REMOTE_ADDR": client}


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "proxy.example", "127.0.0.1;10.0.0.1"])
def test_list_that_is_no_list_of_networks_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="not networks"):
        Settings(trusted_proxies=wrong)
