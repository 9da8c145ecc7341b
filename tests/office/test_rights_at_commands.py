"""Commands ask for the rights of the pages, and act on rows of the user's own scope alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text

from app.cli import acting
from app.office.rights import RIGHTS, Right
from app.office.samples import SAMPLE_USERS
from app.office.sign_in import OfficeUser
from app.runtime import Runtime
from tests.audit.test_commands import asks_who, walk
from tests.people_of_office import add_person, secret_of

Run = Callable[..., Result]
_NETWORK, _OPERATOR = {"wafacash"}, {"operator"}
_CNSS, _HELP = {"cnss"}, {"helpdesk"}
_NOTICE = "app/notices/sample_notice.yaml"
# Every command that asks who acts, with words for it, and the roles that may give it.
COMMANDS: Mapping[str, tuple[str, set[str]]] = {
    "agents add": ("1002 --agency W-RABAT-01", _NETWORK),
    "agents agency": ("W-RABAT-77 --name Souk --town Rabat", _NETWORK),
    "agents dismiss": ("1001", _NETWORK),
    "agents import-agencies": ("app/agents/sample_agencies.csv", _NETWORK),
    "agents limit": ("1001 --day-limit 100", _NETWORK),
    "agents sessions": ("1001 --end", _NETWORK),
    "agents unlock": ("1001", _NETWORK),
    "assistance done": ("1000000", {"chamber", "cnss", "helpdesk"}),
    "assistance list": ("", {"chamber", "cnss", "helpdesk", "auditor"}),
    "assistance take": ("1000000", {"chamber", "cnss", "helpdesk"}),
    "breaks approve": ("1", _NETWORK | _CNSS),
    "breaks ask-reversal": ("10000000 --reason x", _NETWORK),
    "breaks close-repeated": ("", _NETWORK),
    "breaks own": ("1", _NETWORK | _CNSS),
    "breaks propose": ("1 suspense --reason x", _NETWORK | _CNSS),
    "breaks write-code": ("1 --rna 100002", _NETWORK | _CNSS),
    "breaks refuse": ("1 --reason x", _NETWORK | _CNSS),
    "claims record": ("R-1 --rna 100002 --state in_review", _CNSS),
    "clients change": ("demo-wafacash --bills-a-day 1", _NETWORK),
    "clients create": ("first-bank", _NETWORK),
    "clients other-amounts": ("wafacash no", _NETWORK),
    "clients revoke": ("demo-wafacash", _NETWORK),
    "clients rotate": ("demo-wafacash", _NETWORK),
    "cnss export": ("", _CNSS),
    "cnss import": (_NOTICE, _CNSS),
    "figures publish": ("--month 2026-10", _OPERATOR),
    "keys rotate": ("", _OPERATOR),
    "menus approve": ("1", _OPERATOR),
    "menus back": ("--reason x", _OPERATOR),
    "menus publish": ("menus", _OPERATOR),
    "menus refuse": ("1 --reason x", _OPERATOR),
    "networks add": ("barid --shown Barid --format wafacash", _OPERATOR),
    "networks approve-withdrawal": ("1", _NETWORK),
    "networks match": (f"wafacash {_NOTICE}", _NETWORK),
    "networks withdraw": ("1 --reason x", _NETWORK),
    "notices approve": ("1", _OPERATOR),
    "notices broadcast": ("avis --all", _OPERATOR),
    "notices cancel": ("avis", _OPERATOR),
    "notices publish": (_NOTICE, _OPERATOR),
    "notices withdraw": ("avis", _OPERATOR),
    "office add": ("amina --role cnss", _OPERATOR),
    "office change": ("amina --role cnss", _OPERATOR),
    "office dismiss": ("amina", _OPERATOR),
    "office remove-factors": ("amina", _OPERATOR),
    "office reset": ("amina", _OPERATOR),
    "office tie-identity": ("amina subject", _OPERATOR),
    "office untie-identity": ("amina", _OPERATOR),
    "people export": ("2", _HELP),
    "people find": ("--rna 100002", {"helpdesk", "auditor"}),
    "people forget": ("2", _HELP),
    "people merge": ("2 3", _HELP),
    "people prove": ("2 +212600000077", _HELP),
    "people reset-pin": ("2", _HELP),
    "people show": ("2", {"helpdesk", "auditor"}),
    "people untie": ("2 +212600000077", _HELP),
    "registry import": (_NOTICE, _OPERATOR),
    "registry undo": ("1", _OPERATOR),
    "reminders cancel": ("avis", _OPERATOR),
    "reminders pause": ("avis", _OPERATOR),
    "reminders resume": ("avis", _OPERATOR),
    "reminders send": ("", _OPERATOR),
    "wafacash match": (_NOTICE, _NETWORK),
}

NEW_NETWORK = ("networks", "add", "barid", "--shown", "Barid", "--format", "wafacash")
NEW_AGENCY = (
    *("agents", "agency", "B-RABAT-01", "--name", "Souk"),
    *("--town", "Rabat", "--network", "barid"),
)


@pytest.fixture
def run(app: Flask, runtime: Runtime, sample_people: None) -> Run:
    """Runs a command as somebody whose secret is the name's, or a test's person's."""

    def run(name: str, *words: str) -> Result:
        secret = name if name in RIGHTS else secret_of(name)
        env = {"MAALEM_OPERATOR_SECRET": secret}
        return app.test_cli_runner().invoke(args=[*words, "--by", name], env=env)

    return run


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes development's users at their names: the slow comparison of secrets is tried apart."""

    def find(by: str, *_: object) -> OfficeUser:
        return OfficeUser(by, by, SAMPLE_USERS[by], True, False)

    monkeypatch.setattr(acting, "_sign_in", find)


