"""Child processes that never outlive their parent, not even when it is killed."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from app.cli.run_log import RunLog

Child = subprocess.Popen[bytes]

_STOP_SECONDS = 3.5
_PARENT = os.getppid()

# Reads the numbers of our process groups from a pipe. The pipe closes when we end, and the watcher
# then ends the groups that are left. A pipe works on every system; a signal for it only on Linux.
_WATCHER = """\
import os, signal, sys, time
left = set()
for line in sys.stdin:
    (left.add if line[0] == "+" else left.discard)(int(line[1:]))
for number in (signal.SIGTERM, signal.SIGKILL):
    for group in left:
        try:
            os.killpg(group, number)
        except OSError:
            pass
    if left and number == signal.SIGTERM:
        time.sleep(2)
"""


def parent_has_ended() -> bool:
    """True once the process that started us has ended, even if it was killed."""
    return os.getppid() != _PARENT


def parent_was_interrupted() -> bool:
    """True if the `make` that started us got a SIGINT or SIGHUP that did not reach us.

    GNU make passes SIGTERM on. After a SIGINT or SIGHUP sent to it alone it waits for us, and only
    its signal mask in /proc shows that. A Ctrl-C reaches us too.
    """
    parent = Path(f"/proc/{os.getppid()}")
    try:
        if (parent / "comm").read_text().strip() not in ("make", "gmake"):
            return False
        status = dict(line.split(":", 1) for line in (parent / "status").read_text().splitlines())
    except OSError:
        return False
    in_its_handler = int(status["SigBlk"], 16)
    return any(in_its_handler >> (number - 1) & 1 for number in (signal.SIGINT, signal.SIGHUP))


class Children:
    """Runs programs, each in a session of its own, so that only the parent answers a Ctrl-C."""

    def __init__(self, environment: dict[str, str], folder: Path, log: RunLog) -> None:
        self.log = log
        self._environment = {**os.environ, **environment}
        self._folder = folder
        self._started: list[Child] = []

    def __enter__(self) -> Self:
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def start(self, *command: str, heard: bool = False) -> Child:
        """Runs `python -m COMMAND`, which writes to the log; `heard` shows its standard output."""
        for child in [child for child in self._started if child.poll() is not None]:
            self._end_session(child)
        child = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=None if heard else self.log.descriptor,
            stderr=self.log.descriptor,
            start_new_session=True,
            # The child itself tells the watcher before it runs, even if we are killed right now.
            preexec_fn=lambda: self._tell_watcher("+", os.getpid()),
        )
        self._started.append(child)
        return child

    def _tell_watcher(self, sign: str, group: int) -> None:
        assert self._watcher.stdin
        with suppress(BrokenPipeError):  # somebody killed the watcher
            os.write(self._watcher.stdin.fileno(), f"{sign}{group}\n".encode())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Asks all children to end, and kills those that still run after 3.5 s."""
        for child in self._started:
            child.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self._started:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
        for child in list(self._started):
            self._end_session(child)
        self._watcher.communicate()

    def _end_session(self, child: Child) -> None:
        """Kills the child's whole session: a killed web server leaves its own workers behind."""
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self._started.remove(child)
        self._tell_watcher("-", child.pid)
