"""P15: how long the rehearsal of a restore takes, with a register and months behind it.

`python -m benchmarks --months 12 restoring`: the database is copied and its log followed, then a
server is made of the copies, its books are verified, and all that was answered is compared.
"""

from __future__ import annotations

import time
from secrets import token_hex

from app.backup.base_backups import take_base_backup
from app.backup.following import LogFollower
from app.backup.programs import find_server
from app.backup.rehearsal import RunningService, rehearse_restore
from app.backup.store import BackupStore
from benchmarks.deposits import add_bench_agent
from benchmarks.findings import Finding
from benchmarks.stage import Stage
from benchmarks.year import write_months

_MOST_SECONDS = 600


def measure(stage: Stage) -> list[Finding]:
    """Measures one rehearsal; a second would find the same files in memory."""
    runtime = stage.runtime
    stage.fill()
    add_bench_agent(stage)
    written = write_months(runtime, stage.months, 0)
    server = find_server(stage.urls.database_url)
    store = BackupStore(stage.folder / "backups", server.number, token_hex(32).encode())
    began = time.perf_counter()
    with LogFollower(server, store, stage.folder / "log").receive():
        base = take_base_backup(server, store, runtime.clock)
    copied = time.perf_counter() - began
    service = RunningService(runtime.database, stage.urls.database_url, runtime.clock)
    began = time.perf_counter()
    found = rehearse_restore(service, store, stage.folder / "rehearsal")
    rehearsed = time.perf_counter() - began
    if found.missing or not found.sound:
        raise RuntimeError(f"not all came back: {found.missing} {found.older} {found.broken}")
    size = f"{stage.rows:,} artisans, {stage.months} months behind them"
    return [
        Finding(
            "P15",
            f"a restore rehearsed: {size}, {base.stored_bytes / 1e9:.2f} GB stored",
            "s",
            [rehearsed],
            at_most=_MOST_SECONDS,
            details={
                "written s": written,
                "copy s": copied,
                "restored s": found.restore_seconds,
                "verified s": found.verify_seconds,
                "rows": found.compared,
            },
        )
    ]
