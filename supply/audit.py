"""Asks a public database (OSV) whether holes are known in any pin, with pip-audit.

Exits 0 if none is known, 1 if one is, and 3 if nobody could be asked: then nothing was checked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from supply.pins import DEVELOPMENT

NOT_CHECKED = 3
_SECONDS = 15


def audit(requirements: Path, *more: str) -> int:
    """Returns the exit code; says on standard output what was found, or why nothing was checked."""
    with TemporaryDirectory() as folder:
        told = Path(folder, "told.json")
        command = [
            *(sys.executable, "-m", "pip_audit", "--progress-spinner=off", f"--timeout={_SECONDS}"),
            *("--disable-pip", "--require-hashes", "--vulnerability-service=osv"),
            *("--format=json", f"--output={told}", f"--requirement={requirements}", *more),
        ]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        # Nothing is written unless every pin was asked for.
        if not told.exists() or not told.read_text("utf-8"):
            reason = (asked.stderr.strip().splitlines() or ["silence"])[-1].partition(":")[0]
            print(f"NOT CHECKED for known holes: no network, or nobody answers ({reason})")
            return NOT_CHECKED
        packages = json.loads(told.read_text("utf-8"))["dependencies"]
    return tell(packages)


def tell(packages: list[dict[str, object]]) -> int:
    """Names the holes in words; returns the exit code."""
    skipped = [package for package in packages if "skip_reason" in package]
    for package in skipped:
        print(f"NOT CHECKED: {package['name']}: {package['skip_reason']}")
    holes = [(package, hole) for package in packages for hole in package.get("vulns", ())]
    for package, hole in holes:
        mended = ", ".join(hole["fix_versions"]) or "no version"
        print(f"{package['name']} {package['version']}: {hole['id']}, mended in {mended}")
    print(f"{len(packages) - len(skipped)} packages checked, {len(holes)} known holes")
    return 1 if holes else NOT_CHECKED if skipped else 0


if __name__ == "__main__":
    sys.exit(audit(DEVELOPMENT, *sys.argv[1:]))
