"""The door reads an address as the servers do, keeps what is private, and says who calls."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from app.agents.clients import NewClient, add_client, draw_key
from app.base.operation import operation
from app.cli.serve import WEB_COMMAND
from app.runtime import Runtime
from app.settings import ROOT
from app.text.encoding import units
from app.web.server import THREADS
from tests.conftest import free_port
from tests.doors.deployment import Entrance, opened, read_documented_command
from tests.doors.http2 import ATTACKS
from tests.doors.test_slow_callers import serves

_HSTS = b"strict-transport-security: max-age=63072000"
_NO_LOG = "--no-access-log"
_PRIVATE = ("healthz", "readyz", "metrics")
_SPELLINGS = (
    *("/{0}", "//{0}", "///{0}", "/./{0}", "/x/../{0}", "/{0}/", "/{0}?x=1", "/{0};x", "/{0}/."),
    *("/%2e/{0}", "/%2f{0}", "/.%2e/{0}", "/static/..%2f{0}", "/{0}%2f", "/{0}%20", "/{0}%00"),
    *(
        "/{1}",
        "/%25{2}",
        "https://maalem.example/{0}",
        "http://maalem.example//{0}",
        "/{3}",
        "\\{0}",
    ),
    *("/mm/../{0}", "/mm/v1.2/%2e%2e/%2e%2e/{0}", "/ussd/../{0}", "/{0}\\"),
)
_TOKEN_PLACES = (
    *("/ussd/africastalking/{0}", "//ussd/africastalking/{0}", "/ussd//africastalking/{0}"),
    *("/ussd/africastalking//{0}", "/{0}", "/{0}/x", "/ussd/{0}", "/ussd/{0}/africastalking"),
    *("/%75ssd/africastalking/{0}", "/ussd%2fafricastalking/{0}", "/ussd/africastalking%2f{0}"),
    *("/ussd/africastalking;{0}", "/ussd?{0}", "/?token={0}", "/./ussd/./africastalking/{0}"),
    *("/sms/africastalking/delivery/{0}?a={0}", "/x{0}/", "ussd/{0}", "/ussd/africastalking {0}"),
    *("https://maalem.example/ussd/africastalking/{0}", "/ussd/africastalking/{0}#{0}", "*{0}"),
)
_TWO_WAYS = {
    "two lengths": "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "signed length": "Content-Length: +5\r\n\r\nabcde",
    "blank before the colon": "Content-Length : 5\r\n\r\nabcde",
    "chunked last but one": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "two encodings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "unknown encoding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "hidden encoding": "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunk without end": "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc",
    "negative chunk": "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc",
    "two hosts": "Host: evil.example\r\nContent-Length: 0\r\n\r\n",
}

_CHUNKED_UNFINISHED = f"Transfer-Encoding: chunked\r\n\r\nffff\r\n{'x' * 64_000}"


def test_documented_command_and_make_run_serve_in_one_way() -> None:
    """Only how it is watched and where it listens is another's."""
    ours = _read_options(read_documented_command(8000))
    theirs = _read_options(WEB_COMMAND)
    for name in {*ours, *theirs} - {"--port", "--workers-kill-timeout", "--log-level", _NO_LOG}:
        assert ours.get(name) == theirs.get(name), name


def _read_options(command: tuple[str, ...]) -> dict[str, str]:
    words = " ".join(command).replace("app:create_server", "").replace("=", " ").split(" --")[1:]
    return {f"--{option.split()[0]}": " ".join(option.split()[1:]) for option in words}


def _ask(door: Entrance, path: str, address: str, method: str = "GET") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: {door.host}\r\nConnection: close\r\n"
    return door.send(f"{head}Content-Length: 0\r\n\r\n", address)


