"""P8: cash booked a second by the service, and by the same statements in plain psycopg."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from pydantic import SecretStr
from sqlalchemy import select

from app.agents.agencies import NewAgency, add_agency
from app.agents.models import agent as agent_table
from app.agents.queries import Agent, find_agent
from app.agents.staff import NewAgent, add_agent
from app.base.operation import operation
from app.base.phone import Phone
from app.payments.codes import CodeRequest, issue_code
from app.payments.collector import at_till
from app.payments.deposits import CashConfirmation, redeem_code
from app.payments.models import payment_code
from benchmarks.findings import Finding
from benchmarks.plain_deposits import PlainDeposits
from benchmarks.stage import Stage

_CONNECTIONS = 8


def measure(stage: Stage) -> list[Finding]:
    pairs, deposits = (2, 100) if stage.quick else (7, 600)
    codes = _codes(stage, pairs * 2 * deposits)
    agent = _agent(stage)
    ratios, rates = [], []

    def ours(code: str) -> None:
        collector, confirmation = at_till(agent, "page"), CashConfirmation(code, code)
        with operation(stage.runtime.database, stage.runtime.clock(), collector.actor) as change:
            redeem_code(change, stage.runtime.services, collector, confirmation)

    url = stage.urls.database_url
    with PlainDeposits(url, _CONNECTIONS, agent, stage.runtime.clock) as plain:
        for _ in range(pairs):
            floor = _rate(plain.redeem, [codes.pop() for _ in range(deposits)])
            rates.append(_rate(ours, [codes.pop() for _ in range(deposits)]))
            ratios.append(rates[-1] / floor)
    return [
        Finding(
            "P8",
            f"deposits, {_CONNECTIONS} connections, durable",
            "x plain psycopg",
            ratios,
            at_least=0.6,
            details={"deposits/s": median(rates)},
        )
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


def _agent(stage: Stage) -> Agent:
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
