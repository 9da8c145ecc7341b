"""Where a dialogue's time goes: the CPU of each of its hops in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from app.settings import ROOT
from benchmarks.findings import Finding
from benchmarks.load import CHAINS
from benchmarks.stage import Stage

_NAMES = ("dial", "my AMO", "back", "pay", "the code")
_PROGRAM = Path(__file__).with_name("one_process.py")
# Dialogues that open connections and fill caches before the first one that counts.
WARM = 30
_WHAT = "CPU in one process"


def measure(stage: Stage) -> list[Finding]:
    """Measures this checkout, and in turn with it the one beside it, dialogue by dialogue."""
    dialogues = 100 if stage.quick else 2000
    beside = stage.beside or ROOT, stage.beside_python
    with run_program(stage, ROOT) as ours, run_program(stage, *beside) as theirs:
        pairs = [
            (play(ours, one), play(theirs, other) if stage.beside else [])
            for one, other in zip(*[iter(stage.phones(2 * (WARM + dialogues)))] * 2, strict=True)
        ][WARM:]
    hops = {name: median(one[hop] for one, _ in pairs) for hop, name in enumerate(_NAMES)}
    whole = [sum(one) for one, _ in pairs]
    findings = [Finding("", f"{_WHAT}, whole dialogue", "us", [median(whole)], details=hops)]
    return findings + ([_compare(pairs)] if stage.beside else [])


def _compare(pairs: list[tuple[list[float], list[float]]]) -> Finding:
    """Returns the middle ratio of each tenth of the pairs: one that was disturbed counts little."""
    tenth = len(pairs) // 10
    parts = [pairs[at : at + tenth] for at in range(0, tenth * 10, tenth)]
    ratios = [median(sum(one) / sum(other) for one, other in part) for part in parts]
    hops = {
        name: median(one[hop] / other[hop] for one, other in pairs)
        for hop, name in enumerate(_NAMES)
    }
    return Finding("", f"{_WHAT}, against that beside", "x", ratios, details=hops)


def profile(stage: Stage, hop: int) -> str:
    """Returns where the hop of that number spends its time."""
    with run_program(stage, ROOT, profiled=hop) as program:
        return program.communicate("".join(f"{phone}\n" for phone in stage.phones(400)))[0]


def play(program: subprocess.Popen[str], phone: str) -> list[float]:
    """Plays a dialogue there; returns the microseconds of CPU of each hop."""
    assert program.stdin and program.stdout
    program.stdin.write(f"{phone}\n")
    program.stdin.flush()
    spent: list[float] = json.loads(program.stdout.readline())
    return spent


@contextmanager
def run_program(
    stage: Stage,
    checkout: Path,
    python: str = sys.executable,
    settings: Mapping[str, str] | None = None,
    profiled: int | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Runs a checkout's application in a process of its own; `settings` are more than it has."""
    with (
        (stage.folder / "one_process.log").open("ab") as log,
        subprocess.Popen(
            (python, str(_PROGRAM), json.dumps(CHAINS), json.dumps(profiled)),
            cwd=checkout,
            env=os.environ | stage.environment | (settings or {}) | {"PYTHONPATH": str(checkout)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as program,
    ):
        yield program
