"""`flask registry`, as a person and as a program read its output."""

import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import Engine, select

from app import create_app
from app.agents.models import agent
from app.cli.registry import registry
from app.enrolment.registry_file import rejected_path
from app.enrolment.sample_rows import sample_rows
from app.enrolment.samples import sample_people_csv
from app.runtime import Runtime
from app.settings import ROOT, Settings
from tests.enrolment.registry_lines import TODAY, line, numbered, stored, write
from tests.production import production_settings


def run_registry(app: Flask, *words: str | Path) -> Result:
    return app.test_cli_runner().invoke(registry, [str(word) for word in words])


def test_import_prints_the_counts_and_the_path_of_the_rejected_rows(
    app: Flask, engine: Engine, tmp_path: Path
) -> None:
    file = write(tmp_path / "rna.csv", [line(), numbered(1, category="E")])
    result = run_registry(app, "import", file)
    assert result.exit_code == 0
    assert result.stdout == "2 read, 1 created, 0 updated, 0 unchanged, 1 rejected\n"
    assert result.stderr == f"rejected rows: {rejected_path(file)}\n"


def test_import_as_json_prints_one_object(app: Flask, engine: Engine, tmp_path: Path) -> None:
    file = write(tmp_path / "rna.csv", [line()])
    run_registry(app, "import", file)
    result = run_registry(app, "import", file, "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert json.loads(result.stdout) == {
        "read": 1,
        "created": 0,
        "updated": 0,
        "unchanged": 1,
        "rejected": 0,
    }


def test_import_names_the_regions_that_it_keeps_as_written(
    app: Flask, engine: Engine, tmp_path: Path
) -> None:
    regions = ("Atlantis", "Atlantis", "fes-meknes", "0612345678")
    lines = [numbered(at, region=region, phone="") for at, region in enumerate(regions)]
    result = run_registry(app, "import", write(tmp_path / "rna.csv", lines))
    assert result.stderr == (
        "note: 3 people of regions that are none of the twelve, such as 'Atlantis' (2)\n"
    )
    kept = sorted(region for (region,) in stored(engine, "region"))
    assert kept == ["0612345678", "Atlantis", "Atlantis", "Fès-Meknès"]


def test_import_of_a_refused_file_exits_with_1_and_one_line(
    app: Flask, engine: Engine, tmp_path: Path
) -> None:
    file = write(tmp_path / "rna.csv", [line()], header="name,phone")
    result = run_registry(app, "import", file, "--json")
    assert result.exit_code == 1
    (said,) = result.stderr.splitlines()
    assert said.startswith(f"{file}: line 1: header: missing: rna_number, ")
    assert json.loads(result.stdout)["created"] == 0
    assert "header: missing" in json.loads(result.stdout)["error"]
    assert stored(engine, "id") == []


def test_import_of_an_unreadable_file_exits_with_1_and_one_line(
    app: Flask, engine: Engine, tmp_path: Path
) -> None:
    result = run_registry(app, "import", tmp_path / "absent.csv")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"{tmp_path / 'absent.csv'}: No such file or directory\n"


def test_import_without_a_database_exits_with_1_and_one_line(tmp_path: Path) -> None:
    file = write(tmp_path / "rna.csv", [line()])
    away = "postgresql://nobody@127.0.0.1:1/none"
    settings = Settings(database_url=away, redis_url="redis://127.0.0.1:1", log_level="error")
    result = run_registry(create_app(Runtime(settings)), "import", file)
    assert result.exit_code == 1
    assert result.stderr == "postgresql: not reachable\n"


def test_sample_writes_rows_without_an_app() -> None:
    result = CliRunner().invoke(registry, ["sample", "--rows", "2500", "--seed", "3"])
    assert result.exit_code == 0
    assert result.stdout_bytes.decode().splitlines() == list(sample_rows(2500, 3))
    assert result.stdout.endswith("\n")


@pytest.mark.parametrize("rows", ["-1", "many", "10000001"])
def test_sample_refuses_an_invalid_number_of_rows(rows: str) -> None:
    assert CliRunner().invoke(registry, ["sample", "--rows", rows]).exit_code == 2


def test_sample_ends_silently_when_its_reader_closes() -> None:
    command = "from app.cli.registry import registry; registry(['sample', '--rows', '100000'])"
    with subprocess.Popen(
        [sys.executable, "-c", command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_import_shows_a_progress_bar_on_a_terminal(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "rna.csv"
    file.write_text("\n".join(sample_rows(5000)), encoding="utf-8")
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    ours, theirs = pty.openpty()
    seen = bytearray()

    def read() -> None:
        try:
            while piece := os.read(ours, 4096):
                seen.extend(piece)
        except OSError:
            return  # the terminal's other end is closed

    reader = threading.Thread(target=read)
    reader.start()
    command = (
        "import sys; from flask.cli import ScriptInfo; from app import create_app;"
        "from app.cli.registry import registry;"
        "registry(['import', sys.argv[1], '--json'], obj=ScriptInfo(create_app=create_app))"
    )
    environment = os.environ | {
        "DATABASE_URL": url,
        "REDIS_URL": "redis://127.0.0.1:1",
        "TERM": "xterm",
    }
    done = subprocess.run(
        [sys.executable, "-c", command, str(file)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    os.close(theirs)
    reader.join(10)
    os.close(ours)
    assert json.loads(done.stdout)["created"] == 5000
    assert b"reading" in seen
    assert b"stored" in seen


def test_load_sample_people_loads_them_and_their_agent_once(app: Flask, engine: Engine) -> None:
    first = run_registry(app, "load-sample-people")
    assert (first.exit_code, first.stderr) == (0, "")
    assert "8 sample people" in first.stdout
    assert len(stored(engine, "id")) == sample_people_csv(TODAY).count("\n") - 1
    with engine.connect() as connection:
        agents = connection.execute(select(agent.c.number, agent.c.agency_code, agent.c.phone))
        assert [tuple(row) for row in agents] == [("1001", "W-RABAT-01", "+212600000091")]
    second = run_registry(app, "load-sample-people")
    assert second.exit_code == 0
    assert "the data of the last run stay" in second.stdout
    assert len(stored(engine, "id")) == 8


def test_load_sample_people_is_refused_in_production(engine: Engine) -> None:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    production = Runtime(production_settings(database_url=url))
    result = run_registry(create_app(production), "load-sample-people")
    assert result.exit_code == 1
    assert "development only" in result.stderr
    assert stored(engine, "id") == []
