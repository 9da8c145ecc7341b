"""Hops with traces and without, in turn: the CPU of each, for two shares of traced calls."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median

import psutil

from app.settings import ROOT
from benchmarks.findings import Finding
from benchmarks.hops_inside import WARM, play, run_program
from benchmarks.stage import Stage

_SHARES = {"0.01": "one call of a hundred traced", "1": "every call traced"}
_WHAT = "CPU of a dialogue's hops, {} against none"


def measure(stage: Stage) -> list[Finding]:
    """Returns the ratios of a dialogue's CPU, of the thread that answers and of the process."""
    dialogues = 100 if stage.quick else 1000
    with ExitStack() as stack:
        url = stack.enter_context(_collecting())
        settings = [{}, *({"TRACES_URL": url, "TRACES_SHARE": share} for share in _SHARES)]
        programs = [
            stack.enter_context(run_program(stage, ROOT, settings=more)) for more in settings
        ]
        phones = zip(
            *[iter(stage.phones(len(programs) * (WARM + dialogues)))] * len(programs), strict=True
        )
        spent: list[list[float]] = []
        for number, callers in enumerate(phones):
            if number == WARM:
                before = [_count_seconds(program.pid) for program in programs]
            spent.append([sum(play(p, phone)) for p, phone in zip(programs, callers, strict=True)])
        whole = [_count_seconds(program.pid) for program in programs]
    used = [after - earlier for after, earlier in zip(whole, before, strict=True)]
    findings = []
    for place, named in enumerate(_SHARES.values(), 1):
        ratios = [each[place] / each[0] for each in spent[WARM:]]
        process = {"with the thread that sends": used[place] / used[0]}
        findings.append(Finding("", _WHAT.format(named), "x", [median(ratios)], details=process))
    return findings


def _count_seconds(process: int) -> float:
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


@contextmanager
def _collecting() -> Iterator[str]:
    """Runs a collector that reads what it is sent, and yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    finally:
        server.shutdown()
        server.server_close()