def test_what_is_private_stays_shut_in_every_spelling(door: Entrance) -> None:
    for number, name in enumerate(_PRIVATE):
        encoded = f"%{ord(name[0]):02x}{name[1:]}"
        for spelling in _SPELLINGS:
            path = spelling.format(name, encoded, encoded[1:], name.upper())
            answer = _ask(door, path, f"127.0.1.{number + 1}")
            assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), (path, answer)
            assert b"alive" not in answer and b"ready" not in answer, path


def test_log_holds_no_token_wherever_it_stands(door: Entrance) -> None:
    for place in _TOKEN_PLACES:
        _ask(door, place.format(door.token), "127.0.1.4", "POST")
    with door.session() as caller:
        caller.get(
            f"http://127.0.0.1:{door.plain_port}/ussd/africastalking/{door.token}",
            allow_redirects=False,
            timeout=5,
        )
    time.sleep(0.2)
    log = door.log.read_text()
    assert "POST /ussd/africastalking 4" in log
    assert door.token not in log and door.token[:12] not in log


@pytest.mark.parametrize("way", _TWO_WAYS)
def test_request_that_can_be_read_in_two_ways_is_refused(door: Entrance, way: str) -> None:
    """The second request, which would hide behind the first, is never answered."""
    first = f"POST /agent/sign-in HTTP/1.1\r\nHost: {door.host}\r\n{_TWO_WAYS[way]}"
    answer = door.send(f"{first}GET /docs HTTP/1.1\r\nHost: {door.host}\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400") and answer.count(b"HTTP/1.1") == 1, answer


def test_chunked_wins_over_a_length_and_nothing_hides_behind(door: Entrance) -> None:
    head = f"POST /agent/sign-in HTTP/1.1\r\nHost: {door.host}\r\nTransfer-Encoding: chunked\r\n"
    hidden = f"0\r\n\r\nGET /readyz HTTP/1.1\r\nHost: {door.host}\r\n\r\n"
    answer = door.send(f"{head}Content-Length: 6\r\n\r\n{hidden}")
    assert answer.count(b"HTTP/1.1") <= 2 and b"ready" not in answer.replace(b"readyz", b"")


