"""Starts and kills the service's own processes, as an operator does."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from app.cli.serve import WEB_COMMAND
from app.runtime import Runtime
from app.settings import ROOT


class Process:
    """A command of ours in a session of its own, which is killed with all its children."""

    def __init__(
        self, command: tuple[str, ...], environment: Mapping[str, str], folder: Path = ROOT
    ) -> None:
        self._folder = folder
        self._command = (str(Path(sys.executable).parent / command[0]), *command[1:])
        self._environment = os.environ | environment | {"LOG_LEVEL": "error"}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._running = subprocess.Popen(
            self._command,
            env=self._environment,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal, SIGKILL by default, to the command and all that it started."""
        assert self._running
        with suppress(ProcessLookupError):
            os.killpg(self._running.pid, number)
        self._running.wait(20)

    @property
    def running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def wait(self) -> int:
        """Waits for the end and returns the exit code, which is negative after a signal."""
        assert self._running
        return self._running.wait(120)

    def end(self) -> None:
        """Asks the command to end, as an operator does, and kills what is left."""
        if self._running and self._running.poll() is None:
            self._running.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._running.wait(15)
        if self._running:
            self.kill()


def web(port: int, environment: Mapping[str, str], *options: str, folder: Path = ROOT) -> Process:
    """Returns a web server with the options that `make run` gives it in that folder, and others."""
    command = WEB_COMMAND if folder == ROOT else _ask_for_command(folder)
    return Process((*command, f"--port={port}", *options), environment, folder)


def _ask_for_command(folder: Path) -> tuple[str, ...]:
    """Returns the command by which another version serves; up to one it named no application."""
    ask = "from app.cli.serve import WEB_COMMAND; print(*WEB_COMMAND)"
    asked = [sys.executable, "-c", ask]
    told = subprocess.run(asked, cwd=folder, check=True, capture_output=True, text=True).stdout
    words = told.split()
    return tuple(words if "--factory" in words else [*words, "wsgi:app"])


def read_documented_command() -> tuple[str, ...]:
    """Returns the command of a web process that docs/operations.md gives."""
    written = (ROOT / "docs/operations.md").read_text("utf-8")
    found = re.search(r"(?m)^    (granian (.*\\\n)+.*)$", written)
    assert found
    return tuple(shlex.split(found[1].replace("\\\n", " ")))


def worker(environment: Mapping[str, str], folder: Path = ROOT) -> Process:
    return Process(("flask", "worker"), environment, folder)


@contextmanager
def served(runtime: Runtime, port: int) -> Iterator[str]:
    """Runs the web server and one worker on the runtime's engines; yields the base address."""
    settings, base = runtime.settings, f"http://127.0.0.1:{port}"
    environment = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    processes = [web(port, environment), worker(environment)]
    try:
        for process in processes:
            process.start()
        await_ready(base, 120)
        yield base
    finally:
        for process in processes:
            process.end()


def await_ready(base: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(requests.RequestException):
            if requests.get(f"{base}/readyz", timeout=2).status_code == 200:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{base} is not ready after {seconds} s")
        time.sleep(0.05)
