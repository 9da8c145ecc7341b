"""What a run came to: rates, times, outages by what was killed, and how long each lasted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import quantiles

from tests.storm.lines import Answer, Told

_PERCENTILES = {"p50": 499, "p99": 989, "p99.9": 998}


@dataclass(frozen=True)
class Kill:
    """A part that was killed, when, and when another stood in its place."""

    part: str
    at: float
    replaced_at: float


def write_report(told: Told, kills: list[Kill], seconds: float, messages: int) -> Iterator[str]:
    """Yields the lines of the report."""
    yield f"{seconds:.0f} s; messages {messages / seconds:.1f} a second"
    for kind in sorted({answer.kind for answer in told.answers}):
        yield _describe_times(kind, [a for a in told.answers if a.kind == kind], seconds)
    yield f"talks: {_list_counts(Counter(told.talks.values()))}"
    for number, kill in enumerate(kills):
        until = kills[number + 1].at if number + 1 < len(kills) else float("inf")
        yield _describe_kill(kill, [a for a in told.answers if kill.at <= _end_of(a) < until])


def _describe_times(kind: str, answers: list[Answer], seconds: float) -> str:
    figures = ", ".join(f"{name} {ms:.0f} ms" for name, ms in find_percentiles(answers).items())
    most = max(answer.seconds for answer in answers)
    rate = len(answers) / seconds
    return f"{kind}: {len(answers)}, {rate:.1f} a second; {figures}, most {most * 1000:.0f} ms"


def find_percentiles(answers: list[Answer]) -> dict[str, float]:
    """Returns p50, p99 and p99.9 of what answers took, in milliseconds."""
    times = sorted(answer.seconds for answer in answers)
    cuts = quantiles(times, n=1000) if len(times) > 1 else times * 999
    return {name: cuts[at] * 1000 for name, at in _PERCENTILES.items()}


def _describe_kill(kill: Kill, answers: list[Answer]) -> str:
    """Tells what the kill cost, and after how long the last one was hurt by it."""
    hurt = [answer for answer in answers if answer.cause or answer.tries > 1]
    causes = Counter(f"{each.kind} {each.cause or 'asked again'}" for each in hurt)
    if not hurt:
        return f"{kill.part} killed: nobody hurt"
    last = max(_end_of(answer) for answer in hurt)
    return (
        f"{kill.part} killed: replaced after {kill.replaced_at - kill.at:.1f} s, over after"
        f" {last - kill.at:.1f} s; {_list_counts(causes)}"
    )


def _end_of(answer: Answer) -> float:
    return answer.asked_at + answer.seconds


def _list_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {many}" for name, many in counts.most_common())
