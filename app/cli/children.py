"""Child processes that never outlive us, not even when we are killed."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

Child = subprocess.Popen[bytes]

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 3.5
_libc = ctypes.CDLL(None)


def end_with_parent() -> None:
    """Linux: we get SIGTERM when our parent ends, however it ends. Elsewhere nothing."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def parent_was_interrupted() -> bool:
    """Whether the `make` that started us was told to end, and we were not.

    GNU make passes SIGTERM on, but of a SIGINT or SIGHUP sent to it alone it says nothing and
    waits for us; only its signal mask shows it (Linux).
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
    """Our programs, each in a session of its own, so that a Ctrl-C is ours alone to answer."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = {**os.environ, **environment}
        self._folder = folder
        self._started: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def start(self, *command: str) -> Child:
        """Runs `python -m COMMAND` with our output for its own."""
        for ended in [child for child in self._started if child.poll() is not None]:
            self._bury(ended)
        us = os.getpid()

        def end_with_us() -> None:
            end_with_parent()
            if os.getppid() != us:
                os._exit(1)

        child = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_us,
        )
        self._started.append(child)
        return child

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Asks all to end, and kills what has not after a few seconds."""
        for child in self._started:
            child.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self._started:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
        for child in list(self._started):
            self._bury(child)

    def _bury(self, child: Child) -> None:
        """Kills what is left of its session: a killed web server leaves its own workers behind."""
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self._started.remove(child)
