"""P8: cash booked a second by the service, and by the same statements in plain psycopg."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from pydantic import SecretStr
from sqlalchemy import select

from app.agents.models import agent
from app.agents.queries import Agent, find_agent
from app.agents.service import NewAgency, NewAgent, add_agency, add_agent
from app.base.database import transaction
from app.base.money import ZERO
from app.base.operation import operation
from app.base.phone import Phone
from app.payments.codes import issue_code
from app.payments.collector import at_till
from app.payments.deposits import redeem_code
from app.payments.models import payment_code
from benchmarks.findings import Finding
from benchmarks.plain_deposits import PlainDeposits
from benchmarks.stage import Stage

_CONNECTIONS = 8


def measure(stage: Stage) -> list[Finding]:
    pairs, deposits = (2, 100) if stage.quick else (7, 600)
    codes = _codes(stage, pairs * 2 * deposits)
    collector = _agent(stage)
    ratios, rates = [], []

    def ours(code: str) -> None:
        with transaction(stage.runtime.database) as connection:
            redeem_code(
                connection,
                code,
                at_till(collector, "page"),
                key=code,
                words=stage.runtime.words,
                now=stage.runtime.clock(),
            )

    url = stage.urls.database_url
    with PlainDeposits(url, _CONNECTIONS, collector, stage.runtime.clock) as plain:
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
    """Deposits a second, the threads kept busy until all codes are paid."""
    began = time.perf_counter()
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        for _ in threads.map(book, codes):
            pass
    return len(codes) / (time.perf_counter() - began)


def _codes(stage: Stage, count: int) -> list[str]:
    """That many live codes: those made by the dialogues before, and new ones."""
    live = select(payment_code.c.code).where(payment_code.c.state == "issued").limit(count)
    with stage.runtime.database.connect() as connection:
        found = list(connection.execute(live).scalars())
    callers = stage.callers(count - len(found))
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        return found + list(threads.map(lambda caller: _issued(stage, *caller), callers))


def _issued(stage: Stage, artisan_id: int, phone: str) -> str:
    with transaction(stage.runtime.database) as connection:
        return issue_code(
            connection,
            artisan_id,
            Phone(phone),
            "fr",
            None,
            fee=ZERO,
            words=stage.runtime.words,
            random=stage.runtime.random,
            now=stage.runtime.clock(),
        ).code


def _agent(stage: Stage) -> Agent:
    with operation(stage.runtime.database, stage.runtime.clock(), "operator") as change:
        connection = change.connection
        add_agency(change, NewAgency("BENCH", "An agency", "Rabat"))
        add_agent(change, NewAgent("9001", "BENCH", SecretStr("13579")))
        number = connection.execute(select(agent.c.id).where(agent.c.number == "9001")).scalar_one()
        found = find_agent(connection, number)
    assert found
    return found
