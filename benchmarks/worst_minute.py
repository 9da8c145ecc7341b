"""P13: the rate of the mixed load at which a hop's p99 stays under 100 ms, all engines beside it.

The installation is the storm's (tests/storm), of which nothing is killed here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.findings import Finding
from benchmarks.stage import Stage
from tests.pg_servers import folder_for_engines
from tests.storm.installation import Installation, installed
from tests.storm.report import find_percentiles
from tests.storm.traffic import Traffic

MOST_MS = 100.0
_FIRST_RATE, _STEP, _MOST_STEPS = 10.0, 1.25, 15
_SECONDS, _QUICK_SECONDS = 40.0, 12.0
# Hops of the first seconds open connections.
_WARM_SECONDS = 5.0
_HOPS_A_TALK = 5
_MESSAGES = "SELECT count(*) FROM message"


@dataclass(frozen=True)
class _Step:
    """What one rate came to: a second's hops, deposits and messages, and hops' times in ms.

    `unserved` were told honestly that it takes too long, or is not possible now.
    """

    asked: float
    hops: float
    deposits: float
    messages: float
    unserved: int
    times: dict[str, float]

    @property
    def holds(self) -> bool:
        return self.times["p99"] < MOST_MS and not self.unserved


def measure(stage: Stage) -> list[Finding]:
    seconds = _QUICK_SECONDS if stage.quick else _SECONDS
    steps = []
    for step in _raise_rate(seconds):
        print(_describe(step), flush=True)
        steps.append(step)
    held = [step for step in steps if step.holds]
    best = held[-1] if held else steps[0]
    what = "the worst minute in proportion: hops a second with p99 under 100 ms"
    details = {"deposits a second": best.deposits, "messages a second": best.messages, **best.times}
    return [Finding("P13", what, "/s", [best.hops if held else 0.0], details=details)]


def _raise_rate(seconds: float) -> Iterator[_Step]:
    """Plays at a higher rate each time, until p99 is not held."""
    rates = [_FIRST_RATE * _STEP**number for number in range(_MOST_STEPS)]
    talks = int(sum(rates) * seconds / _HOPS_A_TALK * 1.5)
    with (
        folder_for_engines() as folder,
        installed(folder, talks, "cluster") as installation,
    ):
        phones = iter(installation.find_callers())
        for rate in rates:
            step = _play(installation, phones, rate, seconds)
            yield step
            if not step.holds:
                return


def _play(installation: Installation, phones: Iterator[str], rate: float, seconds: float) -> _Step:
    doors = [door.base for door in installation.doors]
    traffic = Traffic(doors, str(installation.certificate), phones, rate)
    with ThreadPoolExecutor(1) as threads:
        playing = threads.submit(traffic.run)
        time.sleep(_WARM_SECONDS)
        began, before = time.monotonic(), _count_messages(installation)
        time.sleep(seconds - _WARM_SECONDS)
        ended, after = time.monotonic(), _count_messages(installation)
        traffic.end()
        playing.result()
    told = [each for each in traffic.told.answers if began <= each.asked_at < ended]
    if failed := [each for each in told if each.cause in {"wrong", "silence"}]:
        raise RuntimeError(f"{len(failed)} were not answered as they should be: {failed[0]}")
    hops = [each for each in told if each.kind == "hop"]
    deposits = sum(each.kind == "deposit" for each in told)
    lasted = ended - began
    return _Step(
        rate,
        len(hops) / lasted,
        deposits / lasted,
        (after - before) / lasted,
        sum(bool(each.cause) for each in told),
        find_percentiles(hops),
    )


def _count_messages(installation: Installation) -> int:
    return int(str(installation.databases.primary.run(_MESSAGES)[0][0]))


def _describe(step: _Step) -> str:
    times = ", ".join(f"{name} {value:.0f} ms" for name, value in step.times.items())
    return (
        f"{step.asked:.0f} hops a second asked for: {step.hops:.1f} hops, {step.deposits:.1f}"
        f" deposits, {step.messages:.1f} messages a second; {times}; {step.unserved} unserved"
    )
