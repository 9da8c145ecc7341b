"""A large amount needs two approvers beside who proposed: three people who are three."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.base.operation import operation
from app.cli import marks
from app.ledger.errors import BreakUnknown
from app.office.errors import SamePerson
from app.reconciliation.resolutions import approve_resolution
from tests.reconciliation.conftest import BackOffice, paid_line

HASSAN = "+212600000002"


def propose(office: BackOffice, amount: str, reference: str = "W1") -> str:
    """A payment that only the network knows, proposed for suspense by amina."""
    office.match(office.file(paid_line("99" * 6, amount, reference), name=f"{reference}.csv"))
    number = str(office.breaks()[-1]["id"])
    office.run_successfully(
        "breaks", "propose", number, "suspense", "--by", "amina", "--reason", "looked at"
    )
    return number


@pytest.mark.parametrize(("amount", "approvals"), [("199.99", 1), ("200.00", 2), ("8000", 2)])
def test_an_amount_decides_how_many_people_approve(
    office: BackOffice, amount: str, approvals: int
) -> None:
    number = propose(office, amount)
    names = ["driss", "leila"][:approvals]
    said = [office.run_successfully("breaks", "approve", number, "--by", name) for name in names]
    assert "is resolved by transaction" in said[-1]
    assert [("one more person has to approve" in line) for line in said[:-1]] == [True] * (
        approvals - 1
    )
    assert office.breaks() == []
    (ended,) = office.breaks("--ended")
    assert ended["approved_by"] == names[-1]
    assert ended["first_approved_by"] == (names[0] if approvals == 2 else None)
    # The auditor finds it among the approvals, though it moved money.
    with office.payments.runtime.database.connect() as connection:
        found = connection.execute(
            text("SELECT actor, approved_by FROM audit_event WHERE action = 'resolution'")
        ).all()
    assert found == [("amina", names[-1])]


def test_nobody_counts_twice_among_three_people(office: BackOffice) -> None:
    number = propose(office, "663.90")
    office.run_successfully("breaks", "approve", number, "--by", "driss")
    for name in ("amina", "Amina", "driss", "DRISS", "Driss "):
        refused = office.run("breaks", "approve", number, "--by", name)
        assert refused.exit_code == 1 and "same_person" in refused.output, name
    assert office.balances() == {}
    assert "is resolved" in office.run_successfully("breaks", "approve", number, "--by", "leila")


def test_a_first_approval_is_void_once_it_is_proposed_anew(office: BackOffice) -> None:
    number = propose(office, "663.90")
    office.run_successfully("breaks", "approve", number, "--by", "driss")
    office.run_successfully(
        "breaks", "propose", number, "acknowledge", "--by", "karim", "--reason", "otherwise"
    )
    assert office.breaks()[0]["first_approved_by"] is None
    office.run_successfully("breaks", "approve", number, "--by", "leila")
    assert office.breaks()[0]["state"] == "proposed"
    # What the network says now is not what was approved: both have to look again.
    office.match(office.file(paid_line("99" * 6, "700", "W1"), name="again.csv"))
    (changed,) = office.breaks()
    assert (changed["state"], changed["first_approved_by"]) == ("open", None)


def test_a_command_approves_the_proposal_that_was_read_and_no_other(
    office: BackOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = propose(office, "15.00")
    # The samples who approve here may not in production; the rest of the command is as there.
    there = SimpleNamespace(settings=SimpleNamespace(production=True))
    monkeypatch.setattr(marks, "runtime", lambda: there)
    shown = office.run("breaks", "approve", number, "--by", "driss")
    assert shown.exit_code == 1 and "reason: " in shown.output, shown.output
    mark = re.search(r"--mark (\w{6})", shown.output)
    assert mark and office.breaks()[0]["state"] == "proposed"
    office.payments.runtime.clock.now += timedelta(seconds=1)  # type: ignore[attr-defined]
    office.run_successfully(
        "breaks", "propose", number, "suspense", "--by", "amina", "--reason", "another one"
    )
    approve = ("breaks", "approve", number, "--by", "driss", "--mark")
    refused = office.run(*approve, mark[1])
    assert refused.exit_code == 1 and "proposal_changed" in refused.output
    again = re.search(r"--mark (\w{6})", office.run(*approve[:-1]).output)
    assert again and "is resolved" in office.run_successfully(*approve, again[1])


def test_a_withdrawal_asked_anew_is_not_approved_by_the_mark_of_the_first(
    office: BackOffice,
) -> None:
    office.match(office.file(paid_line("99" * 6, "15", "W1")))
    ask = ("networks", "withdraw", "1", "--by", "amina", "--reason")
    mark = office.run_successfully(*ask, "a mistake").split()[-1]
    office.payments.runtime.clock.now += timedelta(seconds=1)  # type: ignore[attr-defined]
    again = office.run_successfully(*ask, "another").split()[-1]
    approve = ("networks", "approve-withdrawal", "1", "--by", "driss", "--mark")
    assert "proposal_changed" in office.run(*approve, mark).output
    assert "is withdrawn" in office.run_successfully(*approve, again)


def test_a_first_approver_who_was_dismissed_since_does_not_count(office: BackOffice) -> None:
    number = propose(office, "663.90")
    office.run_successfully("breaks", "approve", number, "--by", "driss")
    office.run_successfully("office", "dismiss", "driss", "--by", "karim")
    refused = office.run("breaks", "approve", number, "--by", "leila")
    assert refused.exit_code == 1 and "proposer_dismissed" in refused.output


def test_an_office_reversal_of_a_large_deposit_needs_two_approvers(office: BackOffice) -> None:
    receipt = office.payments.redeem(office.payments.issue(HASSAN).code)
    office.run_successfully(
        "breaks", "ask-reversal", receipt, "--by", "amina", "--reason", "asked for"
    )
    number = str(office.breaks()[0]["id"])
    first = office.run_successfully("breaks", "approve", number, "--by", "driss")
    assert "of 200.00 dirhams or more: approved by driss" in first
    assert office.balances() != {}
    office.run_successfully("breaks", "approve", number, "--by", "leila")
    assert office.balances() == {}


def test_five_approvals_at_once_are_two_people_and_one_booking(office: BackOffice) -> None:
    number, runtime = int(propose(office, "663.90")), office.payments.runtime

    def agree(name: str) -> str:
        with (
            suppress(BreakUnknown, SamePerson),
            operation(runtime.database, runtime.clock(), name) as change,
        ):
            return "booked" if approve_resolution(change, runtime.services, number) else "first"
        return "refused"

    with ThreadPoolExecutor(5) as many:
        said = sorted(many.map(agree, ("driss", "karim", "samira", "hind", "driss")))
    assert said.count("booked") == 1 and said.count("first") == 1
    assert office.balances()["suspense"] == "-663.90"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("approvers_needed = 2, first_approved_by = 'A mina', first_approved_at = now()", "three"),
        ("approvers_needed = 3", "approvers_needed"),
        ("first_approved_by = 'driss'", "first_approved"),
        (
            "state = 'resolved', ended_at = now(), approvers_needed = 2, approved_by = 'driss',"
            " audit_event_id = (SELECT max(id) FROM audit_event)",
            "two_approvers",
        ),
    ],
)
def test_the_database_holds_three_people_apart(office: BackOffice, change: str, rule: str) -> None:
    number = propose(office, "663.90")
    with (
        office.payments.runtime.database.begin() as connection,
        pytest.raises(IntegrityError, match=f"ck_reconciliation_break_{rule}"),
    ):
        connection.execute(
            text(f"UPDATE reconciliation_break SET {change} WHERE id = :id"), {"id": int(number)}
        )
