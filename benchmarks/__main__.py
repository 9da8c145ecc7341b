"""Measures, prints, and writes the table: `python -m benchmarks [--quick] [NAME ...]`."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from app.settings import ROOT
from benchmarks import (
    counts,
    deposits,
    growth,
    hops,
    hops_inside,
    messages,
    register,
    reminders,
    restoring,
    settlement,
    slots,
    starting,
    traces,
    worst_minute,
)
from benchmarks.findings import Finding, machine, replace_measured, table, write_result
from benchmarks.stage import Stage, stage

MEASUREMENTS: dict[str, Callable[[Stage], Iterable[Finding]]] = {
    "register": register.measure,
    "starting": starting.measure,
    "counts": counts.measure,
    "hops_inside": hops_inside.measure,
    "traces": traces.measure,
    "hops": hops.measure,
    "slots": slots.measure,
    "deposits": deposits.measure,
    "messages": messages.measure,
    # It makes the whole register owe.
    "reminders": reminders.measure,
    # Last: the deposits it writes settle no month, which no other could make sense of.
    "settlement": settlement.measure,
    "growth": growth.measure,
    "restoring": restoring.measure,
    "worst_minute": worst_minute.measure,
}
# These run where they are named: they have no budget, or take long on a database of their own.
_BY_NAME = {"hops_inside", "traces", "slots", "growth", "restoring", "worst_minute"}
_PAGE = ROOT / "docs" / "performance.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, about a minute")
    parser.add_argument(
        "--beside", type=Path, metavar="CHECKOUT", help="hops_inside measures it too, in turn"
    )
    parser.add_argument(
        "--python", metavar="PROGRAM", help="the Python of what --beside names (that of its .venv)"
    )
    parser.add_argument(
        "--profile", type=int, metavar="HOP", help="where a hop (0 to 4) spends its time; no table"
    )
    parser.add_argument(
        "--months",
        type=int,
        default=12,
        metavar="N",
        help="months behind growth, restoring",
    )
    parser.add_argument(
        "--artisans",
        type=int,
        metavar="N",
        help="how large the register is (as 4000000 for growth)",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(MEASUREMENTS))
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(MEASUREMENTS):
        parser.error(f"no measurement called {', '.join(sorted(unknown))}")
    asked = arguments.names or MEASUREMENTS.keys() - _BY_NAME
    names = [name for name in MEASUREMENTS if name in asked]
    if arguments.profile is not None:
        with stage(True) as profiled_stage:
            print(hops_inside.profile(profiled_stage, arguments.profile))
        return
    began = time.monotonic()
    beside = arguments.beside, arguments.python or sys.executable
    with stage(arguments.quick, *beside) as measured_stage:
        measured_stage.months, measured_stage.artisans = arguments.months, arguments.artisans
        found, stopped = measure_all(measured_stage, names)
    print(f"{machine()}; {time.monotonic() - began:.0f} s")
    if not arguments.quick and not arguments.names:
        replace_measured(_PAGE, f"{machine()}.\n\n{table(found)}{tell_stopped(stopped)}")
        print(f"written to {_PAGE.relative_to(ROOT)}")
    if stopped:
        sys.exit(f"stopped: {', '.join(stopped)}")


def measure_all(measured_stage: Stage, names: Iterable[str]) -> tuple[list[Finding], list[str]]:
    """Prints each finding as it comes; returns all, and the names of those that stopped."""
    found: list[Finding] = []
    stopped = []
    for name in names:
        began, own = time.monotonic(), []
        try:
            for finding in MEASUREMENTS[name](measured_stage):
                print(finding, flush=True)
                own.append(finding)
        except Exception:  # half an hour of others' figures is not lost with it
            traceback.print_exc()
            stopped.append(name)
        print(f"     {name}: {time.monotonic() - began:.0f} s", flush=True)
        write_result(name, own)
        found += own
    return found, stopped


def tell_stopped(stopped: list[str]) -> str:
    """Returns the sentence below the table that names those that stopped; none if none did."""
    if not stopped:
        return ""
    return f"\nStopped before the end, so that figures are missing: {', '.join(stopped)}.\n"


if __name__ == "__main__":
    main()