def test_the_list_has_every_command_that_asks_who_acts(app: Flask) -> None:
    ours = walk(app.cli, click.Context(app.cli), "")
    assert {name for name, command in ours if asks_who(command)} == set(COMMANDS)


def test_no_command_is_given_by_a_role_without_its_right(
    run: Run, signed_in: None, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = {"oidc_issuer": "https://issuer.example"}
    monkeypatch.setattr(runtime, "settings", runtime.settings.model_copy(update=issuer))
    taken = []
    for number, (command, (words, may)) in enumerate(COMMANDS.items()):
        without = [role for role in RIGHTS if role not in may | {"office"}]
        # Each command is tried by one of them, by turns; of the rest the table tells.
        role = without[number % len(without)]
        refused = run(role, *command.split(), *words.split())
        if refused.exit_code != 1 or "role_may_not_act" not in refused.output:
            taken.append((command, role, refused.output))
    assert taken == []


def test_no_command_is_refused_to_a_role_with_its_right(run: Run, signed_in: None) -> None:
    refused = []
    one_of_each = {tuple(sorted(may)): (name, words) for name, (words, may) in COMMANDS.items()}
    for roles, (command, words) in one_of_each.items():
        # What cannot be done now may be refused, but not for the role.
        answer = run(roles[0], *command.split(), *words.split())
        if "role_may_not_act" in answer.output or "sign_in" in answer.output:
            refused.append((command, answer.output))
    assert refused == []


def test_a_network_acts_on_its_own_alone(run: Run, runtime: Runtime) -> None:
    assert run("operator", *NEW_NETWORK).output
    add_person(runtime, "amina", "wafacash", network="barid")
    for words in (
        "agents dismiss 1001",
        "agents unlock 1001",
        "agents limit 1001 --day-limit 1",
        "agents sessions 1001 --end",
        "agents add 1002 --agency W-RABAT-01",
        "agents add 1001 --agency B-RABAT-01",
        "agents agency W-RABAT-01 --name Souk --town Rabat",
        "agents agency W-RABAT-77 --name Souk --town Rabat",
        "agents import-agencies app/agents/sample_agencies.csv",
        "clients create first-bank",
        "clients revoke demo-wafacash",
        "clients rotate demo-wafacash",
        "clients change demo-wafacash --bills-a-day 1",
        "clients other-amounts wafacash yes",
        f"networks match wafacash {_NOTICE}",
        "breaks close-repeated",
    ):
        assert "not_of_scope" in run("amina", *words.split()).output, words
    own = run(
        "amina",
        *[
            "agents",
            "agency",
            "B-RABAT-01",
            "--name",
            "Souk",
            "--town",
            "Rabat",
            "--network",
            "barid",
        ],
    )
    assert own.exit_code == 0, own.output
    assert run("amina", *["agents", "add", "2001", "--agency", "B-RABAT-01"]).exit_code == 0
    assert run("amina", *["clients", "create", "barid-1", "--network", "barid"]).exit_code == 0
    with runtime.database.connect() as connection:
        theirs = text(
            "SELECT (SELECT count(*) FROM agent WHERE NOT active OR day_limit_centimes IS NOT NULL)"
            " + (SELECT count(*) FROM api_client WHERE revoked_at IS NOT NULL OR id = 'first-bank')"
            " + (SELECT count(*) FROM agency WHERE code = 'W-RABAT-77')"
        )
        assert connection.execute(theirs).scalar_one() == 0


def test_a_desk_of_another_house_sees_no_file(run: Run, runtime: Runtime) -> None:
    add_person(runtime, "amina", "helpdesk", desk="bank")
    assert "role_may_not_act" in run("amina", "people", "find", "--rna", "100002").output
    for words in ("people show 2", "people reset-pin 2", "people merge 2 3"):
        assert "not_of_scope" in run("amina", *words.split()).output, words
    assert run("helpdesk", "people", "show", "2").exit_code == 0
    assert Right.HELP_PEOPLE not in RIGHTS["auditor"]
    assert run("auditor", "people", "show", "2").exit_code == 0
