"""`python -m benchmarks.sizes [--artisans N] [--page]`: what the service needs for the country.

N artisans live a month by the service itself: two talks of five hops, a code, a deposit, messages
sent and reported. What that left in tables, log and Redis is multiplied by who is there. `--page`
writes the tables into docs/scale.md.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from app.base.database import CONNECTIONS, OFFICE_CONNECTIONS
from app.base.operation import operation
from app.payments.collector import at_till
from app.payments.deposits import CashConfirmation, redeem_code
from app.settings import ROOT
from benchmarks.deposits import add_bench_agent
from benchmarks.findings import machine, replace_measured
from benchmarks.load import CHAINS, dialogue, hops_a_second, play
from benchmarks.messages import PROVIDERS, always_open, loopback, waiting, worker
from benchmarks.servers import Server, service
from benchmarks.stage import Stage, stage

ARTISANS = 2000
# Who is there; of domain and office: two talks of five hops, a payment, three messages a month.
_COUNTRIES = {"360,000": 360_000, "4,000,000": 4_000_000}
_TALKS, _PAYMENTS, _MESSAGES = 2, 1, 3
# A fifth of a month's payers come on its last day, in ten hours, four times as many in the peak.
_PEAK_SHARE, _PEAK_SECONDS, _PEAK_FACTOR = 0.2, 36_000, 4
_REMINDER_SECONDS = 3 * 3600
# A screen with its head, and what TLS and TCP add to both ways.
_ANSWER_BYTES = 700
# What `make bench` holds a talk in Redis to, and how long it stays there.
_TALK_BYTES, _TALK_SECONDS = 700, 600
# Used to half, so that any process, and any machine of two, may die.
_USED = 0.5
# What a row of theirs is counted by, and how long it is kept, in months; None is for ever.
_TABLES = {
    "hops": (("hop%",), _TALKS * len(CHAINS), 1),
    "messages and reports": (("message", "ended_%", "delivery_report"), _MESSAGES, None),
    "codes": (("payment_code", "payment_code_line"), _PAYMENTS, None),
    "deposits, with receipts' answers": (
        ("deposit", "idempotency_key", "contribution_allocation", "receipt_recipient"),
        _PAYMENTS,
        None,
    ),
    "ledger": (("ledger_transaction", "ledger_line"), _PAYMENTS, None),
    "audit": (("audit_event%", "audit_seal"), _PAYMENTS, None),
}
_SIZE = """
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
        AND c.relname LIKE ANY(%s)
"""
_RATE = "SELECT count(*) / extract(epoch FROM max(sent_at) - min(sent_at)) FROM message"
_PAGE = ROOT / "docs" / "scale.md"


@dataclass(frozen=True)
class Measured:
    """What one artisan's month cost, and what one process did.

    `tables` and `wal` are bytes of one artisan's month; rates are of one process, a second.
    """

    tables: dict[str, float]
    register: float
    wal: float
    hop_bytes: float
    hops: float
    messages: float
    web_mb: float
    worker_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.sizes", description=__doc__)
    parser.add_argument("--artisans", type=int, default=ARTISANS)
    parser.add_argument("--page", action="store_true")
    arguments = parser.parse_args()
    began = time.monotonic()
    with stage(quick=True) as measured_stage:
        measured = _measure(measured_stage, arguments.artisans)
    lasted = f"{time.monotonic() - began:.0f} s"
    lines = [f"{machine()}; {arguments.artisans:,} artisans; {lasted}.", "", *_write(measured)]
    print("\n".join(lines))
    if arguments.page:
        replace_measured(_PAGE, "\n".join(lines) + "\n")


def _measure(stage: Stage, artisans: int) -> Measured:
    _say("the register is read in")
    callers = stage.callers(artisans)
    environment = stage.environment | PROVIDERS | always_open(stage.folder)
    with psycopg.connect(stage.urls.database_url, autocommit=True) as books:
        register = _read_number(books, _SIZE, ["artisan%"]) / stage.rows
        empty = {name: _measure_table(books, name) for name in _TABLES}
        log = _read_number(books, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
        with (
            loopback(environment, "--latency-ms", "200") as sms,
            service(stage.folder, environment | {"PUBLIC_URL": ""}) as web,
        ):
            _say(f"{artisans:,} artisans talk, twice")
            hops = _play_month(web, [phone for _, phone in callers])
            web_mb = web.memory_mb()
            _say("they pay")
            _pay(stage, books)
            _say("a worker sends, and stores the hops")
            urls = {"AFRICASTALKING_URL": sms, "TWILIO_URL": sms}
            messages, worker_mb = _send(environment | urls, books)
        tables = {
            name: (_measure_table(books, name) - before) / artisans
            for name, before in empty.items()
        }
        log = _read_number(books, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')") - log
    hop_bytes = sum(map(len, dialogue(callers[0][1]))) / len(CHAINS)
    return Measured(tables, register, log / artisans, hop_bytes, hops, messages, web_mb, worker_mb)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def _play_month(web: Server, phones: list[str]) -> float:
    """Plays everybody's talks; returns hops a second of the first ones, which make the codes."""
    rates = [hops_a_second(play(web, [dialogue(phone) for phone in phones])) for _ in range(_TALKS)]
    return rates[0]


