"""`python -m benchmarks [--quick] [NAME ...]`: measures, tells, and writes the table."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from app.settings import ROOT
from benchmarks import (
    counts,
    deposits,
    hops,
    messages,
    register,
    reminders,
    settlement,
    starting,
)
from benchmarks.findings import Finding, machine, table, write_result
from benchmarks.stage import stage

MEASUREMENTS = {
    "register": register.measure,
    "starting": starting.measure,
    "counts": counts.measure,
    "hops": hops.measure,
    "deposits": deposits.measure,
    "messages": messages.measure,
    # It makes the whole register owe.
    "reminders": reminders.measure,
    # Last: the deposits it writes settle no month, which no other could make sense of.
    "settlement": settlement.measure,
}
_PAGE = ROOT / "docs" / "performance.md"
_BEGIN, _END = "<!-- measured -->\n", "<!-- end -->\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, about a minute")
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(MEASUREMENTS))
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(MEASUREMENTS):
        parser.error(f"no measurement called {', '.join(sorted(unknown))}")
    names = [name for name in MEASUREMENTS if not asked.names or name in asked.names]
    began = time.monotonic()
    found: list[Finding] = []
    with stage(quick=asked.quick) as ours:
        for name in names:
            findings = MEASUREMENTS[name](ours)
            write_result(name, findings)
            for finding in findings:
                print(finding, flush=True)
            found += findings
    print(f"{machine()}; {time.monotonic() - began:.0f} s")
    if not asked.quick and not asked.names:
        _write_page(_PAGE, f"{machine()}.\n\n{table(found)}")
        print(f"written to {_PAGE.relative_to(ROOT)}")


def _write_page(page: Path, measured: str) -> None:
    """Only a whole measurement replaces the table; the words around it stay."""
    before, rest = page.read_text("utf-8").split(_BEGIN)
    after = rest.split(_END)[1]
    page.write_text(f"{before}{_BEGIN}{measured}{_END}{after}", "utf-8")


if __name__ == "__main__":
    main()
