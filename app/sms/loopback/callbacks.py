"""Posts the loopback providers' delivery reports to us, each after its delay."""

import asyncio
from collections import Counter
from random import Random
from typing import NamedTuple
from urllib.parse import urlencode

import aiohttp
from twilio.request_validator import RequestValidator

from app.sms.loopback.options import Options, Reports
from app.sms.loopback.provider import LoopbackProvider
from app.sms.loopback.store import AcceptedMessage

_AT_ONCE = 16
_PATIENCE = aiohttp.ClientTimeout(total=10)
_UNKNOWN = "Teleported"


class _Due(NamedTuple):
    side: LoopbackProvider
    message: AcceptedMessage
    # The first is due; the next one waits until that was posted, for a busy machine keeps no order.
    words: tuple[str, ...]
    delay: float  # seconds
    address: str
    token: str


class Posts:
    """Reports that wait on the loop until they are due; some tasks post those that are."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - a seed repeats the same reports
        self._due: asyncio.Queue[_Due] = asyncio.Queue()
        # Counts answers by status; `unreached` counts posts without an answer.
        self.answered: Counter[str] = Counter()
        self.waiting = 0

    async def run(self) -> None:
        """Posts reports when they are due, until it is cancelled."""
        async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
            await asyncio.gather(*(self._poster(session) for _ in range(_AT_ONCE)))

    def report(self, side: LoopbackProvider, message: AcceptedMessage, options: Options) -> None:
        """Schedules all reports of a message, each `delay_ms` after the one before was posted."""
        address = message.callback or (
            options.addresses.delivery if side.NAME == "africastalking" else ""
        )
        if not address or self._happens(options.reports.never):
            return
        words = tuple(self._words(side, options.reports))
        self.waiting += len(words)
        delay = options.reports.delay_ms / 1000
        self._schedule(_Due(side, message, words, delay, address, options.auth_token))

    def _schedule(self, due: _Due) -> None:
        asyncio.get_running_loop().call_later(due.delay, self._due.put_nowait, due)

    def _words(self, side: LoopbackProvider, shares: Reports) -> list[str]:
        last = side.FAILED if self._happens(shares.failed) else side.DELIVERED
        words = [*side.ON_THE_WAY, last]
        if self._happens(shares.disorder):
            words.reverse()
        if self._happens(shares.unknown):
            words.insert(1, _UNKNOWN)
        return [word for word in words for _ in range(1 + self._happens(shares.repeat))]

    def _happens(self, share: float) -> bool:
        return self._random.random() < share

    async def _poster(self, session: aiohttp.ClientSession) -> None:
        while True:
            due = await self._due.get()
            word, *later = due.words
            if word != _UNKNOWN and due.message.status not in {
                due.side.DELIVERED,
                due.side.FAILED,
            }:
                due.message.status = word
            form = due.side.report(due.message, word)
            status = await post(
                session, due.address, form, due.token if due.message.callback else ""
            )
            self.answered[str(status or "unreached")] += 1
            self.waiting -= 1
            if later:
                self._schedule(due._replace(words=tuple(later)))


async def post(
    session: aiohttp.ClientSession, address: str, form: dict[str, str], token: str
) -> int | None:
    """Posts a form, signed if there is a token; returns the status, None without an answer."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if token:
        headers["X-Twilio-Signature"] = RequestValidator(token).compute_signature(address, form)
    try:
        async with session.post(address, data=urlencode(form).encode(), headers=headers) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return None
