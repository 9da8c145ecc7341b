"""What the web server calls hands each request on as it came, and waits for no body for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from app.web import server
from app.web.server import Message, Scope, Server

Start = Callable[[str, list[tuple[str, str]]], object]
HEADERS = [(b"host", b"localhost")]
FORM = (b"content-type", b"application/x-www-form-urlencoded")


class _Silence:
    """A sender who sends nothing more."""


class _Gone:
    """A sender who hung up."""


def call(app: Flask, scope: Scope, parts: Sequence[bytes | _Silence | _Gone] = ()) -> list[Message]:
    """Returns what the server sends in answer to a request whose body comes in these parts."""
    coming, sent = list(parts), []

    async def receive() -> Message:
        part = coming.pop(0)
        if isinstance(part, _Gone):
            return {"type": "http.disconnect"}
        if isinstance(part, _Silence):
            await asyncio.sleep(60)
        return {"type": "http.request", "body": part, "more_body": bool(coming)}

    async def send(message: Message) -> None:
        sent.append(message)

    async def serve() -> None:
        await Server(app)(scope, receive, send)

    # A browser's tests leave a loop running in the thread of all tests.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, serve()).result()
    return sent


def request(method: str, path: bytes, *headers: tuple[bytes, bytes], query: bytes = b"") -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("198.51.100.7", 4711),
        "headers": [*HEADERS, *headers],
    }


Seen = Callable[..., dict[str, Any]]


@pytest.fixture
def see(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Has the application answer everything so; returns where it notes what it was called with."""
    seen: dict[str, Any] = {}
    answers: list[Iterable[bytes]] = []

    def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        seen.update(environ, body=environ["wsgi.input"].read())
        seen["is_cut"] = environ["wsgi.input"].is_cut
        start("200 OK", [("X-Seen", "yes")])
        return answers[-1]

    def answer_by(answer: Iterable[bytes] = (b"seen",)) -> dict[str, Any]:
        answers.append(answer)
        monkeypatch.setattr(app, "wsgi_app", application)
        return seen

    return answer_by


def test_request_is_handed_on_as_it_came(app: Flask, see: Seen) -> None:
    seen = see()
    headers = [(b"x-forwarded-for", b"1"), (b"x-forwarded-for", b"2"), (b"x_real_ip", b"3")]
    headers += [(b"cookie", b"a=1"), (b"cookie", b"b=2")]
    length = (b"content-length", b"6")
    path, query = b"/a%20b%ff", b"c=%ff&d"
    sent = call(app, request("POST", path, length, FORM, *headers, query=query), [b"abc", b"def"])
    assert [message.get("body") for message in sent] == [None, b"seen"]
    assert sent[0] | {"type": ""} == {"type": "", "status": 200, "headers": [(b"x-seen", b"yes")]}
    told = {name: seen[name] for name in ("PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "body")}
    assert told == {
        "PATH_INFO": "/a b\xff",
        "QUERY_STRING": "c=%ff&d",
        "REMOTE_ADDR": "198.51.100.7",
        "body": b"abcdef",
    }
    assert (seen["CONTENT_LENGTH"], seen["CONTENT_TYPE"]) == ("6", FORM[1].decode())
    assert seen["HTTP_COOKIE"] == "a=1; b=2"
    # One whose name holds `_` would pass for the door's own.
    assert seen["HTTP_X_FORWARDED_FOR"] == "1,2" and "HTTP_X_REAL_IP" not in seen


def test_long_answer_is_sent_in_parts_as_it_comes(app: Flask, see: Seen) -> None:
    part = b"x" * 700_000
    see(part for _ in range(5))
    sent = call(app, request("GET", b"/"))
    sizes = [len(message["body"]) for message in sent[1:]]
    assert sizes == [1_400_000, 1_400_000, 700_000]
    assert [message.get("more_body", False) for message in sent[1:]] == [True, True, False]


@pytest.mark.parametrize("path", [b"/ussd/africastalking", b"/agent/sign-in", b"/office/files"])
def test_body_that_does_not_come_is_refused_in_time(
    app: Flask, monkeypatch: pytest.MonkeyPatch, path: bytes
) -> None:
    monkeypatch.setattr(server, "DEADLINE", 0.2)
    began = time.monotonic()
    sent = call(
        app, request("POST", path, (b"content-length", b"60"), FORM), [b"text=1", _Silence()]
    )
    assert time.monotonic() - began < 10
    assert sent[0]["status"] == 408
    chunked = request("POST", path, (b"transfer-encoding", b"chunked"), FORM)
    assert call(app, chunked, [b"text=1", _Silence()])[0]["status"] == 408


def test_sender_who_is_gone_has_sent_no_whole_body(app: Flask, see: Seen) -> None:
    seen = see()
    call(app, request("POST", b"/", (b"transfer-encoding", b"chunked")), [b"1", _Gone()])
    assert seen["body"] == b"1" and seen["is_cut"]


@pytest.mark.parametrize("length", [(b"content-length", b"200000"), (b"transfer-encoding", b"x")])
def test_long_body_is_read_on_by_who_takes_it(
    app: Flask, see: Seen, length: tuple[bytes, bytes]
) -> None:
    seen = see()
    parts = [b"y" * 50_000] * 4
    call(app, request("POST", b"/office/files", length), parts)
    assert seen["body"] == b"y" * 200_000


def test_file_has_a_minute_and_then_is_cut(
    app: Flask, see: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DEADLINE", 0.1)
    monkeypatch.setattr(server, "FILE_SECONDS", 0.6)
    seen = see()
    file = (b"content-type", b"multipart/form-data; boundary=b")
    for length, parts, read in (
        (b"100000", [b"z" * 70_000, _Silence()], 70_000),
        (b"60", [b"z" * 30, _Silence()], 30),
    ):
        began = time.monotonic()
        call(app, request("POST", b"/office/files", (b"content-length", length), file), parts)
        assert 0.5 < time.monotonic() - began < 10
        assert len(seen["body"]) == read and seen["is_cut"]
