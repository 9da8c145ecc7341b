"""Checks a version by `flask menus check`, in a program of its own: what is given may hang it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from app.publishing.packing import unpack_to
from app.settings import ROOT

# The check takes seconds; what takes longer hangs.
LONGEST_CHECK_SECONDS = 120
_log = structlog.get_logger("worker")
CheckFault = dict[str, str]


def find_faults_of(content: bytes) -> list[CheckFault]:
    """Returns what the check finds wrong with a stored version: screen, language and why.

    A check that does not come to its end is a fault of its own. Raises: MenusRefused.
    """
    with TemporaryDirectory(prefix="menus-") as folder:
        unpack_to(Path(folder), content)
        command = [sys.executable, "-m", "flask", "--app", "app", "menus", "check", "--json"]
        try:
            ended = subprocess.run(
                [*command, "--menus", folder],
                cwd=ROOT,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=LONGEST_CHECK_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return [_fault(f"the check did not end within {LONGEST_CHECK_SECONDS} s")]
    try:
        found: list[CheckFault] = json.loads(ended.stdout)["faults"]
    except (ValueError, KeyError, TypeError):
        told = ended.stderr.decode(errors="replace")[-2000:]
        _log.error("menus_check_failed", code=ended.returncode, told=told)
        return [_fault("the check itself failed: the worker's log says why")]
    return found


def _fault(why: str) -> CheckFault:
    return {"screen": "menus", "language": "-", "why": why}
