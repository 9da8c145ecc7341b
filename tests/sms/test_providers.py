"""Both providers through their own packages, against a loopback server that answers like theirs."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from app.base.phone import Phone
from app.settings import Settings
from app.sms.africastalking import AfricasTalking
from app.sms.provider import NotSent, OutgoingSms, Provider
from app.sms.twilio import Twilio

SMS = OutgoingSms("maalem-7", Phone("+212600000001"), "Maalem: recu 10000017. Payé")


class Network(ThreadingHTTPServer):
    """Answers every POST with what it is told, and keeps what it was asked."""

    daemon_threads = True
    status: int = 200
    body: bytes = b""
    cut: bool = False
    asked: list[tuple[str, dict[str, list[str]], dict[str, str]]]


class _Answer(BaseHTTPRequestHandler):
    server: Network

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.asked.append((self.path, form, dict(self.headers)))
        if self.server.cut:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_args: Any) -> None:
        return


@pytest.fixture
def network() -> Iterator[Network]:
    server = Network(("127.0.0.1", 0), _Answer)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def settings(network: Network) -> Settings:
    base = f"http://127.0.0.1:{network.server_address[1]}"
    return Settings.model_validate(
        {
            "africastalking_username": "maalem",
            "africastalking_api_key": "at-key",
            "africastalking_sender_id": "MAALEM",
            "africastalking_url": base,
            "twilio_account_sid": "AC1",
            "twilio_auth_token": "token",
            "twilio_from": "+15005550006",
            "twilio_url": base,
        }
    )


def recipient(code: int) -> dict[str, Any]:
    told = {"statusCode": code, "number": "+212600000001", "messageId": "ATXid_1", "cost": "0"}
    return {"SMSMessageData": {"Message": "Sent", "Recipients": [told]}}


def refused(code: int, status: int) -> dict[str, Any]:
    return {"code": code, "message": "no", "status": status}


# provider, HTTP status, body -> again, stopped (None: taken)
CASES = [
    (AfricasTalking, 201, recipient(100), None),
    (AfricasTalking, 201, recipient(101), None),
    (AfricasTalking, 201, recipient(102), None),
    (AfricasTalking, 201, recipient(403), (False, False)),
    (AfricasTalking, 201, recipient(404), (False, False)),
    (AfricasTalking, 201, recipient(405), (True, False)),
    (AfricasTalking, 201, recipient(406), (False, True)),
    (AfricasTalking, 201, recipient(409), (False, True)),
    (AfricasTalking, 201, recipient(500), (True, False)),
    (AfricasTalking, 201, recipient(999), (False, False)),
    (AfricasTalking, 201, {"SMSMessageData": {"Recipients": []}}, (True, False)),
    (AfricasTalking, 201, "garbage", (True, False)),
    (AfricasTalking, 401, "The supplied authentication is invalid", (True, False)),
    (AfricasTalking, 503, "busy", (True, False)),
    (Twilio, 201, {"sid": "SM1", "status": "queued"}, None),
    (Twilio, 400, refused(21211, 400), (False, False)),
    (Twilio, 400, refused(21610, 400), (False, True)),
    (Twilio, 429, refused(20429, 429), (True, False)),
    (Twilio, 401, refused(20003, 401), (True, False)),
    (Twilio, 500, refused(20500, 500), (True, False)),
    (Twilio, 503, "<html>", (True, False)),
    (Twilio, 201, {}, (True, False)),
]


@pytest.mark.parametrize(("make", "status", "body", "refusal"), CASES)
def test_what_an_answer_means(
    network: Network, make: Any, status: int, body: Any, refusal: tuple[bool, bool] | None
) -> None:
    network.status = status
    network.body = (body if isinstance(body, str) else json.dumps(body)).encode()
    provider: Provider = make(settings(network))
    if refusal is None:
        assert provider.send(SMS) in {"ATXid_1", "SM1"}
        return
    with pytest.raises(NotSent) as told:
        provider.send(SMS)
    assert (told.value.again, told.value.stopped) == refusal
    assert "600000001" not in told.value.reason


def test_what_is_asked(network: Network) -> None:
    network.body = json.dumps(recipient(101)).encode()
    AfricasTalking(settings(network)).send(SMS)
    path, form, headers = network.asked[0]
    assert path == "/version1/messaging" and headers["apiKey"] == "at-key"
    assert (form["to"], form["message"], form["from"]) == ([SMS.to.e164], [SMS.text], ["MAALEM"])
    network.body = b'{"sid": "SM1"}'
    Twilio(settings(network)).send(SMS)
    path, form, headers = network.asked[1]
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert headers["Authorization"].startswith("Basic ")
    assert (form["To"], form["Body"]) == ([SMS.to.e164], [SMS.text])


@pytest.mark.parametrize("make", [AfricasTalking, Twilio])
def test_a_cut_connection_and_a_closed_door_may_be_tried_again(network: Network, make: Any) -> None:
    network.cut = True
    provider: Provider = make(settings(network))
    with pytest.raises(NotSent) as cut:
        provider.send(SMS)
    assert cut.value.again
    network.shutdown()
    network.server_close()
    with pytest.raises(NotSent) as closed:
        provider.send(SMS)
    assert closed.value.again


@pytest.mark.parametrize("make", [AfricasTalking, Twilio])
def test_neither_can_be_asked(network: Network, make: Any) -> None:
    with pytest.raises(LookupError):
        make(settings(network)).find("maalem-7")
