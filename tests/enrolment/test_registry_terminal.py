"""The question about many new people, asked and answered on a real terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.runtime import Runtime
from app.settings import ROOT
from tests.enrolment.registry_lines import load_lines, numbered, stored, write

# `flask registry import FILE`, in a register that counts as large.
IMPORT = """
import sys
from app.enrolment import registry
from app import create_app

registry.ASKS_FROM = 20
app = create_app()
app.cli.main(["registry", "import", *sys.argv[1:]], obj=None)
"""
WAIT_SECONDS = 60


def import_at_terminal(runtime: Runtime, file: Path, answer: bytes) -> tuple[int, str]:
    """Gives the command on a terminal and answers its question. Returns code and what it showed."""
    environment = os.environ | {
        "DATABASE_URL": runtime.settings.database_url,
        "REDIS_URL": runtime.settings.redis_url,
        "FLASK_APP": "wsgi.py",
    }
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(file)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown, answered, until = b"", False, time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            shown += piece
            if not piece:
                break
            if not answered and b"Create them all?" in shown:
                os.write(ours, answer)
                answered = True
        code = process.wait(WAIT_SECONDS)
    os.close(ours)
    return code, shown.decode(errors="replace")


@pytest.mark.parametrize(
    ("answer", "code", "people"), [(b"y\n", 0, 22), (b"n\n", 1, 20), (b"\x04", 1, 20)]
)
def test_a_terminal_is_asked_about_many_new_people(
    runtime: Runtime, engine: Engine, tmp_path: Path, answer: bytes, code: int, people: int
) -> None:
    file = tmp_path / "rna.csv"
    load_lines(engine, file, *(numbered(index) for index in range(20)))
    write(file, [numbered(index) for index in range(100, 102)])
    ended, shown = import_at_terminal(runtime, file, answer)
    assert "2 new people in a register of 20" in shown
    assert (ended, len(stored(engine, "id"))) == (code, people), shown
    assert "Traceback" not in shown
