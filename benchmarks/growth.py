"""P14: what things cost with a thousand artisans and with a register, months behind them.

`python -m benchmarks growth --months 12`: sizes are printed by table and month, and computed for
four million. It runs by its name alone: a year takes long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import islice
from statistics import median

from sqlalchemy import select, text

from app import create_app
from app.base.clock import local_date
from app.base.database import take_time
from app.base.months import Month
from app.base.operation import operation
from app.enrolment.registry import import_registry
from app.figures.journey import count_journey
from app.figures.service import make_month
from app.messaging.outbox import claim_messages
from app.messaging.reports import store_report
from app.messaging.routing import Capacity, RoutingPolicy
from app.migrating import upgrade
from app.observe.funnel import count_funnel, sum_funnel_days
from app.payments.collector import at_till
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.models import payment_code
from app.runtime import Runtime
from app.sms.provider import Report
from benchmarks.deposits import add_bench_agent
from benchmarks.findings import Finding
from benchmarks.load import CHAINS, form
from benchmarks.settlement import match_day, write_day
from benchmarks.stage import Stage, list_debtors
from benchmarks.year import KEPT, measure_tables, write_months

_FEW, _EVERYBODY = 1000, 4_000_000
_TIMES, _CLAIMED, _LINES, _DAYS = 100, 10, 4000, 5
_BOUND = 1.3


def measure(stage: Stage) -> list[Finding]:
    """Measures the same work in turn with few and with many, and prints the sizes of many.

    The few have a database of their own: what is behind both is at rest by then.
    """
    with stage.database("few") as url:
        settings = stage.runtime.settings.model_copy(update={"database_url": url})
        runtime = Runtime(settings)
        upgrade(runtime.database)
        few = _Side(replace(stage, runtime=runtime, urls=replace(stage.urls, database_url=url)), 0)
        many = _Side(stage, 1)
        few.fill(_FEW)
        many.fill(_FEW)
        many.fill(stage.rows, after=_FEW)
        _print_sizes(stage)
        with stage.runtime.database.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("CHECKPOINT"))
        pairs = _work(few, many)
        runtime.database.dispose()
    behind = f"{stage.rows:,} artisans, {stage.months} months behind them, against {_FEW:,}"
    return [
        Finding(
            "P14",
            f"{what}: {behind}",
            "x",
            _compare(times),
            at_most=_BOUND,
            details={
                f"ms with {_FEW:,}": median(one for one, _ in times),
                "ms": median(other for _, other in times),
            },
        )
        for what, times in pairs.items()
    ]


def _compare(times: list[tuple[float, float]]) -> list[float]:
    """Returns the middle ratio of each fifth of the pairs: one that was disturbed counts little."""
    fifth = max(1, len(times) // 5)
    parts = [times[at : at + fifth] for at in range(0, len(times) - fifth + 1, fifth)]
    return [median(other / one for one, other in part) for part in parts]


def _work(*sides: _Side) -> dict[str, list[tuple[float, float]]]:
    """Returns the milliseconds of each thing on both sides, each time it was done."""
    acts = [side.acts() for side in sides]
    spent: dict[str, list[tuple[float, float]]] = {}
    for (what, one), (_, other) in zip(*acts, strict=True):
        spent.setdefault(what, []).append((_time(one), _time(other)))
    return {what: times[len(times) // 10 :] for what, times in spent.items()}


def _time(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


class _Side:
    """The service on one of the databases; `turn` tells their people and days apart."""

    def __init__(self, stage: Stage, turn: int) -> None:
        self._stage, self._turn = stage, turn
        self._runtime, self._now = stage.runtime, stage.runtime.clock()
        self._client = create_app(stage.runtime).test_client()
        self._collector = at_till(add_bench_agent(stage), "page")

    def fill(self, rows: int, after: int = 0) -> None:
        """Fills the register up to so many, with months behind those above `after`; sums days."""
        runtime, now = self._runtime, self._now
        _import(self._stage, rows)
        seconds = write_months(runtime, self._stage.months, after)
        people = f"{rows - after:,} artisans"
        print(f"{self._stage.months} months of {people} written in {seconds:.0f} s", flush=True)
        with operation(runtime.database, now, "worker") as change:
            take_time(change.connection)
            change.connection.execute(text("DELETE FROM funnel_day"))
            sum_funnel_days(change, now - timedelta(days=31), runtime.ussd.menu.answers)
        running = Month.of(local_date(now))
        for month in (running + -1, running):
            make_month(runtime.database, runtime.figure_books, month, now)

    def acts(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yields what is measured, by name; the messages of the dialogues are what is claimed."""
        for phone in _find_phones(self._stage, 2 * _TIMES, self._turn):
            yield "a dialogue that makes a code", partial(self._play, phone)
        for code in _list_codes(self._stage):
            yield "a deposit", partial(self._redeem, code)
        claimed: list[int] = []
        for _ in range(2 * _TIMES // _CLAIMED):
            yield f"a claim of {_CLAIMED} messages", partial(self._claim, claimed)
        for number in claimed:
            yield "a delivery report", partial(self._report, number)
        for day in range(self._turn, 2 * _DAYS, 2):
            write_day(self._stage, day, _LINES)
            yield f"a match of {_LINES:,} lines", partial(match_day, self._stage, day, _LINES)
        for _ in range(5):
            yield "the funnel of 30 days", self._count_funnel

    def _play(self, phone: str) -> None:
        for chain in CHAINS:
            fields = form(f"growth-{self._turn}-{phone}", phone, chain)
            answer = self._client.post("/ussd/africastalking", data=fields)
            assert answer.text.startswith("CON "), answer.text

    def _redeem(self, code: str) -> None:
        runtime, collector = self._runtime, self._collector
        with operation(runtime.database, runtime.clock(), collector.actor) as change:
            redeem_code(change, runtime.services, collector, CashConfirmation(code, code))

    def _claim(self, claimed: list[int]) -> None:
        capacity = Capacity({"africastalking": _CLAIMED})
        policy = RoutingPolicy(("africastalking",), {}, capacity, self._runtime.random)
        with operation(self._runtime.database, self._runtime.clock(), "worker") as change:
            got = claim_messages(change, policy, _CLAIMED)
        assert len(got) == _CLAIMED
        claimed.extend(message.attempt.id for message in got)

    def _report(self, number: int) -> None:
        told = Report(f"growth-{self._turn}-{number}", "Success", "delivered", message_id=number)
        with operation(self._runtime.database, self._runtime.clock(), "africastalking") as change:
            assert store_report(change, "africastalking", told) == "delivered"

    def _count_funnel(self) -> None:
        first = local_date(self._now) - timedelta(days=30)
        with self._runtime.database.connect() as connection:
            count_funnel(connection, first, self._now, self._runtime.ussd.menu.answers)
            count_journey(connection, self._runtime.figure_books, first, self._now)


def _import(stage: Stage, rows: int) -> None:
    path = stage.folder / f"register-{rows}.csv"
    with stage.register.open(encoding="utf-8") as whole, path.open("w", encoding="utf-8") as part:
        part.writelines(islice(whole, rows + 1))
    today = local_date(stage.runtime.clock())
    import_registry(stage.runtime.database, path, keys=stage.runtime.keys, today=today)


def _find_phones(stage: Stage, count: int, turn: int) -> Iterator[str]:
    """Yields phones of people who owe: of the first thousand, then of those behind them."""
    everybody = list_debtors(stage.runtime.database, local_date(stage.runtime.clock()))
    return islice((phone for number, phone in everybody if number > turn * _FEW), count)


def _list_codes(stage: Stage) -> list[str]:
    live = select(payment_code.c.code).where(payment_code.c.state == "issued")
    with stage.runtime.database.connect() as connection:
        return list(connection.execute(live).scalars())


def _print_sizes(stage: Stage) -> None:
    """Prints rows and sizes: a month's of what is kept, the whole of what is dropped."""
    with stage.runtime.database.connect() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        tables = measure_tables(connection)
    scale = _EVERYBODY / stage.rows
    # Messages move to their months when their texts are forgotten.
    moved = max(1, stage.months - stage.runtime.settings.keep_bodies_days // 30)
    total = 0.0
    print(f"{'table':24} {'rows':>12} {'MB':>9} {'bytes/row':>9} {'MB a month':>11} {'4 M':>16}")
    for name, (rows, size) in tables.items():
        kept = name in KEPT
        months = moved if name.startswith("ended_") else stage.months
        total += size / months if kept else 0
        monthly = f"{size / 1e6 / months:.0f}" if kept else "-"
        growth = f"{size / 1e9 / months * scale * 12:.0f} GB a year"
        whole = growth if kept else f"{size / 1e9 * scale:.0f} GB in all"
        sizes = f"{rows:12,} {size / 1e6:9.0f} {size / max(rows, 1):9.0f}"
        print(f"{name:24} {sizes} {monthly:>11} {whole:>16}")
    year = total * scale * 12 / 1e9
    print(f"kept: {total / 1e6:.0f} MB a month; {_EVERYBODY:,} artisans {year:.0f} GB a year")
