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
    yield f"outages: {_count_hurt(told.answers)}"
    for number, kill in enumerate(kills):
        until = kills[number + 1].at if number + 1 < len(kills) else float("inf")
        yield from _describe_kill(kill, [a for a in told.answers if kill.at <= _end_of(a) < until])


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


def _describe_kill(kill: Kill, answers: list[Answer]) -> Iterator[str]:
    """Tells of each kind what the kill cost, and until when, from the moment it was replaced."""
    hurt = [answer for answer in answers if answer.cause or answer.tries > 1]
    yield (
        f"{kill.part} killed: replaced after {kill.replaced_at - kill.at:.1f} s"
        f"{'' if hurt else '; nobody hurt'}"
    )
    for kind in sorted({answer.kind for answer in hurt}):
        these = [answer for answer in hurt if answer.kind == kind]
        last = max(map(_end_of, these)) - kill.replaced_at
        when = f"{last:.1f} s after that" if last > 0 else f"{-last:.1f} s before that"
        yield f"  the last {kind} {when}: {_count_hurt(these)}"


def _count_hurt(answers: list[Answer]) -> str:
    """Counts those that were of no use, or came only after other tries, by kind and cause."""
    hurt = (answer for answer in answers if answer.cause or answer.tries > 1)
    counts = Counter(f"{each.kind} {each.cause or 'asked again'}" for each in hurt)
    return _list_counts(counts) or "none"


def _end_of(answer: Answer) -> float:
    return answer.asked_at + answer.seconds


def _list_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {many}" for name, many in counts.most_common())
