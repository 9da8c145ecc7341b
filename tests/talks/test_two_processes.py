"""Two processes that remember dialogues show and do what processes do that read each time."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from app import create_app
from app.journeys.context import vocabulary
from app.migrating import load_models
from app.runtime import Runtime
from app.services import Services
from app.ussd.session import Sessions
from app.ussd.turn import Turns
from tests.conftest import NOW, PIN
from tests.database import Snapshot, empty
from tests.journeys.other_parties import OtherParties
from tests.phone import TestPhone

HOPS = 500
AGENT = "+212600000091"
NUMBERS = ["+212600000001", "+212600000002", "+212600000005", "+212600000099", AGENT]
USUAL = [*"111222333455", "0", "0", "00", "9", "x", "1234", "4321", "100002", "01011982"]
WAYS = ["", "", "2*1", "2*2", "5*5*3", "5*5*4", "3"]
# What an agent types mostly, again and again, and else.
COLLECTING, ELSE = ["1", "code", "1", PIN.get_secret_value()], ["1", "2", "00", "x", "111111"]
# Counts of tries, and what a row is for; numbers drawn by chance differ.
WORDS = {"state", "kind", "tries", "wrong", "tries_left", "act", "way", "wants", "amount"}
_DRAWN = re.compile(r"\d{4} \d{4} \d{4}|\b[A-Z]*\d{5,}\b")


@dataclass
class Line:
    """A phone's session: the chain so far, and each answer to it."""

    phone: TestPhone
    session: str
    answers: dict[str, str] = field(default_factory=dict)


class Walk:
    """Random hops of several phones at two processes, the same for the same seed."""

    def __init__(self, client: FlaskClient, runtime: Runtime, seed: int, remembers: bool) -> None:
        self.client, self.runtime, self.remembers = client, runtime, remembers
        self.chance, self.others = Random(seed), OtherParties(runtime)
        turns = runtime.turns
        self.processes = [self._start_process(turns) for _ in range(2)]
        self.lines: dict[str, list[Line]] = {number: [] for number in NUMBERS}
        self.shown: list[tuple[str, str]] = []

    def _start_process(self, turns: Turns[Services]) -> Turns[Services]:
        sessions = Sessions(self.runtime.redis_calls, self.runtime.keys)
        return Turns(turns.versions, sessions, self.runtime.deferred_actions)

    def play(self) -> None:
        for hop in range(HOPS):
            number, roll = self.chance.choice(NUMBERS), self.chance.random()
            lines, dialled = self.lines[number], self.chance.choice(WAYS)
            line = self.chance.choice(lines) if lines else None
            if line is None or roll < 0.04:
                line = Line(TestPhone(self.client), f"walk-{hop}")
                line.phone.number, line.phone.session = number, line.session
                self.lines[number] = [*lines[-1:], line]  # the one before goes on too
                self._send(line, dialled if number != AGENT else "")
            elif roll < 0.2:
                self._send(line, self.chance.choice(list(line.answers)))
            else:
                chain = self._type(list(line.answers)[-1], number)
                if self._send(line, chain).startswith("END"):
                    self.lines[number].remove(line)
            self.others.wait(self.chance.choice([0, 1, 7]))

    def _type(self, chain: str, number: str) -> str:
        typed = self.chance.choice(USUAL)
        if number == AGENT:
            depth = len(chain.split("*")) if chain else 0
            wanted = self.chance.random() < 0.9
            typed = COLLECTING[depth % 4] if wanted else self.chance.choice(ELSE)
        if typed == "code":
            live = "SELECT code FROM payment_code WHERE state = 'issued' ORDER BY artisan_id"
            codes = self.others.run(live)
            typed = str(codes[0][0]) if codes else "1"
        return f"{chain}*{typed}" if chain else typed

    def _send(self, line: Line, chain: str) -> str:
        """Sends a hop to one of the processes; a late one may be answered by the last screen."""
        process = self.processes[self.chance.random() < 0.4]
        if not self.remembers:
            process.sessions._waiting.clear()
        self.runtime.turns = process
        line.phone.chain = chain
        said = line.phone.post()
        newest = list(line.answers)[-2:]
        assert said == line.answers.get(chain, said) or chain not in newest, chain
        line.answers.setdefault(chain, said)
        self.shown.append((re.sub(r"\d{12}", "code", chain), _DRAWN.sub("drawn", said)))
        return said

    def list_rows(self) -> dict[str, Counter[tuple[object, ...]]]:
        """Returns what stands in the tables, without what is drawn by chance."""
        rows = {}
        for name, table in load_models().tables.items():
            known = [f'"{one.name}"::text' for one in table.columns if one.name in WORDS]
            found = self.others.run(f"SELECT {', '.join(known) or '1'} FROM {name}")
            rows[name] = Counter(
                tuple(_DRAWN.sub("drawn", str(one)) for one in row) for row in found
            )
        return rows


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize("seed", [1, 12, 19])
def test_processes_that_remember_do_what_those_do_that_read(
    client: FlaskClient,
    runtime: Runtime,
    clearing: Engine,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    monkeypatch.setattr(runtime, "turns", runtime.turns)
    people = Snapshot.take(clearing)
    walks: list[tuple[list[tuple[str, str]], dict[str, Counter[tuple[object, ...]]]]] = []
    for remembers in (True, False):
        walk = Walk(client, runtime, seed, remembers)
        walk.play()
        walks.append((walk.shown, walk.list_rows()))
        empty(clearing)
        people.restore(clearing)
        runtime.redis.flushdb()
        runtime.clock.now = NOW  # type: ignore[attr-defined]
    (shown, rows), (other_shown, other_rows) = walks
    assert shown == other_shown
    assert rows == other_rows
    assert rows["deposit"] and rows["payment_code"]


# What is typed to come there: each action that runs on what a process remembers.
LOOKING = {
    "look_at_rights": "1",
    "look_at_dues": "2",
    "look_at_payments": "3",
    "look_at_receipts": "3*1",
    "look_at_claims": "4",
}


@pytest.mark.usefixtures("sample_people")
def test_actions_that_only_look_need_no_right_to_write(
    client: FlaskClient, runtime: Runtime
) -> None:
    """A transaction of PostgreSQL that reads only is all that they get."""
    actions = vocabulary.actions
    assert LOOKING.keys() == {name for name, action in actions.items() if action.only_looks}
    url, says = runtime.settings.database_url, "options=-c%20default_transaction_read_only%3Don"
    settings = runtime.settings.model_copy(
        update={"database_url": f"{url}{'&' if '?' in url else '?'}{says}"}
    )
    reading = Runtime(settings, clock=runtime.clock)
    reader = create_app(reading).test_client()
    others = OtherParties(runtime)
    TestPhone(client).dial(NUMBERS[0], "2*1")
    others.collect_cash()
    TestPhone(client).dial(NUMBERS[1], "2*1")
    for number in NUMBERS[:3]:
        for chain in LOOKING.values():
            phone = TestPhone(client)
            expected = phone.dial(number, chain)
            phone.dial(number)
            others.wait(60)  # all is read again
            phone._client = reader
            for typed in chain.split("*"):
                phone.answer(typed)
            assert phone.screen == expected
    reading.database.dispose()
    reading.redis.close()
