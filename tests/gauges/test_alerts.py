"""Alerts, their pages and dashboards: each fires when it should, and asks for what is measured."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest
import yaml

from app.cli.metrics import list_metrics
from app.settings import ROOT

PROMETHEUS, RUNBOOKS = ROOT / "deploy/prometheus", ROOT / "docs/runbooks"
BOARDS = sorted((ROOT / "deploy/grafana").glob("*.json"))
TESTS = ("tests.yml", "tests_of_days.yml")
# What a client library or Prometheus itself measures.
GIVEN = {"up", "process_resident_memory_bytes"}
NAME = re.compile(r"\b(maalem(?::\w+:\w+|_\w+)|up|process_\w+)\b(?=[\s{\[)']|$)")


def promtool(*arguments: str) -> str:
    found = shutil.which("promtool")
    if not found and not os.environ.get("CI"):
        pytest.skip("no promtool: install the package prometheus")
    told = subprocess.run(
        [found or "promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def test_rules_are_sound_and_each_alert_fires_and_stays_quiet() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yml")
    promtool("check", "rules", "levels.yml", "alerts.yml")
    told = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text("utf-8"))
    spoken_of = set(re.findall(r'alertname=~?"([^"]+)"', str(told["inhibit_rules"])))
    assert {name for each in spoken_of for name in each.split("|")} <= set(alerts())
    promtool("test", "rules", *TESTS)
    files = [yaml.safe_load((PROMETHEUS / name).read_text("utf-8")) for name in TESTS]
    tried = [test for file in files for test in file["tests"]]
    cases = [case for test in tried for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == set(alerts())


def test_each_alert_has_its_page_and_each_page_its_alert() -> None:
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == set(alerts())
    index = (RUNBOOKS / "README.md").read_text("utf-8")
    for name in pages:
        page = (RUNBOOKS / f"{name}.md").read_text("utf-8")
        assert re.findall(r"(?m)^#+ (.+)$", page) == [name, "Look", "Do", "Tried"], name
        assert f"]({name}.md)" in index


def test_rules_dashboards_and_pages_ask_for_what_is_measured() -> None:
    known = set(metric_names())
    for where, told in expressions():
        asked = set(NAME.findall(told))
        assert asked, f"{where} asks for nothing: {told}"
        assert asked <= known, f"{where}: {sorted(asked - known)}"


def test_dashboards_show_each_question() -> None:
    boards = [json.loads(path.read_text("utf-8")) for path in BOARDS]
    assert {board["uid"] for board in boards} == {
        f"maalem-{name}" for name in ("phones", "money", "messages", "engines")
    }


def alerts() -> list[str]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["labels"]["severity"] for rule in rules} == {"page", "ticket"}
    return [rule["alert"] for rule in rules]


def metric_names() -> Iterator[str]:
    yield from GIVEN
    for metric in list_metrics():
        ends = ("_bucket", "_count", "_sum") if metric.kind == "histogram" else ("",)
        yield from (metric.name + end for end in ends)
    for group in yaml.safe_load((PROMETHEUS / "levels.yml").read_text("utf-8"))["groups"]:
        yield from (rule["record"] for rule in group["rules"])


def expressions() -> Iterator[tuple[str, str]]:
    """Yields each expression of a rule, a panel and a runbook, with where it stands."""
    for name in ("levels.yml", "alerts.yml"):
        for group in yaml.safe_load((PROMETHEUS / name).read_text("utf-8"))["groups"]:
            yield from ((f"{name} {group['name']}", rule["expr"]) for rule in group["rules"])
    for path in BOARDS:
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            yield from ((f"{path.name} {panel['title']}", t["expr"]) for t in panel["targets"])
    for path in RUNBOOKS.glob("*.md"):
        for told in re.findall(r"`([^`]*\bmaalem_[^`]*)`", path.read_text("utf-8")):
            yield path.name, told
