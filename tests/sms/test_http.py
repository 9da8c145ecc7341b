"""The HTTP client of both providers: refusals, unknown deliveries, reuse, threads and logs."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import ValidationError

from app.settings import Settings
from app.sms.africastalking import AfricasTalking
from app.sms.http import read_rest
from app.sms.provider import DeliveryUnknown, OutgoingSms, Provider, SendRefused
from app.sms.twilio import Twilio
from tests.sms.conftest import SMS, TEXT, TO, Loopback

Make = Callable[[Settings], Provider]
both = pytest.mark.parametrize("make", [AfricasTalking, Twilio])


def at(base: str, **other: object) -> Settings:
    """Settings of a service whose providers are at `base`."""
    return Loopback(base).settings(**other)


@contextmanager
def run_bare_server(*pieces: tuple[float, bytes], times: int = 1) -> Iterator[str]:
    """Runs a server that reads a request, sends each piece after its pause, and closes."""
    server = socket.create_server(("127.0.0.1", 0))

    def speak() -> None:
        for _ in range(times):
            connection, _ = server.accept()
            with connection, suppress(OSError):
                request = connection.recv(65536)
                while request.startswith(b"POST") and not request.partition(b"\r\n\r\n")[2]:
                    request += connection.recv(65536)
                for pause, piece in pieces:
                    time.sleep(pause)
                    connection.sendall(piece)

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        thread.join(10)
        server.close()


@both
def test_send_is_refused_where_nobody_listens(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        base = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(SendRefused) as refusal:
        make(at(base)).send(SMS)
    assert (refusal.value.retry, refusal.value.faulty) == ("same", True)
    assert refusal.value.reason == "no connection"


@both
def test_send_is_refused_where_no_connection_is_accepted(make: Make) -> None:
    """The server's queue of connections is full, so the system takes no other."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(address)
        started = time.monotonic()
        with pytest.raises(SendRefused) as refusal:
            make(at(f"http://127.0.0.1:{address[1]}", sms_timeout=0.3)).send(SMS)
        for client in waiting:
            client.close()
    assert (refusal.value.retry, refusal.value.faulty) == ("same", True)
    assert time.monotonic() - started < 2


@both
def test_send_is_refused_by_an_unknown_host(make: Make) -> None:
    with pytest.raises(SendRefused) as refusal:
        make(at("http://provider.invalid")).send(SMS)
    assert (refusal.value.retry, refusal.value.faulty) == ("same", True)


@pytest.mark.parametrize("name", ["africastalking_url", "twilio_url"])
@pytest.mark.parametrize("base", ["ftp://127.0.0.1", "http://127.0.0.1:port", "nowhere", "http://"])
def test_settings_refuse_an_address_that_is_none(name: str, base: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: base})


@both
@pytest.mark.parametrize("piece", [(0, b"HTTP/1.1 400 Bad Request\r\n\r\n"), (0, b""), (0.5, b"")])
def test_send_is_refused_by_a_failed_handshake(make: Make, piece: tuple[float, bytes]) -> None:
    with run_bare_server(piece) as base, pytest.raises(SendRefused) as refusal:
        make(at(base.replace("http://", "https://"), sms_timeout=0.3)).send(SMS)
    assert (refusal.value.retry, refusal.value.faulty) == ("same", True)
    assert refusal.value.reason == "no connection"


@both
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Le",
        b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
        b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\nContent-Encoding: gzip\r\n\r\nnono",
        b"HTTP/1.1 201 Created\r\nContent-Length: 6\r\n\r\n\xff\xfe{}[]",
        b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nnull",
        b'HTTP/1.1 201 Created\r\nContent-Length: 23\r\n\r\n{"SMSMessageData": null}',
        b'HTTP/1.1 201 Created\r\nContent-Length: 36\r\n\r\n{"SMSMessageData":{"Recipients":[1]}}',
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
def test_delivery_is_unknown_after_an_unreadable_answer(make: Make, answer: bytes) -> None:
    with run_bare_server((0, answer)) as base, pytest.raises(DeliveryUnknown):
        make(at(base)).send(SMS)


@both
def test_send_is_refused_by_status_though_the_body_broke(make: Make) -> None:
    answer = b"HTTP/1.1 503 Unavailable\r\nContent-Length: 500\r\n\r\n{"
    with run_bare_server((0, answer)) as base, pytest.raises(SendRefused) as refusal:
        make(at(base)).send(SMS)
    assert (refusal.value.retry, refusal.value.reason) == ("same", "http 503")


