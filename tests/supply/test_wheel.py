"""The wheel: pip installs it, it brings all it needs, and the same files make the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from supply.pins import PRODUCT, read_pins
from supply.wheel import write_wheel


def test_the_wheel_gives_the_command_with_menus_migrations_and_pages(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "one")
    assert wheel.read_bytes() == write_wheel(tmp_path / "two").read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read("maalem-0.1.0.dist-info/METADATA").decode()
    assert metadata.count("Requires-Dist: ") == len(read_pins(PRODUCT)) > 40

    site = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "--no-index", "--no-deps", "--target", site, wheel], check=True)
    # Started elsewhere, with nothing of the checkout to find.
    for words, says in (
        (("menus", "check"), "screens right in 6 languages"),
        (("settings",), f"DATA_DIR={tmp_path / 'instance'}"),
    ):
        done = subprocess.run(
            [sys.executable, site / "bin" / "maalem", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 and says in done.stdout, (words, done.stdout, done.stderr)
    found = {path.parent.name for path in (site / "maalem_files").rglob("*.py")}
    assert "versions" in found and (site / "app/web/templates").is_dir()
