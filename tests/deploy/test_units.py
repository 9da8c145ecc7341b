"""deploy/systemd: units that systemd accepts, whose commands are ours, and that may do little."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import _NOUNS
from app.cli.serve import WEB_COMMAND
from app.settings import ROOT

FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
# Of 10, as systemd-analyze counts it: 1.2 for ours, 1.6 for the door, which takes ports 80 and 443.
MOST_EXPOSED = {"maalem-door.service": 1.6}
ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units with the programs of this checkout, for an instance where one is named."""
    folder = tmp_path_factory.mktemp("units")
    for path in FOLDER.iterdir():
        words = path.read_text("utf-8")
        words = words.replace("/opt/maalem/.venv/bin", str(Path(sys.executable).parent))
        name = path.name.replace("@.", "@8000.")
        (folder / name).write_text(words.replace("/opt/maalem", str(ROOT)))
    return folder


def test_systemd_accepts_every_unit(placed: Path) -> None:
    assert ANALYZE, "systemd is not installed"
    units = sorted(map(str, placed.iterdir()))
    done = subprocess.run(
        [ANALYZE, "verify", "--man=no", "--recursive-errors=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "maalem" in line]
    assert done.returncode == 0 and ours == [], done.stderr


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_may_do_no_more_than_is_stated(path: Path) -> None:
    assert ANALYZE, "systemd is not installed"
    done = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    exposed = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert exposed, done.stdout + done.stderr
    assert float(exposed[1]) <= MOST_EXPOSED.get(path.name, 1.2)


def test_each_command_is_one_of_ours() -> None:
    commands = {path.name: _read_command(path) for path in UNITS}
    web = commands.pop("maalem-web@.service")
    assert web.startswith("/opt/maalem/.venv/bin/granian ") and web.endswith(" app:create_server")
    same = [word for word in WEB_COMMAND[1:] if "kill-timeout" not in word]
    assert set(same) <= set(web.split()), "as `make run` serves"
    assert commands.pop("maalem-door.service").endswith("/opt/maalem/deploy/haproxy.cfg")
    for name, command in commands.items():
        program, noun, *_ = command.split()
        assert program == "/opt/maalem/.venv/bin/flask" and noun in _NOUNS, name


def test_who_reads_backups_is_who_writes_them() -> None:
    users = {path.name: re.findall(r"(?m)^User=(.+)$", path.read_text("utf-8")) for path in UNITS}
    same = {"maalem-backup.service", "maalem-doctor.service", "maalem-worker@.service"}
    assert {name for name, user in users.items() if user == ["maalem-backup"]} == same
    assert "useradd --system --no-create-home" in (ROOT / "deploy/one-machine").read_text("utf-8")


def _read_command(path: Path) -> str:
    return path.read_text("utf-8").split("ExecStart=")[1].splitlines()[0]
