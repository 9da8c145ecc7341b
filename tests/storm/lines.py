"""Lines of a gateway, a network or a browser to two doors, and what was told over them."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp

_PAUSE_SECONDS = 0.1
# The door closes what rests for 15 s: a line that rested is not taken up in that moment.
_RESTS_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What somebody was told: asked when, after how many seconds and tries, and why it is no use.

    `cause` is empty where all is well. `silence` and `wrong` fail the run.
    """

    kind: str
    asked_at: float
    seconds: float
    tries: int
    status: int
    text: str
    cause: str = ""
    # The talk of a hop.
    talk: str = ""


@dataclass
class Told:
    """Everything that was told, which must be true at the end."""

    answers: list[Answer] = field(default_factory=list)
    # How each talk ended, by its session: `right`, or the cause of its last screen.
    talks: dict[str, str] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    # The code and our receipt, by the network's own reference.
    payments: dict[str, tuple[str, str]] = field(default_factory=dict)
    # Phones that were told to wait for an SMS.
    promised: set[str] = field(default_factory=set)


class Line:
    """One caller's connections; a broken one is followed by another, at the other door."""

    def __init__(self, session: aiohttp.ClientSession, doors: list[str], told: Told) -> None:
        self._session, self._doors, self._told = session, doors, told
        self._first = count()

    async def ask(
        self, kind: str, method: str, path: str, seconds: float, *, refused: int = 600, **how: Any
    ) -> Answer:
        """Asks in the same words until something below the status `refused` comes back.

        Status 0 means that nothing did, in so many seconds.
        """
        began, tries, first = time.monotonic(), 0, next(self._first)
        status, text = 0, ""
        while not status and (left := began + seconds - time.monotonic()) > 0:
            door = self._doors[(first + tries) % len(self._doors)]
            tries += 1
            try:
                async with (
                    asyncio.timeout(left),
                    self._session.request(
                        method, f"{door}{path}", allow_redirects=False, **how
                    ) as answer,
                ):
                    text = await answer.text()
                    status = answer.status if answer.status < refused else 0
            except (aiohttp.ClientError, TimeoutError):
                status = 0
            if not status:
                await asyncio.sleep(_PAUSE_SECONDS)
        return Answer(kind, began, time.monotonic() - began, tries, status, text)

    def keep(self, answer: Answer) -> None:
        self._told.answers.append(answer)


@asynccontextmanager
async def open_line(doors: list[str], certificate: str, told: Told) -> AsyncIterator[Line]:
    """Opens a line that keeps cookies, as a browser does."""
    trusted = ssl.create_default_context(cafile=certificate)
    session = aiohttp.ClientSession(
        # From another address than the doors', as callers are.
        connector=aiohttp.TCPConnector(
            ssl=trusted,
            limit=0,
            local_addr=("127.0.0.2", 0),
            keepalive_timeout=_RESTS_SECONDS,
        ),
        cookie_jar=aiohttp.CookieJar(unsafe=True),
    )
    async with session:
        yield Line(session, doors, told)
