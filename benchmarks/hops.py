"""P1, P2, P3, P11: whole dialogues against the floor, pair by pair."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from statistics import median

from sqlalchemy import text

from benchmarks.findings import Finding
from benchmarks.load import (
    CHAINS,
    THINKING_SECONDS,
    constant_requests,
    dialogue,
    hops_a_second,
    p99_ms,
    play,
)
from benchmarks.servers import GRANIAN, Server, floor, service
from benchmarks.stage import Stage

_WARM = 200
# Two web processes, PostgreSQL with Redis, and the load.
_CORES_FOR_TWO = 4


def measure(stage: Stage) -> Iterator[Finding]:
    """Measures for a quarter of an hour, and gives each finding once it is there."""
    there = stage.folder, stage.environment
    with (
        floor(*there) as bare,
        floor(stage.folder, stage.environment | _make_table(stage)) as durable,
        service(*there) as one,
        service(*there, workers=2) as two,
    ):
        for server in (bare, durable, one, two):
            play(server, [dialogue(phone) for phone in stage.phones(_WARM)])
        size = one.memory_mb()
        yield _load_generator(stage, bare)
        yield from _throughput(stage, bare, one)
        yield _two_processes(stage, one, two)
        yield _tail(stage, durable, one)
        yield from _growth(stage, one, size)


def _make_table(stage: Stage) -> dict[str, str]:
    """Makes the floor's table; returns the environment of a floor that inserts into it."""
    with stage.runtime.database.begin() as connection:
        connection.execute(text("CREATE TABLE floor_code (session TEXT NOT NULL)"))
    return {"FLOOR_INSERTS_AT": CHAINS[-1]}


def _load_generator(stage: Stage, bare: Server) -> Finding:
    """Compares the load generator on a handler that does nothing with the floor."""
    count = 1000 if stage.quick else 10_000
    with floor(stage.folder, stage.environment, command=GRANIAN) as constant:
        ratios = []
        for _ in range(3):
            most = hops_a_second(play(constant, constant_requests(count)))
            usual = hops_a_second(play(bare, [dialogue("+212600000001")] * (count // 10)))
            ratios.append(most / usual)
    return Finding("-", "load generator on a constant handler", "x the floor", ratios, at_least=3)


def _throughput(stage: Stage, bare: Server, one: Server) -> list[Finding]:
    """Measures P1, also with a live code, and with pauses between hops."""
    pairs, talks = (3, 150) if stage.quick else (7, 500)
    rates: dict[str, list[float]] = {"floor": [], "fresh": [], "again": []}
    costs: dict[str, list[float]] = {"floor": [], "fresh": [], "again": []}
    for _ in range(pairs):
        phones = stage.phones(talks)
        for name, server in (("floor", bare), ("fresh", one), ("again", one)):
            rate, cost = _rate_and_cost(server, phones, ends_in_code=server is one)
            rates[name].append(rate)
            costs[name].append(cost)
    fresh, again = (_ratios(rates[name], rates["floor"]) for name in ("fresh", "again"))
    hops_a_second = {name: median(values) for name, values in rates.items()}
    thinking = [_thinking(stage, bare, one, talks) for _ in range(1 if stage.quick else 2)]
    spent = _ratios(costs["fresh"], costs["floor"])
    what, unit = "whole dialogue, every one", "x the floor"
    return [
        Finding("P1", f"{what} makes a code", unit, fresh, at_least=1.2, details=hops_a_second),
        Finding("", f"{what} shows its code again", unit, again),
        Finding("", f"{what} makes a code, 5 s between hops: facts read again", unit, thinking),
        Finding("P1c", "server CPU of a hop, with a code each time", unit, spent, at_most=0.8),
    ]


def _rate_and_cost(
    server: Server, phones: list[str], *, ends_in_code: bool = False
) -> tuple[float, float]:
    """Returns hops a second, and microseconds of the server's CPU a hop."""
    before = server.cpu_seconds()
    played = play(server, [dialogue(phone) for phone in phones], ends_in_code=ends_in_code)
    spent = server.cpu_seconds() - before
    return hops_a_second(played), spent / (len(phones) * len(CHAINS)) * 1e6


def _thinking(stage: Stage, bare: Server, one: Server, talks: int) -> float:
    """Plays all first hops at once, pauses, plays all second hops; pauses are not counted."""
    phones = stage.phones(talks)
    usual = hops_a_second(play(bare, [dialogue(phone) for phone in phones]))
    dialogues, seconds = [dialogue(phone) for phone in phones], 0.0
    for hop, _ in enumerate(CHAINS):
        if hop:
            time.sleep(THINKING_SECONDS)
        last = hop == len(CHAINS) - 1
        seconds += play(one, [[talk[hop]] for talk in dialogues], ends_in_code=last).seconds
    return talks * len(CHAINS) / seconds / usual


def _ratios(these: list[float], those: list[float]) -> list[float]:
    return [this / that for this, that in zip(these, those, strict=True)]


def _two_processes(stage: Stage, one: Server, two: Server) -> Finding:
    """Measures P2; judged only if engines and load have cores of their own."""
    pairs, talks = (2, 150) if stage.quick else (4, 500)
    rates = [
        [_rate_and_cost(server, stage.phones(talks)) for server in (one, two)] for _ in range(pairs)
    ]
    return Finding(
        "P2",
        "two processes against one",
        "x one process",
        [double[0] / single[0] for single, double in rates],
        at_least=1.7,
        details={"CPU a hop, two against one": median(d[1] / s[1] for s, d in rates)},
        not_judged="" if (os.cpu_count() or 1) >= _CORES_FOR_TWO else "not judged on 2 cores",
    )


def _tail(stage: Stage, bare: Server, one: Server) -> Finding:
    """Measures P3, each at half of its throughput, beside a floor that inserts every fifth hop."""
    pairs, talks = (2, 150) if stage.quick else (5, 400)
    tails: dict[str, list[float]] = {"floor": [], "service": []}
    most = {
        name: _saturation(stage, server, talks)
        for name, server in (("floor", bare), ("service", one))
    }
    for _ in range(pairs):
        for name, server in (("floor", bare), ("service", one)):
            talk = [dialogue(phone) for phone in stage.phones(talks)]
            tails[name].append(p99_ms(play(server, talk, rate=most[name] / 2)))
    return Finding(
        "P3",
        "p99 of a hop at half of saturation",
        "x the floor's",
        _ratios(tails["service"], tails["floor"]),
        at_most=2.0,
        details={"ms": median(tails["service"]), "floor's ms": median(tails["floor"])},
    )


def _saturation(stage: Stage, server: Server, talks: int) -> float:
    runs = [play(server, [dialogue(p) for p in stage.phones(talks)]) for _ in range(3)]
    return median(map(hops_a_second, runs))


def _growth(stage: Stage, one: Server, size: float) -> list[Finding]:
    """Measures P11: memory after the first hops and after 200,000 and all other measurements."""
    hops = 5_000 if stage.quick else 200_000
    phones = stage.phones(200 if stage.quick else 1000)
    # Those of all other measurements count: what they left in it is in the first of these.
    sizes = [size, one.memory_mb()]
    while one.hops < hops:
        play(one, [dialogue(phone) for phone in phones])
        sizes.append(one.memory_mb())
    grown = max(sizes) - size
    what = f"memory of a web process in {one.hops:,} hops"
    return [
        Finding("P11", what, "MB", [max(sizes)], at_most=110),
        Finding("P11", f"{what}: growth after the first {_WARM * 5:,}", "MB", [grown], at_most=5),
    ]
