"""Imports that are killed, meet each other, or lose the database store all or nothing."""

import resource
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from app.base.errors import Unavailable
from app.enrolment.registry import RegistryImportReport, import_registry
from app.settings import ROOT
from tests.alone import ALONE
from tests.enrolment.registry_lines import KEYS, TODAY, load, numbered, rejections, stored, write

ROWS = 5000
TOMORROW = TODAY + timedelta(days=1)
# Imports the file and stops for good at the step named, as if the machine hung there.
IMPORT_AND_STALL = f"""{ALONE}
import time
from datetime import date
from pathlib import Path
from app.base.database import connect
from app.base.keys import Keys
from app.enrolment.registry import import_registry

url, path, stop_at = sys.argv[1:]

def tell(step, done, total):
    if step == stop_at:
        print(step, flush=True)
        time.sleep(60)

import_registry(connect(url), Path(path), keys=Keys(b"k"), today=date(2026, 11, 23), progress=tell)
"""


def url_of(engine: Engine) -> str:
    url = engine.url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


def import_and_kill(engine: Engine, file: Path, step: str) -> None:
    command = [sys.executable, "-c", IMPORT_AND_STALL, url_of(engine), str(file), step]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == step
        process.kill()
        assert process.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize("step", ["reading", "checking", "storing", "stored"])
def test_import_killed_in_the_middle_stores_nothing_and_the_next_run_all(
    engine: Engine, tmp_path: Path, step: str
) -> None:
    first = write(tmp_path / "first.csv", [numbered(index) for index in range(10)])
    load(engine, first)
    before = stored(engine, "rna_number", "full_name", "rights_as_of")
    lines = [numbered(index, full_name="Zineb Tazi") for index in range(ROWS)]
    file = write(tmp_path / "rna.csv", [*lines, numbered(1, category="E")])
    import_and_kill(engine, file, step)
    assert stored(engine, "rna_number", "full_name", "rights_as_of") == before
    assert load(engine, file) == RegistryImportReport(ROWS + 1, ROWS - 10, 10, 0, 1)
    assert rejections(file) == [(ROWS + 2, "category: 'E' is not one of A, B, C, D")]
    assert sorted(path.name for path in tmp_path.glob("*.part")) == []


def test_concurrent_imports_run_one_after_the_other(engine: Engine, tmp_path: Path) -> None:
    lines = [numbered(index) for index in range(ROWS)]
    files = [write(tmp_path / f"{name}.csv", lines) for name in ("one", "two")]
    together = threading.Barrier(2, timeout=30)
    reports: list[RegistryImportReport] = []

    def run(file: Path) -> None:
        together.wait()
        reports.append(load(engine, file))

    threads = [threading.Thread(target=run, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    outcomes = sorted((report.created, report.unchanged) for report in reports)
    assert outcomes == [(0, ROWS), (ROWS, 0)]


def test_import_holds_up_no_payment_of_a_person_whose_numbers_stay(
    engine: Engine, tmp_path: Path
) -> None:
    load(engine, write(tmp_path / "first.csv", [numbered(1), numbered(2)]))
    changed = [numbered(1, full_name="Zineb Tazi"), numbered(2), numbered(3)]
    file, free = write(tmp_path / "rna.csv", changed), []
    other = create_engine(engine.url)

    def refer_to_everybody(step: str, done: int, total: int | None) -> None:
        """As the row of a deposit does, while the import has stored all and not yet ended."""
        if step == "stored":
            with other.connect() as connection:
                people = text("SELECT rna_number FROM artisan ORDER BY id FOR KEY SHARE NOWAIT")
                free.extend(connection.execute(people).scalars())

    import_registry(engine, file, keys=KEYS, today=TOMORROW, progress=refer_to_everybody)
    other.dispose()
    assert free == ["81", "82"]
    assert stored(engine, "full_name", "rights_as_of")[0] == ("Zineb Tazi", TOMORROW)


def test_import_names_a_server_that_ends_the_connection(engine: Engine, tmp_path: Path) -> None:
    file = write(tmp_path / "rna.csv", [numbered(index) for index in range(ROWS)])
    other = create_engine(engine.url)

    def end_connections(step: str, done: int, total: int | None) -> None:
        if step == "checking":
            with other.connect() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )

    with pytest.raises(Unavailable) as away:
        import_registry(engine, file, keys=KEYS, today=TODAY, progress=end_connections)
    other.dispose()
    assert away.value.params["what"] == "postgresql"
    assert stored(engine, "id") == []


def test_import_stores_nothing_if_the_disk_of_the_rejected_file_is_full(
    engine: Engine, tmp_path: Path
) -> None:
    bad = [numbered(index, category="E") for index in range(1000)]
    file = write(tmp_path / "rna.csv", [numbered(1000), *bad])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            load(engine, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert stored(engine, "id") == []
    assert [path.name for path in tmp_path.iterdir()] == ["rna.csv"]


def test_import_names_a_database_without_tables_in_one_line(engine: Engine, tmp_path: Path) -> None:
    bare = create_engine(engine.url, connect_args={"options": "-c search_path=pg_temp"})
    file = write(tmp_path / "rna.csv", [numbered(1)])
    with pytest.raises(Unavailable) as missing:
        import_registry(bare, file, keys=KEYS, today=TODAY)
    bare.dispose()
    assert missing.value.params["why"] == 'relation "artisan" does not exist'
