"""A measurement that stops takes nobody else's figures with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from benchmarks import __main__ as program
from benchmarks import findings
from benchmarks.findings import Finding
from benchmarks.stage import Stage


def test_a_measurement_that_stops_leaves_the_figures_before_it_and_of_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stops(_stage: Stage) -> Iterator[Finding]:
        yield Finding("P1", "before it stopped", "s", [1.0])
        raise RuntimeError("no answer")

    def goes_on(_stage: Stage) -> list[Finding]:
        return [Finding("P2", "after it", "s", [2.0])]

    monkeypatch.setattr(findings, "RESULTS", tmp_path)
    monkeypatch.setattr(program, "MEASUREMENTS", {"hops": stops, "slots": goes_on})
    found, stopped = program.measure_all(cast(Stage, None), ["hops", "slots"])
    assert [one.what for one in found] == ["before it stopped", "after it"]
    assert stopped == ["hops"]
    assert "hops" in program.tell_stopped(stopped)
