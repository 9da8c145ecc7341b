"""Phones at random on both gateways: whatever comes, a screen that fits, and a way out.

`make fuzz` walks 50,000 hops; the suite walks a part of them. FUZZ_HOPS and FUZZ_SEED choose.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from random import Random

import pytest
from flask.testing import FlaskClient

from app.base.hop import Hop
from app.base.phone import Phone
from app.runtime import Runtime
from app.text.encoding import fits
from tests.conftest import TestClock
from tests.journeys.other_parties import OtherParties
from tests.ussd.test_walks import HOSTILE, PHONES

HOPS = int(os.environ.get("FUZZ_HOPS", "5000"))
SEED = int(os.environ.get("FUZZ_SEED", "20261123"))
AGENT = "+212600000091"
DIGITS = [*"1111222233334455", "0", "0", "00", "9", "9"]
# What a person who means well types where something is asked for.
SENSIBLE = [
    "100001",
    "100004",
    "100007",
    "01011984",
    "01011981",
    "246813",
    "4826",
    "4826",
    "ra",
    "fe",
]
HORRORS = [
    *HOSTILE,
    "x" * 7000,
    "م" * 5000,  # 10 KB
    "*" * 4000,
    "\u0660\u0661",
    "\u06f1",
    "\u0967\u0968",
    "\u2d30\u2d3d",
    "\u200e\u200f\u202a\u202e\u2066\u2069",
    "\u0000\u0007\u001b[2J",
    "👩‍👩‍👧‍👦" * 40,
    "\ud7ff\ufffe",
    "../../etc/passwd",
    "${jndi:ldap://x}",
    "<script>",
    "9" * 12,
    "٤٨٢١ ٧٣٠٥ ٩٦١٤",
    "2" * 300,
    "\t\n\r",
]
_CODE = re.compile(r"(?<!\d)\d{4} \d{4} \d{4}(?!\d)")
_SESSIONS = count(1)


class Line:
    """One session of one phone on one gateway; every answer is held to what all must be."""

    def __init__(self, client: FlaskClient, runtime: Runtime, gateway: str, number: str) -> None:
        self.client, self.runtime = client, runtime
        self.gateway, self.number = gateway, number
        self.session = f"fuzz-{next(_SESSIONS)}"
        self.inputs: list[str] = []
        self.messages = 0
        self.more = True
        self.shown = ""

    def send(self, typed: str | None) -> str:
        """The screen after `typed`; None dials."""
        self.inputs += [] if typed is None else [typed]
        self.messages += 1
        return self.again(typed)

    def again(self, typed: str | None) -> str:
        ask = self._in_json if self.gateway == "generic" else self._as_form
        status, self.more, screen = ask(typed)
        if status == 400:
            assert screen == "body: over 8 KiB", (typed, screen)
            self.more = False
            return ""
        assert status == 200 and screen, (self.gateway, self.inputs, screen)
        assert fits(screen, self.runtime.limits[self.gateway]), (self.inputs, screen)
        for language in self.runtime.words.languages:
            for key in ("away", "away.short"):
                away = self.runtime.words.say(language, key)
                assert away not in screen, (self.number, self.inputs[-3:])
        self.shown = screen
        return screen

    def _in_json(self, typed: str | None) -> tuple[int, bool, str]:
        fields = {
            "session_id": self.session,
            "msisdn": self.number,
            "service_code": "*384#",
            "type": "start" if typed is None else "input",
            "input": typed or "",
            "message_id": f"m{self.messages}",
        }
        answer = self.client.post("/ussd/generic", json=fields)
        body = answer.get_json()
        return (
            answer.status_code,
            body.get("continue", False),
            body.get("message", body.get("error")),
        )

    def _as_form(self, _typed: str | None) -> tuple[int, bool, str]:
        fields = {
            "sessionId": self.session,
            "phoneNumber": self.number,
            "serviceCode": "*384#",
            "networkCode": "60401",
            "text": "*".join(self.inputs),
        }
        answer = self.client.post("/ussd/africastalking", data=fields)
        kind, _, screen = answer.get_data(as_text=True).partition(" ")
        if answer.status_code == 400:
            return 400, False, answer.get_data(as_text=True)
        assert kind in {"CON", "END"}
        return answer.status_code, kind == "CON", screen

    def screen_name(self) -> str:
        hop = Hop(self.gateway, self.session, Phone(self.number), "1")
        record = self.runtime.turns.sessions.load(hop, self.runtime.clock()).record
        assert record
        return record.position.path[-1]


def a_typed(chance: Random, line: Line) -> str:
    """Mostly what people type, sometimes what nobody should."""
    kind = chance.random()
    if kind < 0.68:
        return chance.choice(DIGITS)
    if kind < 0.74 and (codes := _CODE.findall(line.shown)):
        return chance.choice(codes)
    return chance.choice(SENSIBLE if kind < 0.86 else HORRORS)


def play(line: Line, chance: Random) -> int:
    """One session, with retries; gives how many hops it took."""
    dialled: str | None = chance.choice([None, None, None, "2", "1", "5", "3"])
    line.send(dialled)
    hops = 1
    for _ in range(chance.randrange(1, 25)):
        if not line.more:
            return hops
        typed = a_typed(chance, line)
        first = line.send(typed)
        hops += 1
        if chance.random() < 0.1:
            assert line.again(typed) == first, line.inputs
            hops += 1
    return hops + leave(line)


def leave(line: Line) -> int:
    """From wherever it is, 00 leads home: no talk is stuck. A chain over 8 KiB goes nowhere."""
    if line.more:
        line.send("00")
    if not line.more:
        return 0
    name = line.screen_name()
    assert line.runtime.ussd.menu.screens[name].home, (name, line.inputs)
    return 1


def meanwhile(others: OtherParties, clock: TestClock, chance: Random) -> None:
    """The other parties go on between the sessions."""
    events: list[Callable[[], object]] = [
        others.collect_cash,
        others.cancel_codes,
        lambda: others.wait(chance.randrange(1, 400)),
        lambda: others.wait(24 * 3600),
    ]
    if chance.random() < 0.3:
        chance.choice(events)()
    clock.now += timedelta(seconds=chance.randrange(0, 30))


@pytest.mark.usefixtures("sample_people")
def test_any_input_gets_a_screen_that_fits_and_a_way_out(
    client: FlaskClient, runtime: Runtime
) -> None:
    chance, others, hops = Random(SEED), OtherParties(runtime), 0
    clock = runtime.clock
    assert isinstance(clock, TestClock)
    while hops < HOPS:
        gateway = chance.choice(["africastalking", "africastalking", "generic"])
        line = Line(client, runtime, gateway, chance.choice([*PHONES, AGENT]))
        hops += play(line, chance)
        meanwhile(others, clock, chance)
    books = "SELECT coalesce(sum(amount_centimes), 0)::bigint FROM ledger_line"
    assert others.run(books) == [(0,)]
    assert others.run("SELECT count(*) > 0 FROM deposit") == [(True,)]