def test_every_answer_of_the_door_asks_for_tls(door: Entrance) -> None:
    head = f"Host: {door.host}\r\nConnection: close\r\n"
    asked = {
        200: f"GET /agent HTTP/1.1\r\n{head}\r\n",
        404: f"GET /readyz HTTP/1.1\r\n{head}\r\n",
        405: f"TRACE /agent HTTP/1.1\r\n{head}\r\n",
        408: f"POST /agent/sign-in HTTP/1.1\r\n{head}Content-Length: 9\r\n\r\nx",
        413: f"POST /agent/sign-in HTTP/1.1\r\n{head}Content-Length: 70000\r\n\r\n{'x' * 70000}",
        421: "GET /agent HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    }
    for status, request in asked.items():
        answer = door.send(request, "127.0.1.5")
        assert answer.startswith(b"HTTP/1.1 %d" % status), answer
        assert _HSTS in answer and b"server:" not in answer.lower(), answer
        if status != 200:
            head, _, page = answer.decode().partition("\r\n\r\n")
            _is_our_page(head, page)
    plain = f"http://127.0.0.1:{door.plain_port}"
    for path, host, status in (
        ("/agent", door.host, 308),
        ("/agent", "evil.example", 421),
        ("/agent", f"evil.example, {door.host}", 421),
        ("/mm/v1.2/heartbeat", door.host, 403),
        ("/ussd/generic/token", door.host, 403),
        ("/sms/twilio/status", door.host, 403),
    ):
        asked = f"{plain}{path}"
        answer = requests.get(asked, headers={"Host": host}, allow_redirects=False, timeout=5)
        assert answer.status_code == status
        assert answer.headers.get("Location", "") == (
            f"https://{host}{path}" if status == 308 else ""
        )


def test_list_of_hosts_is_no_host_of_ours(door: Entrance) -> None:
    for hosts in (f"evil.example, {door.host}", f"{door.host},evil.example"):
        asked = f"GET /agent HTTP/1.1\r\nHost: {hosts}\r\nConnection: close\r\n\r\n"
        assert door.send(asked, "127.0.1.10").startswith(b"HTTP/1.1 421"), hosts


def test_what_stands_before_a_body_leaves_it_room_to_be_taken_in_whole(door: Entrance) -> None:
    """Behind 20 KiB of headers it would reach a server unfinished, and keep it waiting."""
    long = "x" * 5000
    headers = "".join(f"X-Long-{number}: {long}\r\n" for number in range(4))
    for address, more in (("/agent/sign-in", headers), (f"/agent/sign-in?{long * 4}", "")):
        head = f"POST {address} HTTP/1.1\r\nHost: {door.host}\r\n{more}"
        for body in (f"Content-Length: 65000\r\n\r\n{'x' * 64_000}", _CHUNKED_UNFINISHED):
            answer = door.send(f"{head}{body}", "127.0.1.11")
            assert answer.startswith(b"HTTP/1.1 413"), (address[:20], answer)


def test_list_of_addresses_holds_behind_the_door_whatever_a_header_says(
    door: Entrance, runtime: Runtime
) -> None:
    key = draw_key(runtime.random)
    with operation(runtime.database, runtime.clock(), "office") as change:
        add_client(change, NewClient("from-seven", "wafacash", key, addresses=["127.0.0.7"]))
    proof = {"X-Client-Id": "from-seven", "X-API-Key": key.get_secret_value()}
    lies = ("X-Forwarded-For", "X_Forwarded_For", "x_forwarded-for", "Forwarded", "X-Real-IP")
    for address, status in (("127.0.0.7", 200), ("127.0.0.8", 401)):
        with door.session(address) as caller:
            for name in ("X-Nothing", *lies):
                said = {name: "127.0.0.7" if name != "Forwarded" else "for=127.0.0.7"}
                answer = caller.get(
                    f"{door.base}/mm/v1.2/heartbeat", headers=proof | said, timeout=5
                )
                assert answer.status_code == status, (address, name)


def test_gateway_is_let_in_from_its_own_addresses_alone(door: Entrance) -> None:
    hop = {"session_id": "1", "msisdn": "+212600000001", "input": "", "type": "start"}
    for address, status in (("127.0.0.9", 200), ("127.0.0.10", 404)):
        with door.session(address) as caller:
            caller.headers["X_Forwarded_For"] = "127.0.0.9"
            url = f"{door.base}/ussd/generic/{door.token}"
            assert caller.post(url, json=hop, timeout=5).status_code == status


def test_guesser_is_shut_out_and_nobody_else(door: Entrance) -> None:
    with door.session("127.0.1.6") as guesser:
        told = [guesser.get(f"{door.base}/guess/{n}", timeout=5).status_code for n in range(140)]
        assert told[:100] == [404] * 100 and told[-1] == 429
        shut = guesser.get(f"{door.base}/agent", timeout=5)
        assert (shut.status_code, shut.headers["Retry-After"]) == (429, "60")
        _is_our_page(str(shut.headers).lower(), shut.text)
    with door.session("127.0.1.7") as busy:
        for _ in range(200):
            assert busy.get(f"{door.base}/docs/openapi.yaml", timeout=5).status_code == 200


def test_gateway_with_some_wrong_requests_keeps_its_phones(door: Entrance) -> None:
    right = f"{door.base}/ussd/africastalking/{door.token}"
    with door.session("127.0.1.8") as gateway:
        for number in range(130):
            gateway.post(right, data={"text": ""}, timeout=5)
            form = {"sessionId": str(number), "phoneNumber": "+212600000001"}
            assert gateway.post(right, data=form, timeout=5).status_code == 200


def _is_our_page(head: str, page: str) -> None:
    """Asserts that a page is short, in French and Arabic, with a way back, and kept by nobody."""
    assert "no-store" in head.lower() and "text/html; charset=utf-8" in head
    assert '<html lang="fr">' in page and '<p lang="ar" dir="rtl">' in page
    assert re.search(r'<a href="(https://maalem.example)?/">', page) and len(page) < 700


def test_phone_gets_a_screen_and_a_page_says_so_while_the_server_is_dead(tmp_path: Path) -> None:
    with opened(tmp_path, free_port()) as door, door.session() as caller:
        for path in ("/ussd/africastalking", "/ussd/africastalking/token", "/ussd/x"):
            began = time.monotonic()
            told = caller.post(f"{door.base}{path}", data={"sessionId": "1"}, timeout=5)
            assert (told.status_code, told.text[:4]) == (200, "END ")
            assert re.search("[a-z]", told.text) and re.search("[\u0600-\u06ff]", told.text)
            assert units(told.text) <= 80 and time.monotonic() - began < 2
            assert told.headers["Cache-Control"] == "no-store"
        told = caller.post(f"{door.base}/ussd/generic/token", json={}, timeout=5)
        assert told.status_code == 200 and told.json()["continue"] is False
        told = caller.get(f"{door.base}/mm/v1.2/heartbeat", timeout=5)
        assert (told.status_code, told.json()["errorCategory"]) == (503, "serviceUnavailable")
        told = caller.get(f"{door.base}/agent", timeout=5)
        assert told.status_code == 503
        _is_our_page(str(told.headers), told.text)
        assert caller.post(f"{door.base}/sms/twilio/status", timeout=5).status_code == 503


def test_neighbour_who_sends_wrong_hops_is_shut_out_however_long_he_goes_on(door: Entrance) -> None:
    """The door's own refusals, which reach no server, make nobody more honest."""
    form = b"sessionId=1&phoneNumber=%2B212600000001"
    head = f"POST /ussd/africastalking/wrong HTTP/1.1\r\nHost: {door.host}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded\r\n"
    asked = f"{head}{kind}Content-Length: {len(form)}\r\n\r\n".encode() + form
    told: list[bool] = []
    with door.connect("127.0.1.9") as neighbour:
        reader = neighbour.makefile("rb")
        for _ in range(1400):
            neighbour.sendall(asked)
            status = int(reader.readline().split()[1])
            length = 0
            while (line := reader.readline().strip().lower()) != b"":
                length = int(line.split()[1]) if line.startswith(b"content-length:") else length
            screen = reader.read(length)
            assert status == 404 or screen.startswith(b"END "), (status, screen)
            told.append(status == 404)
    assert 600 <= sum(told) <= 605 and not any(told[610:])
    serves(door)


def test_kinds_of_callers_share_no_connections_of_the_door() -> None:
    door = (ROOT / "deploy/haproxy.cfg").read_text("utf-8")
    most = dict(re.findall(r"(?m)^backend (\w+)\n(?:    .*\n)*?.* maxconn (\d+)$", door))
    kinds = {"phones", "json_phones", "networks", "providers", "till", "sign_ins", "pages"}
    kinds |= {"office", "office_sign_ins"}
    assert most.keys() == kinds
    in_threads = sum(int(most[kind]) for kind in kinds - {"phones", "json_phones"})
    assert in_threads < THREADS - 2 * len(kinds)


@pytest.mark.parametrize("attack", ATTACKS)
def test_phones_are_answered_while_a_stranger_misuses_http2(
    door: Entrance, attack: str, seconds_of_attack: float
) -> None:
    command = [sys.executable, "-m", "tests.doors.http2", attack, str(door.port)]
    stranger = subprocess.Popen(
        [*command, str(door.certificate), door.host, str(seconds_of_attack)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    time.sleep(0.4)
    while stranger.poll() is None:
        serves(door)
        time.sleep(0.2)
    assert int(stranger.communicate()[0]) >= 1000 * seconds_of_attack
    serves(door)
