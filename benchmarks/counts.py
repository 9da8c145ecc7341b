"""P4, P5: counts a hop's Redis round trips and SQL statements, and a dialogue's memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile

from redis import Redis
from redis.client import Monitor
from werkzeug.test import Client

from app import create_app
from app.base.buckets import list_hop_keys
from benchmarks.findings import Finding
from benchmarks.load import CHAINS, THINKING_SECONDS, form
from benchmarks.stage import Stage
from benchmarks.statements import counted_statements

_DIAL, _STATUS, _BACK, _PAY, _CODE = CHAINS
_MARK = "counted"


def measure(stage: Stage) -> list[Finding]:
    return [*_count_questions(stage), *_measure_memory(stage)]


def _count_questions(stage: Stage) -> list[Finding]:
    """Counts the worst hop of some dialogues, alone on the engines, with pauses before reads."""
    phone_calls = 1 if stage.quick else 5
    client, watcher = _client(stage), Redis.from_url(stage.urls.redis_url)
    commands: list[int] = []
    statements: dict[str, list[int]] = {chain: [] for chain in CHAINS}
    with counted_statements(stage.runtime.database) as counter:
        for phone in stage.phones(phone_calls):
            for chain in CHAINS:
                if chain in (_STATUS, _PAY):
                    time.sleep(THINKING_SECONDS)
                counter.count()
                with _commands(watcher) as asked:
                    _hop(client, phone, chain)
                commands.append(len(asked))
                statements[chain].append(counter.count())
    reading = [*statements[_DIAL], *statements[_STATUS], *statements[_PAY]]
    return [
        _count("Redis round trips a hop", commands, 2),
        _count("SQL statements of a hop that needs no new fact", statements[_BACK], 0),
        _count("SQL statements of a hop that reads", reading, 1),
        _count("SQL statements of a hop that makes a code", statements[_CODE], 3),
    ]


def _client(stage: Stage) -> Client:
    """Returns the application in this process, its connections open."""
    app = create_app(stage.runtime)
    client = Client(app.wsgi_app)
    for phone in stage.phones(3):
        for chain in CHAINS:
            _hop(client, phone, chain)
    return client


def _hop(client: Client, phone: str, chain: str) -> None:
    answer = client.post("/ussd/africastalking", data=form(f"of-{phone}", phone, chain))
    assert answer.get_data(as_text=True).startswith("CON "), answer.get_data(as_text=True)


@contextmanager
def _commands(redis: Redis) -> Iterator[list[str]]:
    """Collects the commands Redis reports meanwhile, without those of scripts."""
    collected: list[str] = []
    with redis.monitor() as monitor:  # type: ignore[no-untyped-call]
        _read_commands(monitor, redis)
        yield collected
        collected += _read_commands(monitor, redis)


def _read_commands(monitor: Monitor, redis: Redis) -> list[str]:
    """Returns the commands reported until now, without our own mark."""
    redis.echo(_MARK)
    commands = iter(monitor.next_command, None)
    before = takewhile(lambda command: _MARK not in command["command"], commands)
    return [command["command"] for command in before if command["client_type"] != "lua"]


def _count(what: str, counted: list[int], most: int) -> Finding:
    """Returns the worst hop of all dialogues as one run."""
    details = {"hops": float(len(counted)), "fewest": float(min(counted))}
    return Finding("P4", what, "", [float(max(counted))], at_most=most, details=details)


def _measure_memory(stage: Stage) -> list[Finding]:
    """Measures the Redis memory of a dialogue after each of its hops: keys, expiries, values.

    It does not hold the log of hops, which a worker empties.
    """
    redis, client = stage.runtime.redis, _client(stage)
    # So many that Redis's own overhead hardly counts.
    phones = stage.phones(1000)
    redis.flushdb()
    empty = _used(redis)
    weights = []
    for chain in CHAINS:
        for phone in phones:
            _hop(client, phone, chain)
        redis.delete(*list_hop_keys())
        assert redis.dbsize() == len(phones)
        weights.append((_used(redis) - empty) / len(phones))
    names = ("dial", "status", "back", "pay", "code")
    return [
        Finding(
            "P5",
            "Redis memory of a live dialogue, at its heaviest hop",
            "bytes",
            [max(weights)],
            at_most=700,
            details=dict(zip(names, weights, strict=True)),
        )
    ]


def _used(redis: Redis) -> int:
    used: int = redis.info("memory")["used_memory"]
    return used
