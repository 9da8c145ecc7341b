"""The wheel: pip installs it, it brings all it needs, and the same files make the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from app.settings import ROOT
from supply.pins import PRODUCT, read_pins
from supply.wheel import write_wheel
from tests.conftest import free_port
from tests.servers import await_ready


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where nobody has been, with an environment that has the wheel, and not the checkout.

    What it depends on is this environment's, which has it already.
    """
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", f"--python={python}", "install", "--quiet")
    subprocess.run([*pip, "--no-index", "--no-deps", wheel], check=True)
    (site,) = (folder / "venv").glob("lib/python3*/site-packages")
    (site / "depends.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def test_the_wheel_says_what_it_needs_and_is_the_same_each_time(
    wheel: Path, tmp_path: Path
) -> None:
    assert wheel.read_bytes() == write_wheel(tmp_path).read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read("maalem-0.1.0.dist-info/METADATA").decode()
    assert metadata.count("Requires-Dist: ") == len(read_pins(PRODUCT)) > 40


def test_the_wheel_gives_the_command_with_menus_and_settings(installed: Path) -> None:
    assert "screens right in 6 languages" in run(installed, "menus", "check")
    assert f"DATA_DIR={installed / 'instance'}" in run(installed, "settings")


def test_the_wheel_serves_a_phone_and_pages_on_tables_of_its_own(installed: Path) -> None:
    with serving(installed) as base:
        assert "database at " in run(installed, "db", "upgrade")
        dialled = {"sessionId": "1", "phoneNumber": "+212600000001", "text": "1"}
        told = requests.post(f"{base}/ussd/africastalking", dialled, timeout=20)
        assert told.text.startswith("CON ") and "Droits" in told.text
        assert "</form>" in requests.get(f"{base}/agent", timeout=20).text


@contextmanager
def serving(installed: Path) -> Iterator[str]:
    """Runs `maalem serve`, which starts engines, tables, web and worker, and ends it."""
    port = free_port()
    running = subprocess.Popen(
        [installed / "venv" / "bin" / "maalem", "serve"],
        cwd=installed,
        env=alone() | {"PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    try:
        await_ready(f"http://127.0.0.1:{port}", 120)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        assert running.wait(60) == 0


def run(installed: Path, *words: str) -> str:
    """Runs a command of the wheel and returns what it writes."""
    done = subprocess.run(
        [installed / "venv" / "bin" / "maalem", *words],
        cwd=installed,
        env=alone(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and str(ROOT) not in done.stdout, (words, done.stdout, done.stderr)
    return done.stdout


def alone() -> dict[str, str]:
    """Returns this environment without what may lead to the checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
