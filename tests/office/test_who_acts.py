"""Who acts: users of the office, their secrets, and two people who are two."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from app.base.errors import InvalidInput
from app.base.operation import Operation, operation
from app.office.errors import ProposerDismissed, SamePerson
from app.office.rules import OfficeScope, check_password, name_key, read_user_name
from app.office.service import NewOfficeUser, add_office_user
from app.office.sessions import end_office_sessions
from app.office.sign_in import is_factor_known, take_seat
from app.office.two_people import check_two_people
from app.runtime import Runtime
from app.settings import Settings
from tests.people_of_office import add_person, code_of, enrol_app, secret_of

Run = Callable[..., Result]
CREATE = ("networks", "add", "first-bank", "--shown", "First Bank", "--format", "wafacash")


@pytest.fixture
def run(app: Flask, runtime: Runtime) -> Run:
    """`flask ...` with a secret in the environment."""

    def run(*words: str, secret: str = "", new: str = "", code: str = "") -> Result:
        env = {
            "MAALEM_OPERATOR_SECRET": secret,
            "MAALEM_OPERATOR_NEW_SECRET": new,
            "MAALEM_OPERATOR_CODE": code,
        }
        return app.test_cli_runner().invoke(args=[*words], env=env)

    return run


@pytest.fixture
def in_production(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "production", True)


def audit_of(runtime: Runtime, subject: str) -> list[tuple[str, str]]:
    with runtime.database.connect() as connection:
        rows = connection.execute(
            text("SELECT actor, action FROM audit_event WHERE subject = :subject ORDER BY id"),
            {"subject": subject},
        )
        return [(row.actor, row.action) for row in rows]


def one_time_password(result: Result) -> str:
    match = re.search(r"one-time password (\S+),", result.output)
    assert match, result.output
    return match[1]


def test_in_development_the_sample_user_acts_when_nobody_is_named(run: Run) -> None:
    assert run(*CREATE).exit_code == 0


def test_development_has_a_user_for_each_role(run: Run) -> None:
    assert run(*CREATE, "--by", "operator", secret="operator").exit_code == 0
    create = ("clients", "create", "first-bank", "--by", "wafacash")
    assert run(*create, secret="wafacash").exit_code == 0
    refused = run("clients", "revoke", "first-bank", "--by", "wafacash", secret="wafacash1")
    assert refused.exit_code == 1 and "sign_in_refused" in refused.output


@pytest.mark.parametrize("role", ["analyst", "auditor"])
def test_a_role_that_looks_does_not_act(run: Run, role: str) -> None:
    refused = run(*CREATE, "--by", role, secret=role)
    assert refused.exit_code == 1 and "role_may_not_act" in refused.output


@pytest.mark.usefixtures("in_production")
def test_production_never_acts_without_a_signed_in_user(run: Run, runtime: Runtime) -> None:
    nobody = run(*CREATE)
    assert nobody.exit_code == 1 and "who acts?" in nobody.output
    sample = run(*CREATE, "--by", "operator", secret="operator")
    assert sample.exit_code == 1 and "sign_in_refused" in sample.output
    silent = run(*CREATE, "--by", "amina")
    assert silent.exit_code == 1 and "MAALEM_OPERATOR_SECRET" in silent.output
    add_person(runtime, "amina")
    own = {"secret": secret_of("amina")}
    alone = run(*CREATE, "--by", "amina", **own)
    assert alone.exit_code == 1 and "no_factor_enrolled" in alone.output
    code = code_of(runtime, enrol_app(runtime, "amina"), 1)
    unproven = run(*CREATE, "--by", "amina", **own)
    assert unproven.exit_code == 1 and "MAALEM_OPERATOR_CODE" in unproven.output
    wrong = run(*CREATE, "--by", "amina", **own, code="000000")
    assert wrong.exit_code == 1 and "sign_in_refused" in wrong.output
    assert run(*CREATE, "--by", "amina", **own, code=code).exit_code == 0
    again = run(*CREATE, "--by", "amina", **own, code=code)
    assert again.exit_code == 1 and "sign_in_refused" in again.output
    for refused in (nobody, sample, silent, alone, unproven, wrong):
        assert len(refused.output.strip().splitlines()) == 1


@pytest.mark.usefixtures("in_production")
def test_a_sample_user_left_in_a_database_does_not_act_in_production(
    run: Run, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "production", False)
    assert run(*CREATE, "--by", "operator", secret="operator").exit_code == 0
    monkeypatch.setattr(Settings, "production", True)
    refused = run("clients", "revoke", "first-bank", "--by", "operator", secret="operator")
    assert "sign_in_refused" in refused.output


@pytest.mark.usefixtures("in_production")
def test_the_first_operator_is_added_by_the_installation_and_no_second_one(
    run: Run, runtime: Runtime
) -> None:
    assert "who acts?" in run("office", "add", "amina", "--role", "helpdesk").output
    first = one_time_password(run("office", "add", "amina", "--role", "operator"))
    assert audit_of(runtime, "office:amina") == [("installation", "office_user_added")]
    assert "who acts?" in run("office", "add", "driss", "--role", "operator").output
    unchanged = run("office", "add", "driss", "--role", "cnss", "--by", "amina", secret=first)
    assert "password_to_change" in unchanged.output
    chosen = "a loaf of barley"
    assert run("office", "password", "amina", secret=first, new=chosen).exit_code == 0
    code = code_of(runtime, enrol_app(runtime, "amina"), 1)
    again = run("office", "password", "amina", secret=first, new="another loaf of it")
    assert "sign_in_refused" in again.output
    assert (
        run(
            *("office", "add", "driss", "--role", "cnss", "--by", "AMINA"), secret=chosen, code=code
        ).exit_code
        == 0
    )
    assert audit_of(runtime, "office:driss") == [("amina", "office_user_added")]


def test_a_one_time_password_ends_after_a_week(run: Run, runtime: Runtime) -> None:
    first = one_time_password(run("office", "add", "amina", "--role", "operator"))
    runtime.clock.now += timedelta(days=7, seconds=1)  # type: ignore[attr-defined]
    late = run("office", "password", "amina", secret=first, new="a loaf of barley")
    assert "sign_in_refused" in late.output


def test_five_wrong_secrets_pause_a_name_and_the_next_pause_is_longer(
    run: Run, runtime: Runtime
) -> None:
    add_person(runtime, "amina")
    right = secret_of("amina")
    for minutes in (15, 30):
        for _ in range(5):
            assert "sign_in_refused" in run(*CREATE, "--by", "Amina", secret="x").output
        paused = run(*CREATE, "--by", "amina", secret=right)
        assert paused.exit_code == 1 and "sign_in_paused" in paused.output
        runtime.clock.now += timedelta(minutes=minutes)  # type: ignore[attr-defined]
    assert run(*CREATE, "--by", "amina", secret=right).exit_code == 0
    assert audit_of(runtime, "office:amina")[-1][1] == "office_user_paused"


def test_a_dismissed_user_acts_no_more_and_the_name_stays_taken(run: Run, runtime: Runtime) -> None:
    add_person(runtime, "amina", "helpdesk")
    assert run("office", "dismiss", "Amina ").exit_code == 0
    assert "sign_in_refused" in run(*CREATE, "--by", "amina", secret=secret_of("amina")).output
    assert "office_name_taken" in run("office", "add", "AMÍNA", "--role", "cnss").output
    assert "dismissed" in run("office", "list").output


def test_a_reset_gives_a_password_that_opens_nothing_else(run: Run, runtime: Runtime) -> None:
    add_person(runtime, "amina")
    password = one_time_password(run("office", "reset", "amina"))
    assert "sign_in_refused" in run(*CREATE, "--by", "amina", secret=secret_of("amina")).output
    assert "password_to_change" in run(*CREATE, "--by", "amina", secret=password).output


def test_nobody_gives_themselves_another_role(run: Run) -> None:
    own = ("office", "change", "operator", "--role", "auditor", "--by", "operator")
    assert "not_oneself" in run(*own, secret="operator").output


def test_a_password_is_changed_with_the_code_where_there_is_one(run: Run, runtime: Runtime) -> None:
    add_person(runtime, "amina")
    app, own = enrol_app(runtime, "amina"), secret_of("amina")
    change = ("office", "password", "amina")
    refused = run(*change, secret=own, new="a loaf of barley", code="000000")
    assert "sign_in_refused" in refused.output
    code = code_of(runtime, app, 1)
    assert run(*change, secret=own, new="a loaf of barley", code=code).exit_code == 0


def test_a_code_is_known_at_its_terminal_for_half_an_hour(runtime: Runtime) -> None:
    add_person(runtime, "amina")

    def is_known(seat: str = "seat") -> bool:
        with operation(runtime.database, runtime.clock(), "amina", seat) as change:
            return is_factor_known(change, "amina")

    def prove(*, with_factor: bool) -> None:
        with operation(runtime.database, runtime.clock(), "amina", "seat") as change:
            take_seat(change, "amina", with_factor=with_factor)

    assert not is_known()
    prove(with_factor=True)
    assert is_known() and not is_known("other") and not is_known("")
    runtime.clock.now += timedelta(minutes=29)  # type: ignore[attr-defined]
    prove(with_factor=False)
    assert is_known()
    runtime.clock.now += timedelta(minutes=1)  # type: ignore[attr-defined]
    assert not is_known()
    prove(with_factor=True)
    with operation(runtime.database, runtime.clock(), "driss") as change:
        end_office_sessions(change, "amina", "reset")
    assert not is_known()


def test_only_an_operator_keeps_the_list_of_users(run: Run) -> None:
    refused = run("office", "add", "amina", "--role", "cnss", "--by", "cnss", secret="cnss")
    assert "role_may_not_act" in refused.output


def test_nobody_learns_by_a_new_password_that_it_is_somebodys(run: Run, runtime: Runtime) -> None:
    add_person(runtime, "amina")
    first = one_time_password(run("office", "add", "driss", "--role", "operator"))
    chosen = run("office", "password", "driss", secret=first, new=secret_of("amina"))
    assert chosen.exit_code == 0
    same = run("office", "password", "driss", secret=secret_of("amina"), new=secret_of("amina"))
    assert same.exit_code == 1 and "the one before" in same.output


@pytest.mark.parametrize(
    "words",
    [
        ("amina", "--role", "chamber"),
        ("amina", "--role", "wafacash"),
        ("amina", "--role", "cnss", "--region", "Fès-Meknès"),
        ("amina", "--role", "cnss", "--network", "wafacash"),
        ("amina", "--role", "office"),
        ("operator", "--role", "operator"),
        ("worker", "--role", "operator"),
        ("а\u0301mina", "--role", "operator"),
        ("agent:1001", "--role", "operator"),
    ],
)
def test_a_user_that_cannot_be_is_refused(run: Run, words: tuple[str, ...]) -> None:
    assert run("office", "add", *words).exit_code != 0


@pytest.mark.parametrize(
    "spelling",
    [
        "AMINA B.",
        " amina  b ",
        "\uff21mina B.",
        "\u0410mina B.",
        "am\u00edna b",
        "Amina\u00a0B",
        "am1na b",
    ],
)
def test_one_person_reads_the_same_in_every_spelling(spelling: str) -> None:
    assert name_key(spelling) == name_key("Amina B.")


@pytest.mark.parametrize(("one", "other"), [("ٱحمد", "أحمد"), ("گمال", "كمال"), ("على", "علي")])
def test_arabic_letters_that_read_like_each_other_are_one(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize("name", ["Driss", "amin", "أمينة", "ⴰⵎⵉⵏⴰ"])
def test_other_people_read_otherwise(name: str) -> None:
    assert read_user_name(name) == name
    assert name_key(name) and name_key(name) != name_key("amina")


@pytest.mark.parametrize(
    "password", ["short", "amina amina amina", "aaaaaaaaaaaaaa", "password-2026-x", "121212121212"]
)
def test_a_password_that_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        check_password(password, "amina")


def test_one_terminal_is_one_person(runtime: Runtime) -> None:
    add_person(runtime, "amina")
    with operation(runtime.database, runtime.clock(), "driss", "seat") as change:
        check_two_people(change, "amina")
        take_seat(change, "amina")
        with pytest.raises(SamePerson):
            check_two_people(change, "amina")
        check_two_people(Operation(change.connection, change.now, "driss", "other"), "amina")
        late = Operation(change.connection, change.now + timedelta(hours=13), "driss", "seat")
        check_two_people(late, "amina")


@pytest.mark.parametrize("second", ["AMINA", "a mina", "\uff41mina", "\u0430mina"])
def test_the_database_refuses_one_person_as_two(runtime: Runtime, second: str) -> None:
    with pytest.raises(IntegrityError), runtime.database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audit_event (happened_at, actor, action, subject, approved_by)"
                " VALUES (now(), 'amina', 'resolution', 'break:1', :second)"
            ),
            {"second": second},
        )


def begun_by(runtime: Runtime, first: str, second: str) -> str:
    """What stands in the way of `second` approving what `first` proposed."""
    with operation(runtime.database, runtime.clock(), second) as change:
        try:
            check_two_people(change, first)
        except (SamePerson, ProposerDismissed) as refusal:
            return refusal.code
    return ""


def test_who_gave_a_password_is_no_second_person_beside_its_user(
    run: Run, runtime: Runtime
) -> None:
    for name in ("amina", "driss", "zineb"):
        add_person(runtime, name)
    assert begun_by(runtime, "amina", "driss") == ""
    runtime.clock.now += timedelta(days=30)  # type: ignore[attr-defined]
    reset = run("office", "reset", "driss", "--by", "AMINA", secret=secret_of("amina"))
    first = one_time_password(reset)
    own = run("office", "password", "driss", secret=first, new="a loaf of barley")
    assert own.exit_code == 0
    assert begun_by(runtime, "amina", "driss") == "same_person"
    assert begun_by(runtime, "driss", "amina") == "same_person"
    assert begun_by(runtime, "zineb", "driss") == ""
    run("office", "reset", "zineb", "--by", "amina", secret=secret_of("amina"))
    assert begun_by(runtime, "zineb", "driss") == "same_person"
    added = run(
        "office", "add", "salma", "--role", "cnss", "--by", "amina", secret=secret_of("amina")
    )
    assert added.exit_code == 0
    assert begun_by(runtime, "amina", "salma") == "same_person"
    # Zineb too could have added her.
    assert begun_by(runtime, "driss", "salma") == "same_person"
    runtime.clock.now += timedelta(days=14)  # type: ignore[attr-defined]
    assert begun_by(runtime, "amina", "driss") == begun_by(runtime, "zineb", "driss") == ""


def test_users_whom_one_operator_added_beside_another_are_no_two_people(
    runtime: Runtime, engine: Engine
) -> None:
    def add(name: str, by: str, role: str = "wafacash", **scope: str) -> None:
        with operation(runtime.database, runtime.clock(), by) as change:
            new = NewOfficeUser(name, role, OfficeScope(**scope), SecretStr("mint-tea-and-bread"))
            add_office_user(change, new)

    def book(first: str, second: str) -> None:
        """Writes the approval as somebody who has the program's rights in the database."""
        with engine.begin() as connection:
            values = {"first": first, "second": second, "now": runtime.clock()}
            connection.execute(_APPROVAL, values)

    add("amina", "installation", "operator")
    for name in ("fatine", "ghali"):  # a new office has one operator
        add(name, "amina", network="wafacash")
    assert begun_by(runtime, "fatine", "ghali") == ""
    book("fatine", "ghali")
    for first, second in (("amina", "ghali"), ("ghali", "amina")):
        assert begun_by(runtime, first, second) == "same_person"
        with pytest.raises(IntegrityError, match="amina gave a password"):
            book(first, second)

    add("zineb", "amina", "operator")
    runtime.clock.now += timedelta(days=20)  # type: ignore[attr-defined]
    for name, giver in (("hind", "amina"), ("idriss", "amina"), ("jad", "zineb")):
        add(name, giver, network="wafacash")
    assert begun_by(runtime, "hind", "idriss") == "same_person"
    with pytest.raises(IntegrityError, match="amina gave a password"):
        book("hind", "idriss")
    assert begun_by(runtime, "hind", "jad") == ""
    book("hind", "jad")


