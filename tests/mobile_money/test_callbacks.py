"""Promised answers: put where they were asked for, signed, again until taken, never inwards."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.agents.clients import DEMO_CLIENT, find_client
from app.agents.signing_keys import callback_key
from app.jobs.api import ApiWork
from app.mobile_money.callback_addresses import CallbackRules, check_address
from app.mobile_money.callbacks import (
    MOST_ATTEMPTS,
    Callback,
    connect_first,
    deliver,
    signature,
)
from app.mobile_money.errors import Refused
from tests.mobile_money.conftest import NetworkClient, PaymentFixture

FATIMA, HASSAN = "+212600000001", "+212600000002"

ANYWHERE, PUBLIC = CallbackRules(private=True, pinned=False), CallbackRules(False, False)
PRODUCTION = CallbackRules(private=False, pinned=True)
# Names and numbers that lead to us or to our network, in every writing.
PRIVATE = (
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0177.0.0.1/",
    "https://0x7f.0.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://0/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest",
    "https://2852039166/",
    "https://192.88.99.1/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[ff02::1]/",
    "https://localhost/",
    "https://localhost./",
    "https://LOCALHOST/",
)


class CallbackReceiver:
    """A network's own server: keeps what it is sent, answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.slow = 204, 0.0
        caller = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                caller.got.append((self.path, dict(self.headers), body))
                time.sleep(caller.slow)
                self.send_response(caller.status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/paid?x=1"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def caller() -> Iterator[CallbackReceiver]:
    caller = CallbackReceiver()
    yield caller
    caller.server.shutdown()
    caller.server.server_close()


def run_worker(payments: PaymentFixture, times: int = 2) -> None:
    work = ApiWork(payments.runtime)
    for _ in range(times):
        work.do()
    work.stop()


def test_deliver_puts_a_signed_answer(
    network: NetworkClient, payments: PaymentFixture, caller: CallbackReceiver
) -> None:
    code, identity = payments.issue(FATIMA), str(uuid4())
    asked = network.pay(code.code, "163.52", identity, X_Callback_URL=caller.address)
    assert (asked.status_code, asked.json["notificationMethod"]) == (202, "callback")
    run_worker(payments)
    ((path, headers, body),) = caller.got
    assert path == "/paid?x=1"
    told = json.loads(body)
    assert (told["amountPaid"], told["billPaymentStatus"]) == ("163.52", "completed")
    assert headers["X-CorrelationID"] == identity
    assert headers["X-Content-Hash"] == sha256(body).hexdigest()
    with payments.runtime.database.connect() as connection:
        client = find_client(connection, DEMO_CLIENT)
    assert client
    key = callback_key(payments.runtime.keys, client)
    assert headers["X-Signature"] == signature(key, headers["X-Date"], identity, body)
    run_worker(payments)
    assert len(caller.got) == 1


def test_deliver_puts_a_refusal_too(
    network: NetworkClient, payments: PaymentFixture, caller: CallbackReceiver
) -> None:
    code = payments.issue(FATIMA)
    network.pay(code.code, "1", X_Callback_URL=caller.address)
    run_worker(payments)
    assert json.loads(caller.got[0][2])["errorCode"] == "underPaymentNotAllowed"


@pytest.mark.parametrize("status", [500, 301, 404])
def test_a_callback_is_delivered_again_until_it_is_accepted(
    network: NetworkClient, payments: PaymentFixture, caller: CallbackReceiver, status: int
) -> None:
    """A redirection is not followed: it could point anywhere."""
    caller.status = status
    network.pay(payments.issue(FATIMA).code, "163.52", X_Callback_URL=caller.address)
    run_worker(payments)
    run_worker(payments)
    assert len(caller.got) == 1
    payments.runtime.clock.now += timedelta(seconds=6)  # type: ignore[attr-defined]
    caller.status = 200
    run_worker(payments, 1)
    assert len(caller.got) == 2
    assert (
        payments.read_value("SELECT count(*) FROM api_request WHERE callback_due_at IS NOT NULL")
        == 0
    )
    assert payments.read_value("SELECT count(*) FROM deposit") == 1


def test_a_callback_ends_after_its_attempts_and_its_answer_can_be_polled(
    network: NetworkClient, payments: PaymentFixture, caller: CallbackReceiver
) -> None:
    caller.status = 503
    asked = network.pay(payments.issue(FATIMA).code, "163.52", X_Callback_URL=caller.address)
    for _ in range(MOST_ATTEMPTS + 3):
        run_worker(payments, 1)
        payments.runtime.clock.now += timedelta(hours=2)  # type: ignore[attr-defined]
    assert len(caller.got) == MOST_ATTEMPTS
    state = network.get(f"/requeststates/{asked.json['serverCorrelationId']}").json
    assert state["status"] == "completed"


def test_a_client_that_never_answers_blocks_no_other(
    network: NetworkClient, payments: PaymentFixture, caller: CallbackReceiver
) -> None:
    """The hanging client has two threads at most; the others' callbacks go meanwhile."""
    quick = CallbackReceiver()
    caller.slow = 1.5
    rows = (
        "INSERT INTO api_client (id, network, key_digest, created_at)"
        " SELECT 'quick', network, key_digest, created_at FROM api_client",
        "INSERT INTO api_request (client_id, correlation_id, server_id, request_digest, kind,"
        " target, body, method, callback_url, state, status, answer, created_at, callback_due_at)"
        " SELECT c, gen_random_uuid(), gen_random_uuid(), 'x', 'payment', 'x', '{}', 'callback',"
        " u, 'completed', 201, '{}', :now, :now FROM (VALUES ('demo-wafacash', :slow),"
        " ('quick', :quick)) AS v (c, u), generate_series(1, 6)",
    )
    values = {"now": payments.runtime.clock(), "slow": caller.address, "quick": quick.address}
    with payments.runtime.database.begin() as connection:
        connection.execute(text(rows[0]))
        connection.execute(text(rows[1]), values)
    work = ApiWork(payments.runtime)
    began = time.monotonic()
    while len(quick.got) < 6 and time.monotonic() - began < 1.4:
        work.do()
        time.sleep(0.02)
    assert len(quick.got) == 6
    assert len(caller.got) == 2
    work.stop()
    quick.server.shutdown()
    quick.server.server_close()


def test_deliver_refuses_a_private_address_unless_configured(
    network: NetworkClient, payments: PaymentFixture, caller: CallbackReceiver
) -> None:
    with payments.runtime.database.connect() as connection:
        client = find_client(connection, DEMO_CLIENT)
    assert client
    for address in PRIVATE:
        callback = Callback(client, str(uuid4()), address, b"{}", 1)
        now = payments.runtime.clock()
        assert deliver(callback, payments.runtime.keys, PUBLIC, now) == "a private address"


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/",
        "https://10.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "https://key@example.com/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:8443/",
        "https://example.com:80/",
        "https://example.com\\.evil.example/",
        "https://ex%61mple.com/",
        "https://example..com/",
        "https://" + "a" * 64 + ".com/",
        "https://-example.com/",
        "ftp://example.com/",
        "https://example.com/a b",
        "https://example.com/\r\nX-Other: 1",
        "https://exämple.com/",
        "//example.com/",
        "https:///nowhere",
        "https://example.com/" + "a" * 1100,
    ],
)
def test_check_address_refuses_an_address_that_cannot_be_called(address: str) -> None:
    with pytest.raises(Refused) as refused:
        check_address(address, (), PUBLIC)
    assert refused.value.params["field"] == "X-Callback-URL"
    assert check_address("https://example.com/paid?x=1", (), PUBLIC)


