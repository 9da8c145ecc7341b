"""Each command that a document names is there, with its options; what can be run here is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask

from app.agents.agency_file import SAMPLE_AGENCIES
from app.audit.sealing import Sealer
from app.base.operation import operation
from app.runtime import Runtime
from app.settings import ROOT
from tests.conftest import AGENT
from tests.payments.conftest import PaymentFixture, books, payments  # noqa: F401 - fixtures here too

_NAMES = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = (*(ROOT / name for name in _NAMES), *sorted((ROOT / "docs").rglob("*.md")))
_SPAN = re.compile(r"(?<!`)`((?:\.venv/bin/)?(?:flask|maalem|make|systemctl)\s[^`]+)`")
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_PLACEHOLDER = re.compile(r"[A-Z][A-Z-]+|\.\.\.|\d+|-.*")
FATIMA, HASSAN = "+212600000001", "+212600000002"
RNA = "100001"
# Commands in an order in which they can be run on one service, with what each shows. {receipt},
# {code} and {paid} are of deposits made before, {folder} is empty at first.
STORY = (
    ("db upgrade", ""),
    ("settings --json", "TRACES_URL"),
    ("metrics --json", "maalem_ussd_hops_total"),
    ("menus check --json", "[]"),
    ("menus graph --page", "```mermaid"),
    ("menus graph look_at_dues", "flowchart"),
    ("menus inputs --json", "a code for all I owe"),
    ("menus show amo", "amo"),
    ("menus sheet fr", "<html"),
    ("menus diff menus menus --json", "[]"),
    ("menus annotate --check", ""),
    ("sms count 'Prix 5€'", '"segments": 1'),
    (
        "contributions quote --category A --from 2026-11 --to 2026-11 --on 2026-11-23 --json",
        "total",
    ),
    (f"dial '*384*2*1#' --phone {HASSAN}", "DH"),
    ("talks list --json", "["),
    ("people find --rna 100001 --json", "Fatima"),
    ("people export {person} --to {folder}/person.json", ""),
    ("ledger verify --json", '"broken": {}'),
    ("ledger trial-balance --json", "agent_network_receivable"),
    (
        "ledger statement --account contributions_payable --from 2026-11-01 --to 2026-11-30",
        "-163.52",
    ),
    ("ledger code {code} --json", "paid"),
    ("breaks list --json", "["),
    ("breaks close-repeated", ""),
    ("breaks ask-reversal {receipt} --reason mistake", ""),
    ("reversals list --json", "["),
    ("networks add barid --shown 'Barid Cash' --format wafacash", "barid"),
    ("networks files wafacash --json", "["),
    ("networks match wafacash {folder}/day.csv --json", '"matched"'),
    ("wafacash match {folder}/day.csv --json", '"known"'),
    ("clients create agence-2 --bills-a-day 10", "X-API-Key"),
    ("clients list --json", "agence-2"),
    ("clients change agence-2 --bills-a-day 20", ""),
    ("clients other-amounts wafacash yes", ""),
    ("clients revoke agence-2", ""),
    (f"agents import-agencies {SAMPLE_AGENCIES}", ""),
    ("agents agency W-RABAT-09 --name 'Wafacash Hassan' --town rabat", ""),
    ("agents add 1009 --agency W-RABAT-01", "1009"),
    ("agents list --json", "1009"),
    (f"agents sessions {AGENT} --json", "["),
    (f"agents unlock {AGENT}", ""),
    ("agents dismiss 1009", ""),
    ("claims record R-9 --rna 100001 --state ready --amount 120", ""),
    ("assistance list --json", "["),
    ("reminders status --json", ""),
    ("reminders send --dry-run --json", ""),
    ("reminders report --json", ""),
    ("sms report --from 2026-11-01 --to 2026-11-30 --json", ""),
    ("funnel --json", "screens"),
    ("cnss export --on 2026-11-23 --to {folder}", ""),
    ("figures publish --month 2026-10 --json", ""),
    ("office add rachida --role analyst", "rachida"),
    ("office change rachida --role auditor", ""),
    ("office remove-factors rachida", ""),
    ("office reset rachida", ""),
    ("office list --json", "rachida"),
    ("registry sample --rows 3 --seed 1", "rna_number"),
    ("registry imports --json", "["),
    ("registry import {folder}/people.csv --dry-run --json", '"read"'),
    ("keys status --json", "{"),
    ("keys rotate", ""),
    ("audit stream", '"link"'),
    ("audit check {folder}/audit.jsonl --json", ""),
)
# Commands of the documents that are run by a test of their own, each with the test.
ELSEWHERE = {
    "backup check": "tests/backup/test_rehearsal.py",
    "backup follow": "tests/backup/conftest.py",
    "backup list": "tests/backup/test_store.py",
    "backup reconcile": "tests/backup/test_restore.py",
    "backup rehearse": "tests/backup/test_rehearsal.py",
    "backup restore": "tests/backup/test_restore.py",
    "breaks approve": "tests/reconciliation/test_two_approvers.py",
    "breaks write-code": "tests/backup/test_restore.py",
    "cnss import": "tests/reconciliation/test_cnss.py",
    "db downgrade": "tests/db/test_migrations.py",
    "db rehearse": "tests/backup/test_rehearsal.py",
    "doctor": "tests/cli/test_doctor.py",
    "exporter": "tests/gauges/test_exporter.py",
    "menus approve": "tests/publishing/test_menu_versions.py",
    "menus back": "tests/publishing/test_menu_versions.py",
    "menus publish": "tests/publishing/test_menu_versions.py",
    "menus versions": "tests/publishing/test_menu_versions.py",
    "networks approve-withdrawal": "tests/reconciliation/test_two_approvers.py",
    "networks withdraw": "tests/reconciliation/test_told_again.py",
    "notices approve": "tests/reminders/test_broadcasts.py",
    "notices broadcast": "tests/audit/test_commands.py",
    "notices publish": "tests/notices/test_notices.py",
    "office password": "tests/office/test_who_acts.py",
    "office tie-identity": "tests/web/office/test_provider.py",
    "people forget": "tests/people/test_personal_data.py",
    "registry undo": "tests/enrolment/test_registry_undo.py",
    "reminders pause": "tests/reminders/test_budgets.py",
    "reminders resume": "tests/reminders/test_budgets.py",
    "sms fake-provider": "tests/sms/test_loopback.py",
    "talks record": "tests/observe/test_hops.py",
    "worker": "tests/jobs/test_worker.py",
}
# Blocks for a shell: the test that runs them, or why they are not run.
BLOCKS = {
    "README.md": "tests/test_setup.py",
    "CONTRIBUTING.md": "tests/test_setup.py",
    "docs/api.md": "tests/mobile_money/test_api_page.py",
    "docs/gateways.md": "tests/sms/test_loopback.py",
    # Root, and machines of their own.
    "docs/install.md": ".ci/first-installation",
    "docs/install-containers.md": "tests/deploy/test_composed.py",
    "docs/install-kubernetes.md": "tests/deploy/test_kubernetes.py",
    "docs/install-three.md": ".ci/three-machines",
}


def list_spans() -> Iterator[tuple[str, str]]:
    """Yields page and command of every one in a line or a block, without line breaks."""
    for page in PAGES:
        text, name = page.read_text("utf-8"), str(page.relative_to(ROOT))
        for block in _BLOCK.findall(text):
            for line in block.replace("\\\n", " ").splitlines():
                if re.match(r"(\.venv/bin/)?(flask|maalem|make|systemctl)\s", line):
                    yield name, line.partition(" #")[0].strip()
        for span in _SPAN.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            yield name, " ".join(span.split())


def find_command(root: click.Group, words: list[str]) -> tuple[click.Command, str, list[str]]:
    """Returns the command that the first words name, its name, and the other words."""
    node: click.Command = root
    path: list[str] = []
    while words and isinstance(node, click.Group) and not _PLACEHOLDER.fullmatch(words[0]):
        found = node.get_command(click.Context(node), words[0])
        assert found, f"no {words[0]} in {' '.join(path) or 'flask'}"
        node = found
        path.append(words[0])
        words = words[1:]
    return node, " ".join(path), words


def list_options(command: click.Command) -> set[str]:
    return {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}


def split(line: str) -> list[str]:
    """Returns the words of a documented command, with those that may be left out."""
    plain = re.sub(r"[\[\]]", " ", line).partition(" > ")[0].partition(" < ")[0]
    return shlex.split(re.split(";|&&", plain)[0])


def test_every_command_that_a_document_names_is_there_with_its_options(app: Flask) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    units = {
        path.name.partition("@")[0].partition(".")[0]
        for path in (ROOT / "deploy/systemd").iterdir()
    }
    spans = set(list_spans())
    assert len(spans) > 200
    for page, span in sorted(spans):
        program, *words = split(span.removeprefix(".venv/bin/"))
        where = f"{page}: {span}"
        if program == "make":
            assert {w for w in words if w.isalpha() and w.islower()} <= targets, where
        elif program == "systemctl":
            named = {
                word.partition("@")[0].partition(".")[0]
                for word in words
                if word.startswith("maalem")
            }
            assert named <= units, where
        elif words != ["run"]:  # Flask's own, which production refuses
            command, _, rest = find_command(app.cli, words)
            if command.context_settings.get("ignore_unknown_options"):  # it reads them itself
                continue
            given = {o for word in rest for o in word.split("/") if o.startswith("--")}
            assert given <= list_options(command), where


def test_every_command_of_the_documents_is_run_here_or_by_a_test_that_is_named(app: Flask) -> None:
    named = set()
    for _, span in list_spans():
        program, *words = split(span.removeprefix(".venv/bin/"))
        if program in {"flask", "maalem"} and words != ["run"]:
            command, path, _ = find_command(app.cli, words)
            if path and not isinstance(command, click.Group):
                named.add(path)
    story = {find_command(app.cli, shlex.split(line))[1] for line, _ in STORY}
    assert not story & set(ELSEWHERE)
    assert named - story - set(ELSEWHERE) == set()
    for path, test in ELSEWHERE.items():
        text = (ROOT / test).read_text("utf-8")
        assert all(word in text for word in path.split()), f"{test} runs no {path}"


def test_every_block_for_a_shell_is_run_by_a_test_that_is_named() -> None:
    blocks = {str(p.relative_to(ROOT)) for p in PAGES if _BLOCK.search(p.read_text("utf-8"))}
    in_story = {"docs/messages.md"}  # its lines are commands of the story
    assert blocks - in_story == set(BLOCKS)
    assert all((ROOT / test).is_file() for test in BLOCKS.values())


@pytest.fixture
def named(
    runtime: Runtime,
    sample_people: None,
    payments: PaymentFixture,  # noqa: F811
    tmp_path: Path,
) -> dict[str, object]:
    """A service on which somebody has paid, and the files that commands are given."""
    issued = payments.issue(FATIMA)
    code = str(issued.code)
    receipt = payments.redeem(code)
    header = "transaction_reference,code,amount,currency,paid_at,agent_id,terminal_id,status"
    line = f"{receipt},{code},163.52,MAD,2026-11-23T11:00:00+01:00,{AGENT},T-07,paid"
    (tmp_path / "day.csv").write_text(f"{header}\n{line}\n", "utf-8")
    person = payments.artisan_id(FATIMA)
    return {"code": code, "receipt": receipt, "person": person, "folder": tmp_path}


def test_commands_of_the_documents_run_in_order_on_one_service(
    app: Flask, runtime: Runtime, named: dict[str, object]
) -> None:
    runner, said = app.test_cli_runner(), {}
    wrong = []
    folder = Path(str(named["folder"]))
    for line, shown in STORY:
        if line.startswith("registry import "):
            (folder / "people.csv").write_text(said["registry sample"], "utf-8")
        if line == "audit stream":
            with operation(runtime.database, runtime.clock(), "worker") as change:
                Sealer().seal(change)
        if line.startswith("audit check"):
            (folder / "audit.jsonl").write_text(said["audit stream"], "utf-8")
        words = shlex.split(re.sub(r"\{(\w+)\}", lambda found: str(named[found[1]]), line))
        result = runner.invoke(args=words)
        said[" ".join(words[:2])] = result.stdout
        if result.exit_code or shown not in result.output:
            wrong.append(f"flask {line}: {result.exit_code} {result.output[:600]}")
    assert not wrong, "\n".join(wrong)
