"""Where a dialogue's time goes: the CPU of each of its hops in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from app.settings import ROOT
from benchmarks.findings import Finding
from benchmarks.load import CHAINS
from benchmarks.stage import Stage

_NAMES = ("dial", "my AMO", "back", "pay", "the code")
_PROGRAM = Path(__file__).with_name("one_process.py")


def measure(stage: Stage) -> list[Finding]:
    """Measures this checkout, and in turn with it the one beside it, if one is named."""
    rounds, dialogues = (3, 150) if stage.quick else (5, 400)
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    for _ in range(rounds):
        ours.append(_play(stage, ROOT, dialogues))
        if stage.beside:
            theirs.append(_play(stage, stage.beside, dialogues))
    what = "CPU in one process"
    findings = [
        Finding("", f"{what}, {name}", "us", [run[hop] for run in ours])
        for hop, name in enumerate(_NAMES)
    ]
    findings.append(Finding("", f"{what}, whole dialogue", "us", [sum(run) for run in ours]))
    if theirs:
        pairs = zip(ours, theirs, strict=True)
        ratios = [sum(one) / sum(other) for one, other in pairs]
        hops = {
            name: median(one[hop] / other[hop] for one, other in zip(ours, theirs, strict=True))
            for hop, name in enumerate(_NAMES)
        }
        findings.append(Finding("", f"{what}, against that beside", "x", ratios, details=hops))
    return findings


def profile(stage: Stage, hop: int) -> str:
    """Returns where the hop of that number spends its time."""
    return _run(stage, ROOT, {"chains": CHAINS, "phones": stage.phones(400), "profiled": hop})


def _play(stage: Stage, checkout: Path, dialogues: int) -> list[float]:
    """Returns the median CPU of each hop, in microseconds."""
    played = _run(stage, checkout, {"chains": CHAINS, "phones": stage.phones(dialogues)})
    return [median(spent) for spent in json.loads(played)]


def _run(stage: Stage, checkout: Path, job: dict[str, object]) -> str:
    with (stage.folder / "one_process.log").open("ab") as log:
        done = subprocess.run(
            (sys.executable, str(_PROGRAM)),
            cwd=checkout,
            env=os.environ | stage.environment | {"PYTHONPATH": str(checkout)},
            input=json.dumps(job),
            stdout=subprocess.PIPE,
            stderr=log,
            check=True,
            text=True,
        )
    return done.stdout