def test_deliver_cuts_off_a_server_that_answers_a_byte_now_and_then(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    """It would have a thread for ever, and the worker could not end."""
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        line, _ = server.accept()
        with line, suppress(OSError):
            for letter in b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 50:
                line.send(bytes([letter]))
                time.sleep(0.1)

    Thread(target=drip, daemon=True).start()
    with payments.runtime.database.connect() as connection:
        client = find_client(connection, DEMO_CLIENT)
    assert client
    address = f"http://127.0.0.1:{server.getsockname()[1]}/"
    callback = Callback(client, str(uuid4()), address, b"{}", 1)
    began, now = time.monotonic(), payments.runtime.clock()
    outcome = deliver(callback, payments.runtime.keys, ANYWHERE, now, seconds=0.7)
    assert outcome != "delivered" and time.monotonic() - began < 3
    server.close()


def test_answer_waiting_fails_a_request_that_cannot_be_answered_and_goes_on(
    network: NetworkClient, payments: PaymentFixture
) -> None:
    """Not even one that the database refuses: it is told as failed."""
    first, second = payments.issue(FATIMA), payments.issue(HASSAN)
    asked = network.pay(first.code, "163.52", Prefer="respond-async")
    other = network.pay(second.code, "663.9", Prefer="respond-async")
    with payments.runtime.owners_database.begin() as connection:
        connection.execute(
            text("ALTER TABLE deposit ADD CONSTRAINT no CHECK (total_centimes > 20000)")
        )
    try:
        run_worker(payments)
    finally:
        with payments.runtime.owners_database.begin() as connection:
            connection.execute(text("ALTER TABLE deposit DROP CONSTRAINT no"))
    states = [
        network.get(f"/requeststates/{one.json['serverCorrelationId']}").json
        for one in (asked, other)
    ]
    assert [state["status"] for state in states] == ["failed", "completed"]
    assert states[0]["error"]["errorCategory"] == "internal"
    assert (
        payments.read_value("SELECT state FROM payment_code WHERE code = :c", c=first.code)
        == "issued"
    )


HOSTS = frozenset({"pay.example.com", "xn--exmple-cua.com"})


@pytest.mark.parametrize(
    "address",
    [
        "https://pay.example.com/",
        "https://PAY.Example.com/paid",
        "https://pay.example.com./",
        "https://pay.example.com:443/x?y=1",
        "https://xn--exmple-cua.com/",
    ],
)
def test_check_address_takes_a_host_of_the_client_in_production(address: str) -> None:
    assert check_address(address, HOSTS, PRODUCTION) == address


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example.com/",
        "https://example.com/",
        "https://pay.example.com.evil.com/",
        "https://a.pay.example.com/",
        "https://pay.example.com@evil.com/",
        "https://evil.com#pay.example.com",
        "https://evil.com/pay.example.com",
        "https://evil.com\\@pay.example.com/",
        "https://pay.example.com\\.evil.com/",
        "https://pay.example.com%2eevil.com/",
        "https://pay.example.com:8443/",
        "http://pay.example.com/",
        "https://8.8.8.8/",
        "https://[2606:4700::1]/",
    ],
)
def test_check_address_refuses_any_other_host_in_production(address: str) -> None:
    with pytest.raises(Refused):
        check_address(address, HOSTS, PRODUCTION)
    with pytest.raises(Refused):
        check_address("https://pay.example.com/", (), PRODUCTION)


