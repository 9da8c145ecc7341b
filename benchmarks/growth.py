"""P14: what things cost with a thousand artisans and with a register, months behind them.

`python -m benchmarks growth --months 12`: sizes are printed by table and month, and computed for
four million. It runs by its name alone: a year takes long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from statistics import median

from flask import Flask
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
from app.observe.funnel import count_funnel, sum_funnel_days
from app.payments.collector import Collector, at_till
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.models import payment_code
from app.sms.provider import Report
from benchmarks.deposits import add_bench_agent
from benchmarks.findings import Finding
from benchmarks.load import CHAINS, form
from benchmarks.settlement import match_day, write_day
from benchmarks.stage import Stage, list_debtors
from benchmarks.year import KEPT, measure_tables, write_months

_FEW, _EVERYBODY = 1000, 4_000_000
_TIMES, _CLAIMED, _LINES = 100, 10, 4000
_BOUND = 1.3


def measure(stage: Stage) -> list[Finding]:
    """Measures the same work with few and with many; prints the sizes."""
    app = create_app(stage.runtime)
    collector = at_till(add_bench_agent(stage), "page")
    _fill(stage, _FEW, after=0)
    few = _work(stage, app, collector, 0)
    _fill(stage, stage.rows, after=_FEW)
    _print_sizes(stage)
    many = _work(stage, app, collector, 1)
    behind = f"{stage.rows:,} artisans, {stage.months} months behind them, against {_FEW:,}"
    return [
        Finding(
            "P14",
            f"{what}: {behind}",
            "x",
            [median(many[what]) / median(before)],
            at_most=_BOUND,
            details={f"ms with {_FEW:,}": median(before), "ms": median(many[what])},
        )
        for what, before in few.items()
    ]


def _fill(stage: Stage, rows: int, after: int) -> None:
    """Fills the register up to so many, with months behind those after `after`; sums their days."""
    runtime, now = stage.runtime, stage.runtime.clock()
    _import(stage, rows)
    seconds = write_months(runtime, stage.months, after)
    print(
        f"{stage.months} months of {rows - after:,} artisans written in {seconds:.0f} s", flush=True
    )
    with operation(runtime.database, now, "worker") as change:
        take_time(change.connection)
        change.connection.execute(text("DELETE FROM funnel_day"))
        sum_funnel_days(change, now - timedelta(days=31), runtime.ussd.menu.answers)
    running = Month.of(local_date(now))
    for month in (running + -1, running):
        make_month(runtime.database, runtime.figure_books, month, now)


def _import(stage: Stage, rows: int) -> None:
    path = stage.folder / f"register-{rows}.csv"
    with stage.register.open(encoding="utf-8") as whole, path.open("w", encoding="utf-8") as part:
        part.writelines(islice(whole, rows + 1))
    today = local_date(stage.runtime.clock())
    import_registry(stage.runtime.database, path, keys=stage.runtime.keys, today=today)


def _work(stage: Stage, app: Flask, collector: Collector, turn: int) -> dict[str, list[float]]:
    """Returns the milliseconds of each thing, each time it was done."""
    runtime, now = stage.runtime, stage.runtime.clock()
    client = app.test_client()
    spent: dict[str, list[float]] = {}

    def measure_one(what: str, act: Callable[[], object]) -> None:
        began = time.perf_counter()
        act()
        spent.setdefault(what, []).append((time.perf_counter() - began) * 1000)

    def play(phone: str) -> None:
        for chain in CHAINS:
            fields = form(f"growth-{turn}-{phone}", phone, chain)
            answer = client.post("/ussd/africastalking", data=fields)
            assert answer.text.startswith("CON "), answer.text

    def redeem(code: str) -> None:
        with operation(runtime.database, runtime.clock(), collector.actor) as change:
            redeem_code(change, runtime.services, collector, CashConfirmation(code, code))

    claimed: list[int] = []

    def claim() -> None:
        capacity = Capacity({"africastalking": _CLAIMED})
        policy = RoutingPolicy(("africastalking",), {}, capacity, runtime.random)
        with operation(runtime.database, runtime.clock(), "worker") as change:
            got = claim_messages(change, policy, _CLAIMED)
        assert len(got) == _CLAIMED
        claimed.extend(message.attempt.id for message in got)

    def report(number: int) -> None:
        told = Report(f"growth-{turn}-{number}", "Success", "delivered", message_id=number)
        with operation(runtime.database, runtime.clock(), "africastalking") as change:
            assert store_report(change, "africastalking", told) == "delivered"

    def funnel() -> None:
        first = local_date(now) - timedelta(days=30)
        with runtime.database.connect() as connection:
            count_funnel(connection, first, now, runtime.ussd.menu.answers)
            count_journey(connection, runtime.figure_books, first, now)

    for phone in _find_phones(stage, 2 * _TIMES, turn):
        measure_one("a dialogue that makes a code", lambda phone=phone: play(phone))  # type: ignore[misc]
    for code in _list_codes(stage):
        measure_one("a deposit", lambda code=code: redeem(code))  # type: ignore[misc]
    for _ in range(2 * _TIMES // _CLAIMED):
        measure_one(f"a claim of {_CLAIMED} messages", claim)
    for number in claimed:
        measure_one("a delivery report", lambda number=number: report(number))  # type: ignore[misc]
    write_day(stage, turn, _LINES)
    measure_one(f"a match of {_LINES:,} lines", lambda: match_day(stage, turn, _LINES))
    for _ in range(5):
        measure_one("the funnel of 30 days", funnel)
    return spent


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
