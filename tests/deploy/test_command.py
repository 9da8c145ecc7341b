"""`deploy/maalem`: a command on an installed machine has the installation's settings, or stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.settings import ROOT

# What a shell that ran the file would take for something else.
SETTINGS = {
    "APP_ENV": "development",
    "USSD_CODE": "*384*7#",
    "CALLBACK_SOURCES": "africastalking=192.0.2.0/24;generic=198.51.100.7/32",
    "PUBLIC_URL": '"https://maalem.example/$HOME`id`"',
    "SMS_PROVIDERS": "'log'",
}


def run(folder: Path, environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [str(ROOT / "deploy/maalem"), *arguments],
        env=own | {"MAALEM_ENV": str(environment)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_command_has_the_settings_as_systemd_reads_them(tmp_path: Path) -> None:
    lines = ["# NAME=no setting", "", "; and=none", *(f"{n}={v}" for n, v in SETTINGS.items())]
    environment = tmp_path / "maalem.env"
    environment.write_text("\n".join(lines), "utf-8")
    told = run(tmp_path, environment, "settings", "--json")
    assert told.returncode == 0, told.stderr
    shown = {each["name"]: each["value"] for each in json.loads(told.stdout)}
    for name, value in SETTINGS.items():
        assert str(shown[name]).strip("\"'") == value.strip("\"'"), name


def test_what_changes_the_tables_comes_as_their_owner(tmp_path: Path) -> None:
    environment = tmp_path / "maalem.env"
    environment.write_text("APP_ENV=development\n", "utf-8")
    (tmp_path / "owner.env").write_text("MIGRATIONS_DATABASE_URL=what no address is\n", "utf-8")
    told = run(tmp_path, environment, "db", "rehearse")
    assert told.returncode != 0 and "migrations_database_url" in told.stderr.lower(), told.stderr
    assert run(tmp_path, environment, "settings").returncode == 0


def test_a_command_without_settings_starts_nothing(tmp_path: Path) -> None:
    told = run(tmp_path, tmp_path / "none.env", "office", "list")
    assert told.returncode == 1 and told.stdout == ""
    assert told.stderr.count("\n") == 1 and "none.env cannot be read" in told.stderr


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="a first process is made by root"
)
def test_a_container_s_first_process_ends_while_it_starts() -> None:
    starting = "import app, time; print('begun', flush=True); time.sleep(60)"
    apart = ("unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", starting)
    with subprocess.Popen(apart, cwd=ROOT, stdout=subprocess.PIPE) as outer:
        assert outer.stdout and outer.stdout.readline() == b"begun\n"
        (first,) = psutil.Process(outer.pid).children()
        first.send_signal(signal.SIGTERM)
        try:
            assert outer.wait(20) == 128 + signal.SIGTERM
        finally:
            outer.kill()