def test_deliver_goes_to_no_host_that_the_client_no_longer_has(
    network: NetworkClient, payments: PaymentFixture, caller: CallbackReceiver
) -> None:
    """Whoever has a network's key for a day cannot leave an address behind."""
    asked = network.pay(payments.issue(FATIMA).code, "163.52", X_Callback_URL=caller.address)
    assert asked.status_code == 202
    with payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE api_client SET callback_hosts = ARRAY['pay.example.com']"))
    run_worker(payments)
    assert caller.got == []
    refused = network.pay(payments.issue(HASSAN).code, "663.9", X_Callback_URL=caller.address)
    assert refused.json["errordescription"].startswith("X-Callback-URL: not at a host agreed")


def test_deliver_looks_a_name_up_once_and_connects_to_what_it_judged(
    network: NetworkClient, payments: PaymentFixture, caller: CallbackReceiver
) -> None:
    """A name of ours in the machine's own hosts leads inwards: it is judged by where it leads."""
    with payments.runtime.database.connect() as connection:
        client = find_client(connection, DEMO_CLIENT)
    assert client
    for name in {"localhost.localdomain", "ip6-localhost", socket.gethostname()}:
        callback = Callback(client, str(uuid4()), f"https://{name.lower()}/", b"{}", 1)
        outcome = deliver(callback, payments.runtime.keys, PUBLIC, payments.runtime.clock())
        assert outcome in ("a private address", "unknown host"), name
    assert caller.got == []


def test_second_address_of_a_host_is_called_where_the_first_does_not_answer() -> None:
    """A client of both families, from a machine that has one of them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with connect_first(["::1", "127.0.0.1"], port) as connected:
            assert connected.getpeername() == ("127.0.0.1", port)
        with pytest.raises(OSError):
            connect_first(["::1", "::1", "127.0.0.1"], port)
