"""`kill -9` at any moment of issue, confirmation, reversal and match: nothing lost, nothing twice.

Some rounds in every run of the tests; `make kill` does 200 (KILL_ROUNDS, KILL_SEED).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from sqlalchemy import text

from app.reconciliation.cnss_rules import CNSS_RULES
from app.reconciliation.money_rules import RULES, find_broken
from tests.killed.errands import Street
from tests.killed.house import House, opened
from tests.wire import until_answered

ROUNDS = int(os.environ.get("KILL_ROUNDS", "6"))
SEED = os.environ.get("KILL_SEED", "0")
AT_ONCE, MATCH_EVERY, LATEST = 6, 5, 0.6


def test_nothing_is_lost_or_doubled_whatever_is_killed() -> None:
    began = time.monotonic()
    random, killed, done = Random(SEED), Counter[str](), Counter[str]()
    with TemporaryDirectory(prefix="maalem-kill-") as folder, opened(Path(folder)) as house:
        street = Street(house, random)
        try:
            for number in range(ROUNDS):
                killed[_round(house, street, number, random, done)] += 1
                until_answered(house.recovered)
                _check(house, street, number)
                if number % 20 == 19:
                    print(f"{number + 1} rounds, {sum(done.values())} done", flush=True)
        finally:
            street.close()
    seconds = time.monotonic() - began
    print(f"\n{ROUNDS} rounds in {seconds:.0f} s; killed {dict(killed)}; done {dict(done)}")


def _round(house: House, street: Street, number: int, random: Random, done: Counter[str]) -> str:
    """Several errands at once, a match now and then, and in the midst of them one is killed."""
    victims = list(house.victims)
    victim = victims[number % len(victims)]
    seeds = [random.getrandbits(64) for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE + 1) as threads:
        errands = [threads.submit(street.errand, seed) for seed in seeds]
        matching = victim == "match" or number % MATCH_EVERY == MATCH_EVERY - 1
        match = threads.submit(street.match, number) if matching and street.told.payments else None
        # A match is a process of its own, which takes its time to begin.
        time.sleep(random.uniform(0.8, 2.2) if match else random.uniform(0, LATEST))
        house.victims[victim](random)
        done.update(errand.result() for errand in errands)
        if match:
            match.result()
            done["match"] += 1
    return victim


def _check(house: House, street: Street, number: int) -> None:
    """What the books say is what was told, all of it, and nothing beside it."""
    told = street.told
    with house.runtime.database.connect() as connection:
        assert find_broken(connection, {**RULES, **CNSS_RULES}) == {}, number
        rows = connection.execute(
            text("SELECT receipt_number, code, state FROM deposit JOIN payment_code USING (code)")
        )
        found = {row[0]: (row[1], row[2]) for row in rows}
        states = ("paid", "reversed")
        assert found == {
            one.receipt: (one.code, states[one.undone]) for one in told.payments.values()
        }, number
        codes = connection.execute(text("SELECT code FROM payment_code")).scalars()
        assert set(codes) == told.codes, number
        matched = "SELECT coalesce(sum((report ->> 'matched')::int), 0) FROM settlement_file"
        assert connection.execute(text(matched)).scalar_one() == told.matched, number
        kinds = connection.execute(text("SELECT DISTINCT kind FROM reconciliation_break")).scalars()
        assert set(kinds) <= {"missing_there"}, number
