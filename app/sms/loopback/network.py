"""Answers requests to send on the loopback: accepts them or makes a fault, and counts them."""

import asyncio
import json
from collections import Counter, deque
from typing import Any

from aiohttp import web

from app.sms.loopback.callbacks import Posts
from app.sms.loopback.faults import (
    AFTER_ACCEPTING,
    CUT_AFTER,
    CUT_BEFORE,
    EMPTY,
    HALF,
    LOOKING,
    MALFORMED,
    SLOW,
    Faults,
)
from app.sms.loopback.options import Options
from app.sms.loopback.provider import Form, LoopbackProvider
from app.sms.loopback.store import AcceptedMessage, MessageStore

_LOOKED_AT = 50
_CREDENTIALS = {"authorization", "apikey"}


class LoopbackNetwork:
    """State of the server that both providers share; it lives on the server's loop alone."""

    def __init__(self, options: Options, share: float = 0.0) -> None:
        self.options = options
        self.faults = Faults(options.seed, share)
        self.store = MessageStore(options.seed)
        self.posts = Posts(options.seed)
        self.requests: Counter[str] = Counter()
        # The last requests without their credentials, for `GET /control/requests`.
        self.last: deque[dict[str, Any]] = deque(maxlen=_LOOKED_AT)
        # A connection is known by the address and port it comes from.
        self.connections: set[Any] = set()

    def counts(self) -> dict[str, Any]:
        return self.store.counts() | {
            "requests": dict(self.requests),
            "connections": len(self.connections),
            "faults": dict(self.faults.happened),
            "reports": dict(self.posts.answered),
            "reports_waiting": self.posts.waiting,
        }

    async def send(
        self, request: web.Request, side: LoopbackProvider, key: str
    ) -> web.StreamResponse:
        self._count(request, side.NAME)
        fault = self.faults.draw(side.NAME, side.FAULTS)
        if fault == CUT_BEFORE:
            return _cut_connection(request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        self._keep_request(request, form)
        await asyncio.sleep(self.options.latency_ms / 1000)
        if refused := side.refuse(request, form, key):
            return refused
        if fault is None or fault in AFTER_ACCEPTING:
            return await self._take(request, side, form, fault)
        if fault.startswith("failed:"):
            return self._fail(side, form, int(fault.removeprefix("failed:")))
        return side.fault(fault, form)

    async def draw_fault_of_look(self, name: str, *more: str) -> str | None:
        """Returns the fault of a question that sends nothing; a slow one waits here."""
        fault = self.faults.draw(name, (*LOOKING, *more))
        if fault == SLOW:
            await asyncio.sleep(self.options.slow_ms / 1000)
            return None
        return fault

    def _count(self, request: web.Request, name: str) -> None:
        self.requests[name] += 1
        if request.transport is not None:
            self.connections.add(request.transport.get_extra_info("peername"))

    def _keep_request(self, request: web.Request, form: Form) -> None:
        headers = {n: v for n, v in request.headers.items() if n.lower() not in _CREDENTIALS}
        self.last.append({"path": request.path, "headers": headers, "form": form})

    async def _take(
        self, request: web.Request, side: LoopbackProvider, form: Form, fault: str | None
    ) -> web.StreamResponse:
        message = side.accept(form, self.store)
        self.posts.report(side, message, self.options)
        if fault == CUT_AFTER:
            return _cut_connection(request)
        body = json.dumps(side.describe(message)).encode()
        if fault == HALF:
            return await _send_half(request, body, side.ACCEPTED_STATUS)
        if fault == SLOW:
            await asyncio.sleep(self.options.slow_ms / 1000)
        body = {MALFORMED: b"<html>Sent", EMPTY: b""}.get(fault or "", body)
        return web.Response(body=body, status=side.ACCEPTED_STATUS, content_type="application/json")

    def _fail(self, side: LoopbackProvider, form: Form, code: int) -> web.Response:
        """Answers a good request with a message that failed at once; the message is not stored."""
        message: AcceptedMessage = side.accept(form, MessageStore(0))
        message.status, message.error = "failed", code
        return web.json_response(side.describe(message), status=side.ACCEPTED_STATUS)


def _cut_connection(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _send_half(request: web.Request, body: bytes, status: int) -> web.StreamResponse:
    answer = web.StreamResponse(status=status, headers={"Content-Length": str(len(body))})
    answer.content_type = "application/json"
    await answer.prepare(request)
    await answer.write(body[: len(body) // 2])
    if request.transport is not None:
        # Closing lets the first half arrive; aborting would not.
        request.transport.close()
    return answer
