"""P12: from the command to the first answer of the web process; and how long a menu check takes."""

from __future__ import annotations

import os
import subprocess
import time

from app.settings import ROOT
from benchmarks.findings import Finding
from benchmarks.messages import FLASK
from benchmarks.servers import service
from benchmarks.stage import Stage


def measure(stage: Stage) -> list[Finding]:
    """`/readyz`: with PostgreSQL, Redis and the menus, all of it as a first caller needs it."""
    seconds, checks = [], []
    for _ in range(3 if stage.quick else 8):
        began = time.perf_counter()
        with service(stage.folder, stage.environment, first="/readyz"):
            seconds.append(time.perf_counter() - began)
        began = time.perf_counter()
        command = [str(FLASK), "menus", "check"]
        environment = os.environ | stage.environment
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        checks.append(time.perf_counter() - began)
    # The first of each may have had its bytecode to write.
    del seconds[0], checks[0]
    return [
        Finding("P12", "start of the web process to its first answer", "s", seconds, at_most=1),
        Finding("menus", "`flask menus check`, the whole command", "s", checks, at_most=1),
    ]
