"""The pins of the requirements files, with the hashes of the files that pip may take for each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PRODUCT, DEVELOPMENT = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """A pinned requirement; `hashes` are SHA-256 in hexadecimal."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def version(self) -> str:
        return next(iter(self.requirement.specifier)).version

    def write(self) -> str:
        """Writes the pin as pip reads it, a hash a line."""
        return " \\\n    --hash=sha256:".join([write_requirement(self.requirement), *self.hashes])


def write_requirement(requirement: Requirement) -> str:
    """Writes a requirement as the files have it."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{requirement.specifier}{marker}"


def read_pins(*files: Path) -> list[Pin]:
    """Reads every pin of the files. Raises: packaging's InvalidRequirement."""
    parts = (part for file in files for part in read_parts(file))
    return [part for part in parts if isinstance(part, Pin)]


def read_parts(file: Path) -> Iterator[Pin | str]:
    """Yields each pin of a file, and as they stand the lines that are none."""
    for line in file.read_text("utf-8").replace("\\\n", " ").splitlines():
        if not line or line.startswith(("#", "-")):
            yield line
        else:
            yield Pin(Requirement(line.split("--hash=")[0].strip()), tuple(_HASH.findall(line)))
