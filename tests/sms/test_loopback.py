"""The loopback server itself: reports, messages from phones, faults by share, its command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlsplit

import pytest
from twilio.request_validator import RequestValidator

from app.settings import ROOT
from app.sms.africastalking import AfricasTalking, AfricasTalkingReader
from app.sms.provider import DeliveryUnknown, OutgoingSms, Provider, SendRefused
from app.sms.twilio import Twilio, TwilioReader
from tests.conftest import free_port
from tests.sms.conftest import AUTH_TOKEN, SMS, TO, Loopback


class Service(ThreadingHTTPServer):
    """Our side of the callbacks: keeps the address, form and signature of each post."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _CallbackHandler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.posted: list[tuple[str, dict[str, str], str]] = []
        # For how many seconds each of the next posts is held up on its way.
        self.late: list[float] = []

    def wait_for(self, count: int) -> list[tuple[str, dict[str, str], str]]:
        until = time.monotonic() + 10
        while len(self.posted) < count and time.monotonic() < until:
            time.sleep(0.01)
        return self.posted


class _CallbackHandler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        signature = self.headers.get("X-Twilio-Signature", "")
        if self.server.late:
            time.sleep(self.server.late.pop(0))
        self.server.posted.append((self.path, dict(parse_qsl(body)), signature))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        return


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def addresses(service: Service) -> dict[str, str]:
    at = f"{service.url}/sms/africastalking"
    return {
        "delivery": f"{at}/delivery/token",
        "inbound": f"{at}/inbound/token",
        "optout": f"{at}/optout/token",
        "twilio_inbound": f"{service.url}/sms/twilio/inbound",
    }


QUIET = {"delay_ms": 1, "never": 0, "failed": 0, "repeat": 0, "disorder": 0, "unknown": 0}


def test_loopback_reports_as_africas_talking(loopback: Loopback, service: Service) -> None:
    loopback.set(addresses=addresses(service), reports=QUIET)
    service.late = [0.2]
    reference = AfricasTalking(loopback.settings()).send(SMS)
    posted = service.wait_for(2)
    assert {path for path, _, _ in posted} == {"/sms/africastalking/delivery/token"}
    reports = [AfricasTalkingReader().read_report(form, {}) for _, form, _ in posted]
    assert {report.reference for report in reports} == {reference}
    assert [report.outcome for report in reports] == ["on_the_way", "delivered"]


def test_loopback_signs_twilio_s_reports_and_names_our_message(
    loopback: Loopback, service: Service
) -> None:
    loopback.set(reports=QUIET | {"failed": 1})
    reference = Twilio(loopback.settings(public_url=service.url)).send(SMS)
    posted = service.wait_for(2)
    reports = []
    for path, form, signature in posted:
        validator = RequestValidator(AUTH_TOKEN)
        assert validator.validate(service.url + path, form, signature)
        query = dict(parse_qsl(urlsplit(path).query))
        reports.append(TwilioReader().read_report(form, query))
    assert {(report.reference, report.message_id) for report in reports} == {(reference, 7)}
    assert [report.outcome for report in reports] == ["on_the_way", "failed"]
    assert reports[-1].reason == "error 30003"


def test_loopback_repeats_reorders_and_invents_report_words(
    loopback: Loopback, service: Service
) -> None:
    irregular = QUIET | {"repeat": 1, "disorder": 1, "unknown": 1}
    loopback.set(addresses=addresses(service), reports=irregular)
    AfricasTalking(loopback.settings()).send(SMS)
    words = [form["status"] for _, form, _ in service.wait_for(6)]
    assert sorted(words) == sorted(["Success", "Teleported", "Sent"] * 2)
    assert words.index("Success") < words.index("Sent")


def test_loopback_may_never_report(loopback: Loopback, service: Service) -> None:
    loopback.set(addresses=addresses(service), reports=QUIET | {"never": 1})
    AfricasTalking(loopback.settings()).send(SMS)
    assert loopback.counts()["reports_waiting"] == 0
    assert service.posted == []


def test_loopback_posts_a_phone_s_message(loopback: Loopback, service: Service) -> None:
    loopback.set(addresses=addresses(service))
    sms = {"from": TO.e164, "text": "STOP"}
    assert loopback.control("POST", "/control/inbound", **sms) == {"status": 200}
    loopback.control("POST", "/control/inbound", provider="twilio", id="SM9", **sms)
    loopback.control("POST", "/control/optout", **sms)
    (_, first, _), (path, second, signature), (optout, third, _) = service.wait_for(3)
    assert AfricasTalkingReader().read_inbound(first).text == "STOP"
    inbound = TwilioReader().read_inbound(second)
    assert (inbound.identity, inbound.sender) == ("SM9", TO)
    assert RequestValidator(AUTH_TOKEN).validate(service.url + path, second, signature)
    assert optout.endswith("/optout/token") and AfricasTalkingReader().read_optout(third) == TO


def _outcomes(provider: Provider, count: int) -> list[str]:
    outcomes = []
    for number in range(count):
        try:
            provider.send(OutgoingSms(f"maalem-{number}", TO, f"{number}"))
        except (SendRefused, DeliveryUnknown) as error:
            outcomes.append(error.reason)
        else:
            outcomes.append("taken")
    return outcomes


def test_loopback_fails_a_share_of_one_provider_s_requests(loopback: Loopback) -> None:
    kinds = ["http:503", "cut_after", "code:405"]
    loopback.set(faults=0.5, kinds=kinds, only="africastalking")
    outcomes = _outcomes(AfricasTalking(loopback.settings()), 200)
    assert set(_outcomes(Twilio(loopback.settings()), 20)) == {"taken"}
    loopback.set(faults=0, kinds=[], only="")
    assert set(outcomes) == {"taken", "http 503", "connection cut", "405 InsufficientBalance"}
    assert 60 < outcomes.count("taken") < 140
    counts = loopback.counts()
    assert sum(counts["faults"].values()) == 200 - outcomes.count("taken")
    expected = outcomes.count("taken") + counts["faults"]["cut_after"]
    assert counts["taken"] == {"africastalking": expected, "twilio": 20}


def test_loopback_counts_duplicates(loopback: Loopback) -> None:
    loopback.next("cut_after")
    provider = AfricasTalking(loopback.settings())
    with pytest.raises(DeliveryUnknown):
        provider.send(SMS)
    provider.send(SMS)
    counts = loopback.counts()
    assert (counts["distinct"], counts["duplicates"]) == (1, 1)
    assert [message["copies"] for message in loopback.messages()] == [2, 2]


@pytest.mark.parametrize(
    "options",
    [{"kinds": ["nothing"]}, {"latency_ms": "x"}, {"reports": {"x": 1}}, {"x": 1}, {"next": ["x"]}],
)
def test_loopback_refuses_unknown_options(loopback: Loopback, options: dict[str, Any]) -> None:
    with pytest.raises(HTTPError, match="400") as refused:
        loopback.set(**options)
    refused.value.close()


def test_fake_provider_command_serves_both_apis(tmp_path: Path) -> None:
    port = free_port()
    command = [str(Path(sys.executable).parent / "flask"), "sms", "fake-provider"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--latency-ms", "0"],
        cwd=ROOT,
        env=os.environ | {"DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == f"both providers on http://127.0.0.1:{port}\n"
        server = Loopback(f"http://127.0.0.1:{port}")
        AfricasTalking(server.settings()).send(SMS)
        assert server.counts()["taken"] == {"africastalking": 1}
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.communicate()