def _pay(stage: Stage, books: psycopg.Connection[tuple[object, ...]]) -> None:
    """Pays every code at the till."""
    collector = at_till(add_bench_agent(stage), "page")
    for (code,) in books.execute("SELECT code FROM payment_code WHERE state = 'issued'"):
        confirmation = CashConfirmation(str(code), str(code))
        with operation(stage.runtime.database, stage.runtime.clock(), collector.actor) as change:
            redeem_code(change, stage.runtime.services, collector, confirmation)


def _send(
    environment: dict[str, str], books: psycopg.Connection[tuple[object, ...]]
) -> tuple[float, float]:
    """Has a worker send and store all that waits; returns messages a second, and its memory."""
    with worker(environment) as process:
        while waiting(environment["DATABASE_URL"]):
            time.sleep(0.2)
        _await_hops(books)
        memory = Server(0, process).memory_mb()
    return _read_number(books, _RATE), memory


def _await_hops(books: psycopg.Connection[tuple[object, ...]]) -> None:
    """Waits until no more hops come into their table."""
    before, stored = -1.0, 0.0
    while before != stored:
        time.sleep(2)
        before, stored = stored, _read_number(books, "SELECT count(*) FROM hop")


def _measure_table(books: psycopg.Connection[tuple[object, ...]], name: str) -> float:
    return _read_number(books, _SIZE, list(_TABLES[name][0]))


def _read_number(books: psycopg.Connection[tuple[object, ...]], sql: str, *values: object) -> float:
    row = books.execute(sql.encode(), values or None).fetchone()
    assert row
    return float(str(row[0]))


def _write(measured: Measured) -> Iterator[str]:
    """Yields the page's tables."""
    yield from _write_disk(measured)
    yield ""
    yield from _write_machines(measured)


def _write_disk(measured: Measured) -> Iterator[str]:
    yield f"| On disk | bytes of a month of one | {' | '.join(_COUNTRIES)} |"
    yield "|---|---|" + "---|" * len(_COUNTRIES)
    yield _row("register", measured.register, [measured.register * n for n in _COUNTRIES.values()])
    for name, (_, _, months) in _TABLES.items():
        each = measured.tables[name]
        kept = f"{name}, {months} month kept" if months else f"{name}, a year"
        yield _row(kept, each, [each * n * (months or 12) for n in _COUNTRIES.values()])
    yield _row(
        "log (WAL), a day", measured.wal, [measured.wal * n / 30 for n in _COUNTRIES.values()]
    )


def _row(name: str, each: float, sums: list[float]) -> str:
    return f"| {name} | {each:,.0f} | {' | '.join(f'{b / 1e9:,.1f} GB' for b in sums)} |"


def _write_machines(measured: Measured) -> Iterator[str]:
    yield f"| In the worst minute | {' | '.join(_COUNTRIES)} |"
    yield "|---|" + "---|" * len(_COUNTRIES)
    for name, values in _list_needs(measured).items():
        yield f"| {name} | {' | '.join(values)} |"


def _list_needs(measured: Measured) -> dict[str, list[str]]:
    needs: dict[str, list[str]] = {}
    for people in _COUNTRIES.values():
        for name, value in _compute_needs(measured, people).items():
            needs.setdefault(name, []).append(value)
    return needs


def _compute_needs(measured: Measured, people: int) -> dict[str, str]:
    payers = people * _PEAK_SHARE / _PEAK_SECONDS * _PEAK_FACTOR
    hops, deposits = payers * _TALKS * len(CHAINS), payers * _PAYMENTS
    reminders = people / _REMINDER_SECONDS
    webs = max(2, math.ceil(hops / (measured.hops * _USED)))
    workers = max(2, math.ceil(reminders / (measured.messages * _USED)))
    connections = webs * (CONNECTIONS + OFFICE_CONNECTIONS + 2) + workers * (CONNECTIONS + 2)
    talks_mb = hops / len(CHAINS) * _TALK_SECONDS * _TALK_BYTES / 1e6
    hop_bits = hops * (measured.hop_bytes + _ANSWER_BYTES) * 8
    log_bits = measured.wal * people * _PEAK_SHARE / _PEAK_SECONDS * _PEAK_FACTOR * 8
    return {
        "hops a second": f"{hops:,.0f}",
        "deposits a second": f"{deposits:,.0f}",
        "reminders a second, all in three hours": f"{reminders:,.0f}",
        f"web processes, each {measured.hops:,.0f} hops a second, used to half": f"{webs}",
        f"workers, each {measured.messages:,.0f} messages a second, used to half": f"{workers}",
        "memory of them": f"{(webs * measured.web_mb + workers * measured.worker_mb) / 1e3:.1f} GB",
        "connections they may open, without a pooler": f"{connections}",
        "Redis, 700 bytes a talk for ten minutes": f"{talks_mb:,.0f} MB",
        "link to the gateways": f"{hop_bits / 1e6:.1f} Mbit/s",
        "link to the standby": f"{log_bits / 1e6:.1f} Mbit/s",
    }


if __name__ == "__main__":
    main()
