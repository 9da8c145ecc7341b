"""P12: from the command to the first answer of the web process."""

from __future__ import annotations

import time

from benchmarks.findings import Finding
from benchmarks.servers import service
from benchmarks.stage import Stage


def measure(stage: Stage) -> list[Finding]:
    """`/readyz`: with PostgreSQL, Redis and the menus, all of it as a first caller needs it."""
    seconds = []
    for _ in range(2 if stage.quick else 7):
        began = time.perf_counter()
        with service(stage.folder, stage.environment, first="/readyz"):
            seconds.append(time.perf_counter() - began)
    return [Finding("P12", "start of the web process to its first answer", "s", seconds, at_most=2)]
