"""P10: a day's settlement file of 100,000 lines, matched with as many deposits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from app.base.database import transaction
from app.base.operation import operation
from app.reconciliation.network_file import HEADER
from app.reconciliation.service import SettlementFile, match_file
from benchmarks.findings import Finding
from benchmarks.stage import Stage

_LINES = 100_000
# Of so many lines one is another amount, one another agent's, one comes twice, one is unknown.
_ONE_IN = 400


def measure(stage: Stage) -> list[Finding]:
    """Measures P10; each run has its own day, codes and deposits, and one break in 100 lines."""
    # The register's people, for the deposits to be of.
    stage.callers(1)
    seconds = []
    for number in range(1 if stage.quick else 3):
        write_day(stage, number, _LINES)
        seconds.append(match_day(stage, number, _LINES))
    what = f"match of a {_LINES:,}-line settlement file"
    return [Finding("P10", what, "s", seconds, at_most=10)]


def write_day(stage: Stage, number: int, lines: int) -> None:
    """Writes a day's deposits and its file; `number` tells days apart."""
    day = stage.runtime.clock() - timedelta(days=number + 1)
    first = 500_000_000_000 + number * 10 * _LINES
    _deposits(stage, first, lines, day)
    _write(_name_file(stage, number), first, lines, day)


def match_day(stage: Stage, number: int, lines: int) -> float:
    """Returns how many seconds the match of a day takes."""
    return _match(stage, _name_file(stage, number), lines)


def _name_file(stage: Stage, number: int) -> Path:
    return stage.folder / f"settlement-{number}.csv"


def _match(stage: Stage, file: Path, lines: int) -> float:
    began = time.perf_counter()
    with operation(stage.runtime.database, stage.runtime.clock(), "operator") as change:
        report = match_file(change, SettlementFile(file, "wafacash"))
    seconds = time.perf_counter() - began
    wrong = lines // _ONE_IN
    found = {kind: report.counts.get(kind, 0) for kind in _KINDS}
    assert found == dict.fromkeys(_KINDS, wrong), report.counts
    return seconds


_KINDS = ("amount_differs", "other_agent", "duplicates", "missing_here")


def _write(file: Path, first: int, lines: int, day: datetime) -> None:
    rows = (",".join(row) for row in _rows(first, lines, day.isoformat(timespec="seconds")))
    file.write_text("\n".join((",".join(HEADER), *rows)) + "\n", encoding="utf-8")


def _rows(first: int, lines: int, at: str) -> Iterator[tuple[str, ...]]:
    """Yields as many rows as there are deposits; the first four of each `_ONE_IN` are breaks."""
    for n in range(lines):
        turn = n % _ONE_IN
        code = {2: first + n - 1, 3: first + 5 * _LINES + n}.get(turn, first + n)
        amount = "100.00" if turn == 0 else "163.52"
        agent = "7777" if turn == 1 else "9001"
        yield f"W{first + n}", str(code), amount, "MAD", at, agent, "T1", "paid"


def _deposits(stage: Stage, first: int, lines: int, day: datetime) -> None:
    """Writes the deposits of a whole network's day, past the guards and their cost."""
    values = {"first": first, "lines": lines, "day": day}
    with transaction(stage.runtime.database) as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in _DEPOSITS:
            connection.execute(text(statement), values)
        connection.execute(text("ANALYZE payment_code, deposit"))


_DEPOSITS = (
    """INSERT INTO payment_code (code, artisan_id, state, contribution_centimes, penalty_centimes,
        fee_centimes, total_centimes, first_period, last_period, issued_at, expires_at, ended_at)
    SELECT :first + n, a.id, 'paid', 16352, 0, 0, 16352, '2026-01-01', '2026-01-01',
        :day - interval '1 hour', :day + interval '1 day', :day
    FROM (SELECT n, n % (SELECT count(*) FROM artisan) AS place
        FROM generate_series(0, :lines - 1) AS n) AS line
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM artisan) AS a
        USING (place)""",
    """INSERT INTO deposit (receipt_number, code, artisan_id, network, agent_number, terminal,
        channel, total_centimes, received_at)
    SELECT code, code, artisan_id, 'wafacash', '9001', 'T1', 'page', total_centimes, :day
    FROM payment_code WHERE code >= CAST(:first AS text)
        AND code < CAST(CAST(:first AS bigint) + :lines AS text)""",
)
