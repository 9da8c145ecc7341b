"""P6: the ministry's file, checked and stored, against a bare COPY and one upsert of clean rows."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import psycopg

from app.base.clock import local_date
from app.base.database import connect
from app.enrolment.registry import import_registry
from app.migrating import upgrade
from app.runtime import Runtime
from app.settings import Settings
from benchmarks.findings import Finding
from benchmarks.stage import Stage, read_peak_mb, run

_COLUMNS = (
    "rna_number, cnss_number, cin_digest, full_name, full_name_ar, birth_date, phone, language, "
    "category, coefficient, annual_tax_centimes, trade, region, province, enrolled_on, "
    "rights_until, rights_as_of"
)


def measure(stage: Stage) -> list[Finding]:
    """Measures imports; the first one fills the register for the other measurements."""
    seconds, ratios, peaks = [], [], []
    for number in range(1 if stage.quick else 2):
        with stage.database(f"full_{number}") as another, stage.database(f"bare_{number}") as bare:
            full = another if number else stage.urls.database_url
            where = stage.environment | {"DATABASE_URL": full}
            told = json.loads(run("benchmarks.register", str(stage.register), environment=where))
            floor = _copy(full, bare)
        seconds.append(told["seconds"])
        ratios.append(told["seconds"] / floor)
        peaks.append(told["peak_mb"])
    what = f"import of {stage.rows:,} rows"
    return [
        Finding("P6", what, "s", seconds, at_most=60),
        Finding("P6", f"{what} against bare COPY and upsert", "x the floor", ratios, at_most=2),
        Finding("P6", f"{what}: most memory", "MB", peaks, at_most=500),
    ]


def _copy(full: str, bare: str) -> float:
    """Returns the seconds to COPY the clean rows of `full` and to store them in `bare`."""
    engine = connect(bare)
    upgrade(engine)
    engine.dispose()
    with psycopg.connect(full) as connection:
        rows = b"".join(_copy_out(connection))
    with psycopg.connect(bare) as connection:
        empty = f"SELECT {_COLUMNS} FROM artisan LIMIT 0"
        connection.execute(f"CREATE TEMPORARY TABLE clean AS {empty}")
        connection.commit()
        began = time.perf_counter()
        with connection.cursor().copy(f"COPY clean ({_COLUMNS}) FROM STDIN") as copy:
            for start in range(0, len(rows), 1 << 20):
                copy.write(rows[start : start + (1 << 20)])
        names = _COLUMNS.split(", ")[1:]
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        connection.execute(
            f"INSERT INTO artisan ({_COLUMNS}) SELECT {_COLUMNS} FROM clean "
            f"ON CONFLICT (rna_number) DO UPDATE SET {changes}"
        )
        connection.commit()
        return time.perf_counter() - began


def _copy_out(connection: psycopg.Connection[tuple[object, ...]]) -> list[bytes]:
    with connection.cursor().copy(f"COPY artisan ({_COLUMNS}) TO STDOUT") as copy:
        return [bytes(piece) for piece in copy]


def _import(file: Path) -> None:
    """Imports `file` in the process of a run; prints its seconds and its peak memory."""
    runtime = Runtime(Settings())
    upgrade(runtime.database)
    began = time.perf_counter()
    today = local_date(runtime.clock())
    report = import_registry(runtime.database, file, keys=runtime.keys, today=today)
    seconds = time.perf_counter() - began
    peak_mb = read_peak_mb()
    assert report.created == report.read and not report.rejected, report
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb}))


if __name__ == "__main__":
    _import(Path(sys.argv[1]))
