"""`kill -9` at any moment of what moves money or ties people: nothing lost, nothing twice.

Codes, confirmations, reversals (alone, by two, with the artisan's code, by the API), matches with
corrections of earlier files, phones untied, and agents dismissed.

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

from app.base.database import snapshot
from app.reconciliation.cnss_rules import CNSS_RULES
from app.reconciliation.money_rules import RULES, find_broken_rules
from tests.killed.dismissals import check_dismissals
from tests.killed.installation import Installation, open_installation
from tests.killed.reversals import check_reversals
from tests.killed.ties import check_ties
from tests.killed.traffic import PaymentTraffic
from tests.wire import until_answered

ROUNDS = int(os.environ.get("KILL_ROUNDS", "6"))
SEED = os.environ.get("KILL_SEED", "0")
AT_ONCE, MATCH_EVERY, LATEST = 6, 5, 0.6


def test_nothing_is_lost_or_doubled_whatever_is_killed() -> None:
    began = time.monotonic()
    random, killed, done = Random(SEED), Counter[str](), Counter[str]()
    with (
        TemporaryDirectory(prefix="maalem-kill-") as folder,
        open_installation(Path(folder)) as installation,
    ):
        traffic = PaymentTraffic(installation, random)
        try:
            for number in range(ROUNDS):
                killed[_run_round(installation, traffic, number, random, done)] += 1
                until_answered(installation.is_recovered)
                _check_books(installation, traffic, number)
                if number % 20 == 19:
                    print(f"{number + 1} rounds, {sum(done.values())} done", flush=True)
        finally:
            traffic.close()
    seconds = time.monotonic() - began
    done["corrected"] = traffic.answers.corrections
    done.update(p.reversal.allowance for p in traffic.answers.payments.values() if p.reversal)
    print(f"\n{ROUNDS} rounds in {seconds:.0f} s; killed {dict(killed)}; done {dict(done)}")


def _run_round(
    installation: Installation,
    traffic: PaymentTraffic,
    number: int,
    random: Random,
    done: Counter[str],
) -> str:
    """Kills one part amid several payments and now and then commands. Returns the part."""
    victims = list(installation.victims)
    victim = victims[number % len(victims)]
    seeds = [random.getrandbits(64) for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE + 3) as threads:
        payments = [threads.submit(traffic.pay_once, seed) for seed in seeds]
        untying = threads.submit(traffic.untie_once, random.getrandbits(64))
        matching = victim == "command" or number % MATCH_EVERY == MATCH_EVERY - 1
        may_match = matching and traffic.answers.payments
        match = threads.submit(traffic.match, number) if may_match else None
        dismissal = threads.submit(traffic.dismissals.dismiss_once) if matching else None
        # A command is a process of its own, which takes its time to begin.
        time.sleep(random.uniform(0.8, 2.2) if matching else random.uniform(0, LATEST))
        installation.victims[victim](random)
        done.update(payment.result() for payment in payments)
        untying.result()
        done["untied"] += 1
        if match:
            match.result()
            done["match"] += 1
        if dismissal:
            dismissal.result()
            done["dismissed"] += 1
    return victim


def _check_books(installation: Installation, traffic: PaymentTraffic, number: int) -> None:
    """Demands that the books hold exactly what was answered."""
    answers = traffic.answers
    with snapshot(installation.runtime.database) as connection:
        assert find_broken_rules(connection, {**RULES, **CNSS_RULES}) == {}, number
        rows = connection.execute(
            text("SELECT receipt_number, code, state FROM deposit JOIN payment_code USING (code)")
        )
        booked = {row.receipt_number: (row.code, row.state) for row in rows}
        states = ("paid", "reversed")
        assert booked == {
            payment.receipt: (payment.code, states[bool(payment.reversal)])
            for payment in answers.payments.values()
        }, number
        expected = {p.receipt: p.reversal for p in answers.payments.values() if p.reversal}
        check_reversals(connection, expected)
        codes = connection.execute(text("SELECT code FROM payment_code")).scalars()
        assert set(codes) == answers.codes, number
        matched = "SELECT coalesce(sum((report ->> 'matched')::int), 0) FROM settlement_file"
        assert connection.execute(text(matched)).scalar_one() == answers.matched, number
        kinds = connection.execute(text("SELECT DISTINCT kind FROM reconciliation_break")).scalars()
        assert set(kinds) <= {"missing_there", "amount_differs"}, number
        differ = connection.execute(
            text(
                "SELECT receipt_number FROM reconciliation_break"
                " WHERE kind = 'amount_differs' AND state IN ('open', 'proposed')"
            )
        ).scalars()
        told = sorted(p.receipt for p in answers.payments.values() if p.told)
        assert sorted(differ) == told, number
        check_dismissals(connection, traffic.dismissals.dismissed)
        check_ties(connection, traffic.ties.untied)