@both
def test_delivery_is_unknown_after_an_answer_that_drips(make: Make) -> None:
    head = b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n"
    started = time.monotonic()
    with run_bare_server((0, head), *[(0.1, b"{")] * 20) as base, pytest.raises(DeliveryUnknown):
        make(at(base, sms_timeout=0.3)).send(SMS)
    # The client stops at its timeout, though the server still sends.
    assert time.monotonic() - started < 3


@both
def test_delivery_is_unknown_after_our_timeout_not_theirs(make: Make, loopback: Loopback) -> None:
    loopback.next("slow")
    started = time.monotonic()
    with pytest.raises(DeliveryUnknown, match="no answer in time"):
        make(loopback.settings(sms_timeout=0.2)).send(SMS)
    assert time.monotonic() - started < 2


@both
def test_client_keeps_connections(make: Make, loopback: Loopback) -> None:
    provider = make(loopback.settings())
    for number in range(20):
        provider.send(OutgoingSms(f"maalem-{number}", TO, f"{number}"))
    counts = loopback.counts()
    assert (counts["requests"], counts["connections"]) == ({provider.name: 20}, 1)


@both
def test_client_keeps_the_connection_after_a_refusal(make: Make, loopback: Loopback) -> None:
    provider = make(loopback.settings())
    loopback.next(*["http:503", "code:409", "http:401"] * 5)
    for _ in range(15):
        with pytest.raises(SendRefused):
            provider.send(SMS)
    assert loopback.counts()["connections"] == 1


@both
def test_client_drops_a_connection_closed_while_idle(make: Make) -> None:
    """The client sees the closed connection, and sends the next message by another."""
    recipient = '{"statusCode":101,"messageId":"ATXid_1"}'
    body = f'{{"sid":"SM1","SMSMessageData":{{"Recipients":[{recipient}]}}}}'.encode()
    answer = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with run_bare_server((0, answer), times=3) as base:
        provider = make(at(base))
        for _ in range(3):
            assert provider.send(SMS) in {"ATXid_1", "SM1"}
            time.sleep(0.05)


@both
def test_client_drops_the_connection_of_half_an_answer(make: Make, loopback: Loopback) -> None:
    provider = make(loopback.settings())
    provider.send(SMS)
    loopback.next("half")
    with pytest.raises(DeliveryUnknown):
        provider.send(SMS)
    provider.send(SMS)
    assert loopback.counts()["connections"] == 2


@both
def test_client_serves_many_threads(make: Make, loopback: Loopback) -> None:
    loopback.set(latency_ms=50)
    provider = make(loopback.settings(sms_timeout=10))
    texts = [f"message {number}" for number in range(640)]

    def send(text: str) -> tuple[str, str]:
        return text, provider.send(OutgoingSms("maalem-1", TO, text))

    with ThreadPoolExecutor(64) as threads:
        references = dict(threads.map(send, texts))
    loopback.set(latency_ms=0)
    accepted = {message["text"]: message["reference"] for message in loopback.messages()}
    # Each thread got the reference of its own message, and no message went twice.
    assert accepted == references and Counter(references.values()).most_common(1)[0][1] == 1
    assert loopback.counts()["connections"] <= 64


@both
@pytest.mark.parametrize("fault", ["code:403", "code:21211", "http:500", "malformed", "cut_after"])
def test_errors_and_logs_name_no_person(
    make: Make, loopback: Loopback, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    provider = make(loopback.settings())
    loopback.next(fault)
    with pytest.raises((SendRefused, DeliveryUnknown)) as refusal:
        provider.send(SMS)
    if isinstance(provider, Twilio):
        provider.find(OutgoingSms("maalem-7", TO, TEXT, datetime.now(UTC)))
    context: BaseException | None = refusal.value
    while context is not None:
        assert "600000001" not in repr(context) and "Maalem:" not in repr(context)
        context = context.__context__
    assert "600000001" not in caplog.text and "Maalem:" not in caplog.text


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0), ("7", 7), ("86400", 3600), ("", None), ("soon", None), ("-5", None), ("1.5", None)],
)
def test_read_rest_reads_seconds(header: str, seconds: float | None) -> None:
    assert read_rest({"Retry-After": header}) == seconds


def test_read_rest_reads_a_date() -> None:
    now = datetime.now(UTC)
    later = read_rest({"Retry-After": format_datetime(now + timedelta(seconds=90), usegmt=True)})
    assert later is not None and 80 < later <= 90
    earlier = read_rest({"Retry-After": format_datetime(now - timedelta(hours=1), usegmt=True)})
    assert earlier == 0
