"""People, gateways and bad intentions at random: seeded, so that what fails once fails again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from random import Random
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.runtime import Runtime
from app.text.encoding import fits
from tests.journeys.other_parties import OtherParties
from tests.phone import LIMITS

HOPS = 1000
PHONES = [f"+2126000000{number:02d}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 98, 99)]
USUAL = [*"1112222334455", "0", "0", "0", "00", "9", "9"]
HOSTILE = [
    "",
    " ",
    "#",
    "**",
    "000",
    "-1",
    "1.5",
    "1e3",
    "9" * 5000,
    "é" * 900,
    "ع" * 900,
    "1*" * 900,
    "٢",
    "۲",
    "१",
    "²",
    "①",
    "２",
    "😀",
    "\u200f1",
    "\u202e2",
    "1\n2",
    "\x00",
    "\ufffd",
    "' OR 1=1 --",
    "{total}",
    "{0.__class__}",
    "%s%n",
    "100004",
    "01011984",
    "31022000",
    "A" * 33,
]
_SESSIONS = count(1)
pytestmark = pytest.mark.usefixtures("sample_people")


class Crowd:
    """Sends hops and holds each answer to what every answer must be."""

    def __init__(self, client: FlaskClient, runtime: Runtime) -> None:
        self.client = client
        say, languages = runtime.words.say, runtime.words.languages
        # A screen of outage with everything running is a crash that was caught.
        self.outage = [say(language, "away") for language in languages]
        self.outage += [say(language, "away.short") for language in languages]

    def post(self, phone: str, session: str, chain: str) -> str:
        form = {"sessionId": session, "serviceCode": "*384#", "networkCode": "60401"}
        body = urlencode(form | {"phoneNumber": phone, "text": chain})
        answer = self.client.post(
            "/ussd/africastalking", data=body, content_type="application/x-www-form-urlencoded"
        )
        said = answer.get_data(as_text=True)
        if len(body) > 8 * 1024:
            assert (answer.status_code, said) == (400, "body: over 8 KiB")
            return said
        kind, _, screen = said.partition(" ")
        assert answer.status_code == 200 and kind in {"CON", "END"} and screen, (chain, said)
        assert fits(screen, LIMITS), (phone, chain, screen)
        assert not any(words in screen for words in self.outage), (phone, chain)
        return said


@pytest.fixture
def crowd(client: FlaskClient, runtime: Runtime) -> Crowd:
    return Crowd(client, runtime)


@pytest.mark.parametrize("seed", [1, 2])
def test_any_walk_gets_screens(crowd: Crowd, runtime: Runtime, seed: int) -> None:
    """Hops repeated, lost, out of order and hostile, while codes are paid and days go by."""
    chance, others, hops = Random(seed), OtherParties(runtime), 0
    while hops < HOPS:
        phone, session = chance.choice(PHONES), f"walk-{next(_SESSIONS)}"
        chain = chance.choice(["", "", "2*1", "2*2", "1*9", "3"])
        sent = [chain]
        said = crowd.post(phone, session, chain)
        while said.startswith("CON") and len(sent) < 25:
            hops += 1
            roll = chance.random()
            if roll < 0.08:
                crowd.post(phone, session, chance.choice(sent))
            elif roll < 0.12:
                chance.choice(
                    [others.collect_cash, others.cancel_codes, lambda: others.wait(30_000)]
                )()
                others.wait(6)
            elif roll < 0.13:
                runtime.redis.flushdb()
            typed = chance.choice(USUAL if chance.random() < 0.85 else HOSTILE)
            chain = f"{chain}*{typed}" if chain else typed
            sent.append(chain)
            if chance.random() < 0.05:
                continue  # this hop is lost on the way; the next one brings its answer along
            said = crowd.post(phone, session, chain)
            assert crowd.post(phone, session, chain) == said, chain
    for phone in PHONES[:-2]:
        session = f"walk-{next(_SESSIONS)}"
        # Broken off: offered to go on, or to begin anew.
        crowd.post(phone, session, "")
        assert "\n1 " in crowd.post(phone, session, "00").replace("CON ", "\n", 1)


def test_every_hop_sent_eight_times_at_once_gets_one_reply(
    app: Flask, runtime: Runtime, crowd: Crowd
) -> None:
    """The gateway's impatience: eight workers get the same hop, and the phone sees one answer."""
    crowds = [Crowd(app.test_client(), runtime) for _ in range(8)]
    chance = Random(3)
    with ThreadPoolExecutor(8) as many:
        for _ in range(12):
            phone, session, chain = chance.choice(PHONES), f"crowd-{next(_SESSIONS)}", ""
            for _ in range(4):

                def send(one: Crowd, at: tuple[str, str, str] = (phone, session, chain)) -> str:
                    return one.post(*at)

                said = set(many.map(send, crowds))
                assert len(said) == 1, (phone, chain, said)
                if said.pop().startswith("END"):
                    break
                typed = chance.choice("12123")
                chain = f"{chain}*{typed}" if chain else typed
    live = "SELECT artisan_id FROM payment_code WHERE state = 'issued' GROUP BY 1"
    assert OtherParties(runtime).run(f"{live} HAVING count(*) > 1") == []
    assert crowd.post(PHONES[0], "afterwards", "").startswith("CON ")


def test_hops_of_one_session_may_come_all_at_once(
    app: Flask, runtime: Runtime, crowd: Crowd
) -> None:
    """Out of order and overtaking each other: any answer, never a broken one."""
    chains = ["", "2", "2*2", "2*2*1", "2*2*1*0", "2*2*1*0*3", "2*2*1*0*3*1", "2*2*1*0*3*1*1"]
    crowds = [Crowd(app.test_client(), runtime) for _ in chains]
    with ThreadPoolExecutor(8) as many:
        for turn in range(10):
            phone, session = PHONES[turn % 5], f"chaos-{next(_SESSIONS)}"

            def send(one: Crowd, chain: str, phone: str = phone, session: str = session) -> str:
                return one.post(phone, session, chain)

            assert all(many.map(send, crowds, Random(turn).sample(chains, len(chains))))
    assert crowd.post(PHONES[0], "afterwards", "").startswith("CON ")
