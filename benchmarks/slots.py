"""How many hops a process should work on at once: rate and tail with fewer and more slots."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack

from app.web.slots import SLOT_SHARES, Kind
from benchmarks.findings import Finding
from benchmarks.load import dialogue, hops_a_second, p99_ms, play
from benchmarks.servers import Server, service
from benchmarks.stage import Stage

_COUNTS = (4, 8, 12, 16)
_OURS = SLOT_SHARES[Kind.PHONES].slots


def measure(stage: Stage) -> list[Finding]:
    """Compares each number of slots with ours, in turn, also at half of what ours can answer."""
    rounds, talks = (2, 100) if stage.quick else (3, 300)
    with ExitStack() as stack:
        servers = {count: stack.enter_context(_service(stage, count)) for count in _COUNTS}
        runs = [_round(stage, servers, talks) for _ in range(1 + rounds)][1:]
    return [
        Finding("", f"{count} slots, {what}", "x of ours", [run[count][at] for run in runs])
        for count in _COUNTS
        for at, what in enumerate(("hops a second", "p99 at half of that"))
    ]


def _service(stage: Stage, count: int) -> AbstractContextManager[Server]:
    environment = stage.environment | {"PHONE_SLOTS": str(count)}
    return service(stage.folder, environment, application="benchmarks.some_slots:create_server")


def _round(stage: Stage, servers: dict[int, Server], talks: int) -> dict[int, tuple[float, float]]:
    rates = {
        count: hops_a_second(play(server, _talk(stage, talks))) for count, server in servers.items()
    }
    half = rates[_OURS] / 2
    tails = {
        count: p99_ms(play(server, _talk(stage, talks), rate=half))
        for count, server in servers.items()
    }
    return {count: (rates[count] / rates[_OURS], tails[count] / tails[_OURS]) for count in servers}


def _talk(stage: Stage, talks: int) -> list[list[bytes]]:
    return [dialogue(phone) for phone in stage.phones(talks)]