_APPROVAL = text("""
    INSERT INTO audit_event (happened_at, actor, approved_by, action, subject)
    VALUES (:now, :first, :second, 'resolution', 'break:1')
""")


def test_what_a_dismissed_user_proposed_is_nobodys_to_approve(run: Run, runtime: Runtime) -> None:
    add_person(runtime, "amina", "cnss")
    assert begun_by(runtime, "amina", "driss") == ""
    assert run("office", "dismiss", "amina").exit_code == 0
    assert begun_by(runtime, "amina", "driss") == "proposer_dismissed"


@pytest.mark.usefixtures("in_production")
def test_the_last_operator_with_a_password_of_its_own_is_not_dismissed(
    run: Run, runtime: Runtime
) -> None:
    add_person(runtime, "amina")
    app = enrol_app(runtime, "amina")

    def run_by_amina(*words: str) -> Result:
        runtime.clock.now += timedelta(seconds=30)  # type: ignore[attr-defined]
        own = {"secret": secret_of("amina"), "code": code_of(runtime, app)}
        return run(*words, "--by", "amina", **own)

    first = one_time_password(run_by_amina("office", "add", "driss", "--role", "operator"))
    assert "the last operator" in run_by_amina("office", "dismiss", "amina").output
    run("office", "password", "driss", secret=first, new="a loaf of barley")
    assert run_by_amina("office", "dismiss", "amina").exit_code == 0
