"""The web processes under measurement: the service as `make run` starts it, and the floor."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.cli.serve import WEB_COMMAND
from app.settings import ROOT

GRANIAN = ("granian", "--interface=wsgi", "--http=1", "--no-ws", "--runtime-mode=st")
_GUNICORN = ("gunicorn", "--worker-class=gthread", "--threads=8", "--workers=1", "--keep-alive=60")
# A machine that is busy with all of the tests takes its time.
_READY_SECONDS = 90


@dataclass
class Server:
    """A server's address and its processes."""

    port: int
    process: subprocess.Popen[bytes]
    hops: int = 0  # answered so far

    @property
    def _processes(self) -> list[psutil.Process]:
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time of all its processes since they began."""
        return sum(times.user + times.system for times in (p.cpu_times() for p in self._processes))

    def memory_mb(self) -> float:
        """Resident memory of its biggest process: the one that answers."""
        return max(p.memory_info().rss for p in self._processes) / 1e6


@contextmanager
def service(
    folder: Path,
    environment: Mapping[str, str],
    workers: int = 1,
    first: str = "/healthz",
    port: int = 0,
    application: str = WEB_COMMAND[-1],
) -> Iterator[Server]:
    """The service under granian, its log lines in a file as an operator would keep them.

    It is there once it has answered `first`.
    """
    port = port or free_port()
    command = (*WEB_COMMAND[:-1], application, f"--workers={workers}", f"--port={port}")
    with _run_server(command, folder / "service.log", environment, port, first) as server:
        yield server


@contextmanager
def floor(
    folder: Path, environment: Mapping[str, str], command: tuple[str, ...] = ()
) -> Iterator[Server]:
    """The bare handler, under gunicorn with threads unless `command` says otherwise."""
    port = free_port()
    usual = (*_GUNICORN, f"--bind=127.0.0.1:{port}", "benchmarks.floor:app")
    chosen = (*command, f"--port={port}", "benchmarks.floor:app") if command else usual
    with _run_server(chosen, folder / "floor.log", environment, port, "/") as server:
        yield server


@contextmanager
def _run_server(
    command: tuple[str, ...], log: Path, environment: Mapping[str, str], port: int, path: str
) -> Iterator[Server]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=output,
            stderr=output,
        )
    try:
        await_answer(process, f"http://127.0.0.1:{port}{path}")
        yield Server(port, process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_answer(process: subprocess.Popen[bytes], address: str) -> None:
    """Returns at the server's first answer of any status."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with exit code {process.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.HTTPError as answer:
            if answer.code < 500:
                return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"no answer after {_READY_SECONDS} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
