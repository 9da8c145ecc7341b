"""Writes the hashes of all wheels that a pin may be, on any machine we promise, into the files.

Source packages have none: pip compiles nothing, and runs no code of a package to install it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from supply.index import File, Index, configured_index
from supply.pins import DEVELOPMENT, PRODUCT, Pin, read_parts, read_pins
from supply.wheels import TARGETS, fitting_wheels


def find_hashes(pin: Pin, files: list[File]) -> tuple[str, ...]:
    """Returns the sorted hashes of the wheels of a pin that fit one of the machines."""
    wheels = set(fitting_wheels(pin.requirement, [file.name for file in files], TARGETS))
    return tuple(sorted({str(file.sha256) for file in files if file.name in wheels}))


def list_files(index: Index, pins: list[Pin]) -> dict[str, list[File]]:
    """Asks the index for the files of each pin's package. Raises: IndexAway."""
    names = [pin.requirement.name for pin in pins]
    with ThreadPoolExecutor(8) as threads:
        return dict(zip(names, threads.map(index.list_files, names), strict=True))


def write_hashes(path: Path, files: dict[str, list[File]]) -> None:
    """Writes the file anew with the hashes of its pins; every other line stays."""
    lines = []
    for part in read_parts(path):
        if isinstance(part, Pin):
            hashes = find_hashes(part, files[part.requirement.name])
            lines.append(Pin(part.requirement, hashes).write())
        else:
            lines.append(part)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def main() -> None:
    files = list_files(configured_index(), read_pins(PRODUCT, DEVELOPMENT))
    for path in (PRODUCT, DEVELOPMENT):
        write_hashes(path, files)
        print(f"{path.name}: {len(read_pins(path))} pins with hashes")


if __name__ == "__main__":
    main()
