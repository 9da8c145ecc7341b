"""Callers who send slowly or not at all keep nobody out: behind the door, and without one."""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import pytest
import requests
from flask import Flask

from tests.conftest import AGENT, PIN
from tests.doors.deployment import OWN_PIN, Entrance
from tests.mobile_money.conftest import HEADERS

_FORM = {
    "sessionId": "1",
    "serviceCode": "*384#",
    "networkCode": "60401",
    "phoneNumber": "+212600000001",
    "text": "",
}
Attack = Callable[[Entrance, str], bytes]


def slow_body(entrance: Entrance, path: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: {entrance.host}\r\nContent-Length: 60\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\ntext=1"
    ).encode()


def long_slow_body(entrance: Entrance, path: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {entrance.host}\r\nContent-Length: 60000\r\n\r\n"
    return head.encode() + b"x" * 50_000


def half_headers(entrance: Entrance, path: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: {entrance.host}\r\nContent-".encode()


def drip(entrance: Entrance, path: str) -> bytes:
    head = f"PUT {path} HTTP/1.1\r\nHost: {entrance.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + b"1\r\nx\r\n" * 40


def promise(entrance: Entrance, path: str) -> bytes:
    head = f"DELETE {path} HTTP/1.1\r\nHost: {entrance.host}\r\nExpect: 100-continue\r\n"
    return f"{head}Upgrade: h2c\r\nContent-Length: 60\r\n\r\n".encode()


def never_read(entrance: Entrance, _path: str) -> bytes:
    return f"GET /docs/openapi.yaml HTTP/1.1\r\nHost: {entrance.host}\r\n\r\n".encode() * 2


def stay(entrance: Entrance, path: str) -> bytes:
    """A request that is answered, behind which the connection is kept."""
    return f"HEAD {path} HTTP/1.1\r\nHost: {entrance.host}\r\n\r\n".encode()


def silence(_entrance: Entrance, _path: str) -> bytes:
    return b""


@contextmanager
def attacked(
    entrance: Entrance, routes: Sequence[str], attack: Attack, many: int
) -> Iterator[None]:
    """So many connections of an attacker, held open, each at the next of the routes."""
    paths = (_ussd(entrance), *routes)
    with ExitStack() as held:
        for number in range(many):
            connection = held.enter_context(entrance.connect())
            # The door hangs up on an address with too many connections.
            with suppress(OSError):
                connection.sendall(attack(entrance, paths[number % len(paths)]))
        time.sleep(0.3)
        yield


def _ussd(entrance: Entrance) -> str:
    return f"/ussd/africastalking/{entrance.token}".rstrip("/")


@pytest.fixture
def routes(app: Flask) -> list[str]:
    """An address of every route."""
    return [re.sub(r"<[^>]+>", "x", rule.rule) for rule in app.url_map.iter_rules()]


def sign_in(entrance: Entrance) -> requests.Session:
    """Returns an agent's browser, which is signed in at the till."""
    browser = entrance.session()
    page = browser.get(f"{entrance.base}/agent", timeout=5)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    number, pin = ("2002", OWN_PIN) if entrance.token else (AGENT, PIN)
    form = {"csrf_token": token[1], "number": number, "pin": pin.get_secret_value()}
    browser.headers["Referer"] = f"{entrance.base}/agent"
    entered = browser.post(
        f"{entrance.base}/agent/sign-in", data=form, timeout=5, allow_redirects=False
    )
    assert entered.status_code == 303, re.findall(r"alert.*", entered.text)
    return browser


def serves(entrance: Entrance, till: requests.Session | None = None) -> None:
    """Asserts that each kind of caller is answered in time: phone, page, API, provider.

    Beside them, where it is given, a till that is signed in, and monitoring on the server itself.
    """
    # In production the demo key opens nothing, and a post without a signature neither.
    production = bool(entrance.token)
    form = _FORM | {"sessionId": str(time.monotonic())}
    honest: list[tuple[str, str, dict[str, object], int]] = [
        ("POST", _ussd(entrance), {"data": form}, 200),
        ("GET", "/agent", {}, 200),
        ("GET", "/mm/v1.2/heartbeat", {"headers": HEADERS}, 401 if production else 200),
        ("POST", "/sms/twilio/status", {"data": {"MessageSid": "SM0"}}, 403),
    ]
    # A network's and a provider's own address: what they are refused here is no page's failure.
    with entrance.session() as person, entrance.session("127.0.0.3") as system:
        for method, path, options, status in honest:
            caller = person if status == 200 else system
            began = time.monotonic()
            answer = caller.request(method, entrance.base + path, timeout=10, **options)  # type: ignore[arg-type]
            assert answer.status_code == status, (path, answer.text)
            assert time.monotonic() - began < 2, path
    if till:
        assert till.get(f"{entrance.base}/agent/day", timeout=2).status_code == 200
        ready = f"http://127.0.0.1:{entrance.server_port or entrance.port}/readyz"
        assert requests.get(ready, timeout=2).status_code == 200


def test_server_alone_serves_everybody_beside_slow_callers(
    alone: Entrance, routes: list[str]
) -> None:
    with sign_in(alone) as till, alone.connect() as lasting:
        lasting.sendall(slow_body(alone, "/agent/sign-in"))
        for attack, many in (
            *(
                (slow_body, 600),
                (slow_body, 5),
                (slow_body, 40),
                (silence, 600),
                (half_headers, 40),
            ),
            *((drip, 40), (promise, 40), (never_read, 40), (stay, 120)),
        ):
            with attacked(alone, routes, attack, many):
                serves(alone, till)
        serves(alone, till)
        lasting.settimeout(5)
        assert _is_given_up(lasting), "a body is waited for without end"


def _is_given_up(connection: socket.socket) -> bool:
    """Tells within the connection's time-out whether the server ends it."""
    try:
        while connection.recv(100):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_door_keeps_slow_callers_from_everybody(door: Entrance, routes: list[str]) -> None:
    shorter = 1 if "ABUSE_SECONDS" in os.environ else 20
    till = sign_in(door)
    for attack, many in (
        (slow_body, 5),
        (slow_body, 40),
        (slow_body, 600 // shorter),
        (long_slow_body, 300 // shorter),
        (half_headers, 1100 // shorter),
        (silence, 1030 // shorter),
        (drip, 200 // shorter),
        (promise, 200 // shorter),
        (never_read, 200 // shorter),
        (stay, 200 // shorter),
    ):
        with attacked(door, routes, attack, many):
            serves(door, till)
    serves(door, till)
    till.close()


def _give_up_on_a_slow_sender(door: Entrance) -> None:
    with door.connect() as slow:
        slow.sendall(slow_body(door, "/agent/sign-in"))
        began = time.monotonic()
        for _ in range(20):
            time.sleep(0.5)
            try:
                slow.sendall(b"x")
            except OSError:
                break
        else:
            slow.settimeout(1)
            assert b"408" in slow.recv(100)
        assert time.monotonic() - began < 11


def test_door_gives_up_on_slow_senders_and_shuts_what_is_not_for_the_public(
    door: Entrance,
) -> None:
    _give_up_on_a_slow_sender(door)
    _refuse_old_tls(door)
    with door.session() as caller:
        for path in ("/healthz", "/readyz", "/metrics"):
            shut = caller.get(f"{door.base}{path}")
            assert (shut.status_code, shut.headers["X-Content-Type-Options"]) == (404, "nosniff")
        answer = caller.get(f"{door.base}/agent")
        assert answer.headers["Set-Cookie"].startswith("__Host-session=")
        assert "Secure" in answer.headers["Set-Cookie"]
        for told in (shut, answer):
            assert "max-age=63072000" in told.headers["Strict-Transport-Security"]
        assert "Server" not in answer.headers
        told = caller.post(f"{door.base}/ussd/africastalking/{door.token}", data=_FORM)
        assert told.text.startswith("CON ")
        caller.headers["Host"] = "evil.example"
        assert caller.get(f"{door.base}/agent").status_code == 421
    time.sleep(0.2)
    log = door.log.read_text()
    assert "/ussd/africastalking 200" in log and door.token not in log


def _refuse_old_tls(door: Entrance) -> None:
    context = ssl.create_default_context(cafile=str(door.certificate))
    # Python warns of TLS 1.1 and no longer offers it by itself.
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", door.port)) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname=door.host)
