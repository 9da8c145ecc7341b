"""The file under DATA_DIR to which the programs of `flask serve` write what they do."""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from pathlib import Path
from typing import BinaryIO

_MOST_BYTES = 10_000_000
_LOOK_SECONDS = 5
_SHOWN_LINES = 12


class RunLog:
    """A log that several programs append to, with one older file of the same size beside it.

    `descriptor` is what a program is given as its output.
    """

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "logs" / "run.log"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Nobody else reads it: a trace may show what a caller typed.
        self.descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._looked = 0.0
        self.keep_small()

    def keep_small(self) -> None:
        """Moves what is over ten megabytes into `run.log.1`, now and then.

        The programs keep the file open, so it is copied and emptied; lines written in that
        moment are lost.
        """
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        if self.path.exists() and self.path.stat().st_size > _MOST_BYTES:
            older = self.path.with_name("run.log.1")
            shutil.copyfile(self.path, older)
            older.chmod(0o600)
            os.truncate(self.path, 0)

    def read_last_lines(self) -> list[str]:
        """Returns the last lines, for whoever has to see why a program ended."""
        with self.path.open("rb") as file:
            _skip_to_end(file)
            lines = deque(file, _SHOWN_LINES)
        return [line.decode(errors="replace").rstrip("\n") for line in lines]


def _skip_to_end(file: BinaryIO) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 100_000))
