"""P8: cash booked a second by the service, and by the same statements in plain psycopg."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

from pydantic import SecretStr
from sqlalchemy import select

from app.agents.agencies import NewAgency, add_agency
from app.agents.clients import NewClient, add_client, find_client
from app.agents.models import agent as agent_table
from app.agents.queries import Agent, find_agent
from app.agents.staff import NewAgent, add_agent
from app.base.money import Money
from app.base.operation import operation
from app.base.phone import Phone
from app.payments.codes import CodeRequest, issue_code
from app.payments.collector import Collector, at_till
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.models import payment_code
from benchmarks.findings import Finding
from benchmarks.plain_deposits import PlainDeposits
from benchmarks.stage import Stage

_CONNECTIONS = 8


def measure(stage: Stage) -> list[Finding]:
    pairs, deposits = (2, 100) if stage.quick else (5, 400)
    collectors = {
        f"deposits, {_CONNECTIONS} connections, durable": at_till(add_bench_agent(stage), "page"),
        "the same, all by one client with a day limit": _client(stage),
    }
    codes = _codes(stage, pairs * 3 * deposits)
    ratios: dict[str, list[float]] = {what: [] for what in collectors}
    rates: dict[str, list[float]] = {what: [] for what in collectors}

    def redeem(collector: Collector, code: str) -> None:
        confirmation = CashConfirmation(code, code)
        with operation(stage.runtime.database, stage.runtime.clock(), collector.actor) as change:
            redeem_code(change, stage.runtime.services, collector, confirmation)

    url = stage.urls.database_url
    with PlainDeposits(url, _CONNECTIONS, add_bench_agent(stage), stage.runtime.clock) as plain:
        for _ in range(pairs):
            floor = _rate(plain.redeem, [codes.pop() for _ in range(deposits)])
            for what, collector in collectors.items():
                rate = _rate(partial(redeem, collector), [codes.pop() for _ in range(deposits)])
                rates[what].append(rate)
                ratios[what].append(rate / floor)
    return [
        Finding(
            "P8",
            what,
            "x plain psycopg",
            ratios[what],
            at_least=0.9,
            details={"deposits/s": median(rates[what])},
        )
        for what in collectors
    ]


def _rate(book: Callable[[str], None], codes: Sequence[str]) -> float:
    """Returns deposits a second, with busy threads until all codes are paid."""
    began = time.perf_counter()
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        for _ in threads.map(book, codes):
            pass
    return len(codes) / (time.perf_counter() - began)


def _codes(stage: Stage, count: int) -> list[str]:
    """Returns `count` live codes: those of earlier dialogues, and new ones."""
    live = select(payment_code.c.code).where(payment_code.c.state == "issued").limit(count)
    with stage.runtime.database.connect() as connection:
        found = list(connection.execute(live).scalars())
    callers = stage.callers(count - len(found))
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        return found + list(threads.map(lambda caller: _issue(stage, *caller), callers))


def _issue(stage: Stage, artisan_id: int, phone: str) -> str:
    with operation(stage.runtime.database, stage.runtime.clock(), "artisan") as change:
        request = CodeRequest(artisan_id, Phone(phone), "fr")
        return issue_code(change, stage.runtime.services, request).code


def _client(stage: Stage) -> Collector:
    """Returns the collector for a network's system whose limit of a day no deposit reaches."""
    with operation(stage.runtime.database, stage.runtime.clock(), "operator") as change:
        limit = Money(10**12)
        add_client(change, NewClient("bench", "wafacash", SecretStr("k" * 32), day_limit=limit))
        client = find_client(change.connection, "bench")
    assert client
    return Collector("api", "client:bench", "wafacash", None, "9001", client=client)


def add_bench_agent(stage: Stage) -> Agent:
    with operation(stage.runtime.database, stage.runtime.clock(), "operator") as change:
        add_agency(change, NewAgency("BENCH", "An agency", "Rabat"))
        new = NewAgent("9001", "BENCH", SecretStr("246813"), own=True)
        add_agent(change, stage.runtime.services, new)
        number = change.connection.execute(
            select(agent_table.c.id).where(agent_table.c.number == "9001")
        ).scalar_one()
        found = find_agent(change.connection, number)
    assert found
    return found
