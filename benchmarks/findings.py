"""The findings of a measurement, their budgets, and how both are written down."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

_BEGIN, _END = "<!-- measured -->\n", "<!-- end -->\n"
RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Finding:
    """A figure of several runs; without a bound it is shown and not judged.

    `budget` is its number in the list of budgets; `details` are medians worth keeping beside it;
    `not_judged` says what this machine lacks to judge it.
    """

    budget: str
    what: str
    unit: str
    values: list[float]
    at_least: float | None = None
    at_most: float | None = None
    details: dict[str, float] = field(default_factory=dict)
    not_judged: str = ""

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def holds(self) -> str:
        if self.not_judged or (self.at_least is None and self.at_most is None):
            return self.not_judged or "-"
        enough = self.at_least is None or self.median >= self.at_least
        return "yes" if enough and (self.at_most is None or self.median <= self.at_most) else "NO"

    @property
    def bound(self) -> str:
        if self.at_least is not None:
            return f">= {_figure(self.at_least)}"
        return "-" if self.at_most is None else f"<= {_figure(self.at_most)}"

    @property
    def cells(self) -> tuple[str, ...]:
        """Number, what, budget, median with unit, spread, runs, whether it holds."""
        spread = f"{_figure(min(self.values))} - {_figure(max(self.values))}"
        measured = f"{_figure(self.median)} {self.unit}".strip()
        runs = str(len(self.values))
        return self.budget, self.what, self.bound, measured, spread, runs, self.holds

    def __str__(self) -> str:
        number, what, bound, measured, spread, runs, holds = self.cells
        details = "".join(f"; {name} {_figure(many)}" for name, many in self.details.items())
        return (
            f"{number:4} {what}: {measured}, budget {bound}, {holds}; "
            f"spread {spread}, runs {runs}{details}"
        )


def write_result(name: str, findings: Iterable[Finding]) -> None:
    """Writes every value of every run to `results/NAME.json`, for comparison."""
    RESULTS.mkdir(exist_ok=True)
    rows = [asdict(found) | {"median": found.median, "holds": found.holds} for found in findings]
    content = {"machine": machine(), "findings": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def machine() -> str:
    """Returns cores and versions, without which a figure means little."""
    of = {name: version(name) for name in ("Flask", "granian", "gunicorn", "redis", "SQLAlchemy")}
    packages = ", ".join(f"{name} {number}" for name, number in of.items())
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {packages}, psycopg {version('psycopg')}"
    )


def table(findings: Iterable[Finding]) -> str:
    """Returns the findings as a table of Markdown."""
    head = ("", "What", "Budget", "Measured", "Spread", "Runs", "Holds")
    rows = [head, ("---",) * len(head), *(found.cells for found in findings)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def replace_measured(page: Path, measured: str) -> None:
    """Replaces what stands on the page between the marks; the words around it stay."""
    before, rest = page.read_text("utf-8").split(_BEGIN)
    after = rest.split(_END)[1]
    page.write_text(f"{before}{_BEGIN}{measured}{_END}{after}", "utf-8")


def _figure(number: float) -> str:
    """Returns three significant digits; thousands stay whole."""
    if number == int(number) or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"
