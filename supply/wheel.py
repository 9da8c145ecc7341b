"""Writes the wheel: the program with its menus, migrations, examples and pages, as pip installs it.

    python -m supply.wheel [FOLDER]      dist/ without FOLDER

It needs the very versions of requirements.txt, and gives the command `maalem`. The same files give
the same bytes.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

from supply.pins import PRODUCT, ROOT, read_pins, write_requirement

# What stands beside app/ in a checkout, and where it stands when it is installed.
_FILES = "maalem_files"
_BESIDE = ("menus", "migrations", "examples", "docs/api.md", "wsgi.py")
_ENTRY_POINTS = "[console_scripts]\nmaalem = app:main\n"
# The first moment that an archive can hold: no two builds differ by their hour.
_MOMENT = (1980, 1, 1, 0, 0, 0)


def write_wheel(folder: Path) -> Path:
    """Writes the wheel of the committed files and returns its path."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    name, version = project["name"], project["version"]
    info = f"{name}-{version}.dist-info"
    files = dict(_list_files())
    files[f"{info}/METADATA"] = _write_metadata(project).encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: maalem\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{info}/entry_points.txt"] = _ENTRY_POINTS.encode()
    record = [_describe(path, content) for path, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            member = zipfile.ZipInfo(path, _MOMENT)
            member.external_attr = 0o644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return wheel


def _list_files() -> Iterator[tuple[str, bytes]]:
    """Yields each file by its path in the wheel: what git knows of, and nothing else."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "app", *_BESIDE], cwd=ROOT, capture_output=True, check=True
    )
    for path in sorted(filter(None, listed.stdout.decode().split("\0"))):
        place = path if path.startswith("app/") else f"{_FILES}/{path}"
        yield place, (ROOT / path).read_bytes()


def _write_metadata(project: dict[str, str]) -> str:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
    ]
    lines += [f"Requires-Dist: {write_requirement(pin.requirement)}" for pin in read_pins(PRODUCT)]
    return "\n".join(lines) + "\n"


def _describe(path: str, content: bytes) -> str:
    digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}"


if __name__ == "__main__":
    print(write_wheel(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
