"""What the web server calls (ASGI): takes a request in, and has the WSGI application answer it.

A hop is answered in the server's own thread, where other hops go on while it waits for an engine:
where each has a thread, these wait for each other's interpreter longer than they work. All else
has threads. A body is waited for by neither.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO, RawIOBase
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_to_bytes

from flask import Flask

from app.base import waits
from app.observe import metrics
from app.web.edge import LONGEST_BODY

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from app.runtime import Runtime

T = TypeVar("T")
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Until both engines were reached hops have threads of their own.
THREADS, _HOP_THREADS = 192, 16
# Seconds in which a body is sent, also one with a file for the office.
DEADLINE, FILE_SECONDS = 4.0, 60.0
_OFFICE = "/office"
_AT_ONCE = 1024 * 1024  # an answer up to this length is sent as one, and keeps no thread


class Server:
    """The ASGI application round `app`."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._maalem: Runtime = app.extensions["maalem"]
        self._was_warm = False
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._hop_threads = ThreadPoolExecutor(_HOP_THREADS, thread_name_prefix="hop")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _take_in(scope, receive)
        environ = _make_environ(scope, body)
        is_hop = scope["method"] == "POST" and scope["path"].startswith("/ussd/")
        if is_hop and isinstance(body, _Body) and self._is_warm():
            answer = await waits.run(lambda: _answer(self._app.wsgi_app, environ))
        else:
            threads = self._hop_threads if is_hop else self._threads
            answer = await self._answer_in_thread(threads, environ, send)
        for message in answer:
            await send(message)

    def _is_warm(self) -> bool:
        self._was_warm = self._was_warm or self._maalem.is_warm()
        return self._was_warm

    async def _answer_in_thread(
        self, threads: ThreadPoolExecutor, environ: WSGIEnvironment, send: Send
    ) -> list[Message]:
        loop = asyncio.get_running_loop()

        def send_part(message: Message) -> None:
            asyncio.run_coroutine_threadsafe(_wait_for(send(message)), loop).result()

        application = self._app.wsgi_app
        return await loop.run_in_executor(threads, _answer, application, environ, send_part)


class _Body(BytesIO):
    """A body; `is_cut` says that its end did not come."""

    is_cut = False


async def _take_in(scope: Scope, receive: Receive) -> _Body | _LongBody:
    """Returns the body, as much of it as came in time; of a long one what reads on."""
    body, headers = _Body(), dict(scope["headers"])
    if b"content-length" not in headers and b"transfer-encoding" not in headers:
        return body
    gives_file = headers.get(b"content-type", b"").startswith(b"multipart/")
    seconds = FILE_SECONDS if gives_file and scope["path"].startswith(_OFFICE) else DEADLINE
    loop, sender, ends = asyncio.get_running_loop(), asyncio.current_task(), monotonic() + seconds
    if int(headers.get(b"content-length", 0)) > LONGEST_BODY:
        return _LongBody(b"", loop, receive, ends)
    assert sender
    waits.LIMITS.begin(loop, sender, seconds, sender.cancel)
    try:
        while not body.is_cut:
            message = await receive()
            body.is_cut = message["type"] != "http.request"
            body.write(message.get("body", b""))
            if not message.get("more_body"):
                break
            if body.tell() > LONGEST_BODY:
                return _LongBody(body.getvalue(), loop, receive, ends)
    except asyncio.CancelledError:
        body.is_cut = True
        metrics.slow_bodies.inc()
    finally:
        waits.LIMITS.finish(sender)
    body.seek(0)
    return body


class _LongBody(RawIOBase):
    """A body of which a part was waited for: the thread that takes it reads on."""

    is_cut = False

    def __init__(self, part: bytes, loop: AbstractEventLoop, receive: Receive, ends: float) -> None:
        self._part, self._loop, self._receive = part, loop, receive
        self._ends, self._is_whole = ends, False

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        """Reads what has come; nothing at the body's end, or after its time."""
        while not self._part and not self._is_whole:
            self._part = self._read_on()
        size = min(len(into), len(self._part))
        into[:size], self._part = self._part[:size], self._part[size:]
        return size

    def _read_on(self) -> bytes:
        coming = asyncio.run_coroutine_threadsafe(_wait_for(self._receive()), self._loop)
        try:
            message = coming.result(max(0.0, self._ends - monotonic()))
        except TimeoutError:
            coming.cancel()
            metrics.slow_bodies.inc()
            message = {"type": "late"}
        self.is_cut = message["type"] != "http.request"
        self._is_whole = not message.get("more_body")
        return bytes(message.get("body", b""))


async def _wait_for(awaitable: Awaitable[T]) -> T:
    """A coroutine, as a loop takes it from another thread."""
    return await awaitable


def _make_environ(scope: Scope, body: _Body | _LongBody) -> WSGIEnvironment:
    """Returns the request as WSGI has it (PEP 3333)."""
    host, port = scope["server"]
    path = scope["raw_path"]
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        # A name with `_` would pass for one with `-`, as that by which the door names the caller.
        if b"_" in name:
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_LENGTH", "CONTENT_TYPE"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        between = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{between}{text}" if key in environ else text
    return environ


def _answer(
    application: WSGIApplication,
    environ: WSGIEnvironment,
    send: Callable[[Message], None] | None = None,
) -> list[Message]:
    """Returns the answer's messages, those of a long one that are not sent yet."""
    begun: list[Message] = []

    def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> Any:
        encoded = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        begun[:] = [{"type": "http.response.start", "status": int(status[:3]), "headers": encoded}]

    parts = application(environ, start)
    try:
        return _collect(begun, parts, send)
    finally:
        if hasattr(parts, "close"):
            parts.close()


def _collect(
    messages: list[Message], parts: Iterable[bytes], send: Callable[[Message], None] | None
) -> list[Message]:
    body = bytearray()
    for part in parts:
        body += part
        if send and len(body) > _AT_ONCE:
            for message in messages:
                send(message)
            messages.clear()
            send({"type": "http.response.body", "body": bytes(body), "more_body": True})
            body.clear()
    messages.append({"type": "http.response.body", "body": bytes(body)})
    return messages
