"""A day's settlement file against codes and confirmations: what matches, what breaks, what then."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from stdnum import damm

from app.base.operation import operation
from app.ledger.errors import BreakUnknown
from app.payments.errors import CodeCancelled
from app.reconciliation.network_file import HEADER
from app.reconciliation.resolutions import approve_resolution
from tests.reconciliation.conftest import DAY, BackOffice, paid_line

FATIMA, HASSAN, AICHA, DRISS = (f"+21260000000{n}" for n in (1, 2, 5, 7))
NOBODY = "12345678901" + damm.calc_check_digit("12345678901")
NONE = dict.fromkeys(
    (
        "matched",
        "known",
        "corrected",
        "missing_here",
        "missing_there",
        "amount_differs",
        "duplicates",
    ),
    0,
)


def test_match_file_counts_a_day_that_agrees(office: BackOffice) -> None:
    codes = [office.payments.issue(phone) for phone in (FATIMA, HASSAN)]
    for code in codes:
        office.payments.redeem(code.code, code.code)
    lines = [paid_line(code.code, code.total, f"W{n}") for n, code in enumerate(codes)]
    path = office.file(*lines)
    assert office.match(path) == NONE | {"matched": 2}
    # The same file again does nothing.
    assert office.match(path) == NONE | {"known": 2}
    assert office.payments.read_value("SELECT count(*) FROM settlement_line") == 2
    assert office.breaks() == []


def test_match_file_opens_a_break_of_every_kind(office: BackOffice) -> None:
    issue, redeem = office.payments.issue, office.payments.redeem
    fatima, hassan, aicha, driss = (issue(phone) for phone in (FATIMA, HASSAN, AICHA, DRISS))
    for code in (fatima, hassan, aicha):
        redeem(code.code, code.code)
    path = office.file(
        paid_line(fatima.code, "100.00", "W1"),
        paid_line(hassan.code, hassan.total, "W2", agent="7777"),
        paid_line(hassan.code, hassan.total, "W3"),
        paid_line(driss.code, driss.total, "W4"),
        paid_line(NOBODY, "55", "W5"),
    )
    assert office.match(path) == NONE | {
        "missing_here": 2,
        "missing_there": 1,
        "amount_differs": 1,
        "duplicates": 1,
        "other_agent": 1,
    }
    told = {(one["kind"], one["ours"], one["theirs"]) for one in office.breaks()}
    assert told == {
        ("amount_differs", "163.52", "100.00"),
        ("other_agent", "663.90", "663.90"),
        ("duplicate", "663.90", "663.90"),
        ("missing_here", None, "163.52"),
        ("missing_here", None, "55.00"),
        ("missing_there", "1530.56", None),
    }
    assert all(one["state"] == "open" and one["days"] == 0 for one in office.breaks())
    assert driss.code not in office.run_successfully("breaks", "list", "--json")


def test_match_names_one_line_and_one_deposit_as_one(office: BackOffice) -> None:
    fatima, hassan = (office.payments.issue(phone) for phone in (FATIMA, HASSAN))
    office.payments.redeem(fatima.code)
    office.payments.redeem(hassan.code, hassan.code)
    path = office.file(paid_line(fatima.code, fatima.total))
    shown = office.run_successfully("wafacash", "match", str(path))
    assert f"{DAY}: 1 line, 163.52 dirhams paid" in shown
    assert "1 line     matched" in shown and "1 deposit  missing_there" in shown
    assert "0 lines    known" in shown


def test_match_file_opens_a_break_for_a_reversal_on_one_side(office: BackOffice) -> None:
    fatima, hassan, driss = (office.payments.issue(phone) for phone in (FATIMA, HASSAN, DRISS))
    receipts = {
        code.code: office.payments.redeem(code.code, code.code) for code in (fatima, hassan)
    }
    office.payments.reverse(receipts[hassan.code])
    path = office.file(
        paid_line(fatima.code, fatima.total, "W1"),
        paid_line(fatima.code, fatima.total, "W1", "reversed"),
        paid_line(hassan.code, hassan.total, "W2"),
        # Paid and reversed there, and never confirmed here: nothing is left of it.
        paid_line(driss.code, driss.total, "W3"),
        paid_line(driss.code, driss.total, "W3", "reversed"),
    )
    counts = office.match(path)
    assert counts == NONE | {"matched": 3, "reversed_here": 1, "reversed_there": 1}
    there = next(one for one in office.breaks() if one["kind"] == "reversed_there")
    office.resolve(there["id"], "reverse", "the agency gave it back")
    assert office.payments.read_value(
        "SELECT state FROM payment_code WHERE code = :c", c=fatima.code
    ) == ("reversed")


def test_approve_confirms_cash_after_the_fact(office: BackOffice) -> None:
    """As of when it was paid, even if the code has expired since; the artisan gets the receipt."""
    driss = office.payments.issue(DRISS)
    path = office.file(paid_line(driss.code, driss.total))
    office.match(path)
    office.payments.runtime.clock.now += timedelta(days=9)  # type: ignore[attr-defined]
    (found,) = office.breaks()
    assert found["days"] == 9
    office.resolve(found["id"], "late_confirmation")
    assert office.breaks() == []
    (ended,) = office.breaks("--ended")
    assert (ended["state"], ended["proposed_by"], ended["approved_by"]) == (
        "resolved", "amina", "driss",
    )  # fmt: skip
    paid = "SELECT received_at::date::text || ' ' || channel FROM deposit WHERE code = :code"
    assert office.payments.read_value(paid, code=driss.code) == f"{DAY} file"
    names = "SELECT made_by || '+' || approved_by FROM ledger_transaction WHERE event = 'deposit'"
    assert office.payments.read_value(names) == "agent:1001+driss"
    assert office.payments.read_value("SELECT count(*) FROM message WHERE kind = 'receipt'") == 1


def test_confirming_after_the_fact_ends_a_code_issued_meanwhile(office: BackOffice) -> None:
    driss = office.payments.issue(DRISS)
    office.match(office.file(paid_line(driss.code, driss.total)))
    office.payments.runtime.clock.now += timedelta(days=7)  # type: ignore[attr-defined]
    later = office.payments.issue(DRISS)
    assert later.code != driss.code
    office.resolve(office.breaks()[0]["id"], "late_confirmation")
    state = "SELECT state FROM payment_code WHERE code = :code"
    assert office.payments.read_value(state, code=driss.code) == "paid"
    assert office.payments.read_value(state, code=later.code) == "cancelled"


def test_match_file_closes_a_break_whose_line_is_reversed_later(office: BackOffice) -> None:
    driss = office.payments.issue(DRISS)
    office.match(office.file(paid_line(driss.code, driss.total)))
    (found,) = office.breaks()
    back = paid_line(driss.code, driss.total, "W1", "reversed", paid_at=f"{DAY}T16:00:00+00:00")
    office.match(office.file(back, name="later.csv"))
    assert office.breaks() == []
    (ended,) = office.breaks("--ended")
    assert (ended["state"], ended["details"]["reversed_in_file"]) == ("closed", 2)
    result = office.run(
        "breaks", "propose", found["id"], "late_confirmation", "--by", "amina", "--reason", "b"
    )
    assert result.exit_code == 1


def test_approve_refuses_to_confirm_a_cancelled_code(office: BackOffice) -> None:
    hassan = office.payments.issue(HASSAN, 1)
    office.payments.issue(HASSAN, replacing=hassan.code)
    office.match(office.file(paid_line(hassan.code, hassan.total)))
    number = str(office.breaks()[0]["id"])
    office.run_successfully(
        "breaks", "propose", number, "late_confirmation", "--by", "amina", "--reason", "paid"
    )
    refused = office.run("breaks", "approve", number, "--by", "driss")
    assert refused.exit_code == 1 and "code_cancelled" in refused.output
    assert office.breaks()[0]["state"] == "proposed"
    office.resolve(int(number), "suspense")


def test_refund_books_an_amount_sent_beyond_the_bill_as_the_networks(office: BackOffice) -> None:
    hassan = office.payments.issue(HASSAN)
    office.match(office.file(paid_line(hassan.code, "700.00")))
    office.resolve(office.breaks()[0]["id"], "late_confirmation")
    (left,) = office.breaks()
    assert (left["kind"], left["ours"], left["theirs"]) == (
        "other_amount_sent", "663.90", "700.00",
    )  # fmt: skip
    assert office.balances()["suspense"] == "-36.10"
    office.resolve(left["id"], "refund")
    assert office.balances() == {
        "agent_network_receivable": "663.90",
        "contributions_payable": "-654.08",
        "penalties_payable": "-9.82",
    }


def test_reversing_a_deposit_leaves_cash_beside_it_in_suspense(office: BackOffice) -> None:
    """The network collected twice: who gives one back still owes the other."""
    hassan = office.payments.issue(HASSAN)
    receipt = office.payments.redeem(hassan.code)
    twice = (paid_line(hassan.code, hassan.total, reference) for reference in ("W1", "W2"))
    office.match(office.file(*twice))
    office.resolve(office.breaks()[0]["id"], "suspense")
    office.run_successfully(
        "breaks", "ask-reversal", receipt, "--by", "amina", "--reason", "asked for"
    )
    office.approve(office.breaks()[0]["id"])
    assert office.balances() == {"agent_network_receivable": "663.90", "suspense": "-663.90"}


@pytest.mark.parametrize(
    ("amount", "kind", "left"),
    [("663.90", "reversed_here", "663.90"), ("600", "amount_differs", "600.00")],
)
def test_suspense_holds_cash_that_the_network_keeps_of_a_reversed_deposit(
    office: BackOffice, amount: str, kind: str, left: str
) -> None:
    hassan = office.payments.issue(HASSAN)
    receipt = office.payments.redeem(hassan.code)
    path = office.file(paid_line(hassan.code, amount))
    if kind == "amount_differs":
        office.match(path)
    office.payments.reverse(receipt)
    office.match(path)
    (found,) = office.breaks()
    assert found["kind"] == kind
    office.resolve(found["id"], "suspense")
    assert office.balances() == {"agent_network_receivable": left, "suspense": f"-{left}"}


def test_a_code_whose_cash_waits_in_suspense_is_cancelled(office: BackOffice) -> None:
    hassan = office.payments.issue(HASSAN)
    office.match(office.file(paid_line(hassan.code, "663.90")))
    office.resolve(office.breaks()[0]["id"], "suspense")
    with pytest.raises(CodeCancelled):
        office.payments.redeem(hassan.code)
    assert office.balances() == {"agent_network_receivable": "663.90", "suspense": "-663.90"}
    told = "SELECT count(*) FROM message WHERE kind = 'code_cancelled'"
    assert office.payments.read_value(told) == 1


@pytest.mark.parametrize(("amount", "left"), [("663.90", None), ("700", "-36.10")])
def test_cash_confirmed_after_the_match_is_owed_once(
    office: BackOffice, amount: str, left: str | None
) -> None:
    hassan = office.payments.issue(HASSAN)
    office.match(office.file(paid_line(hassan.code, amount)))
    (found,) = office.breaks()
    receipt = office.payments.redeem(hassan.code)
    office.resolve(found["id"], "suspense")
    assert office.balances().get("suspense") == left
    assert office.balances()["agent_network_receivable"] == f"{float(amount):.2f}"
    office.payments.reverse(receipt)
    assert office.balances() == {}


def test_a_break_whose_reversal_was_asked_in_vain_is_closed(office: BackOffice) -> None:
    """Asked for twice: the second can only be written down."""
    receipt = office.payments.redeem(office.payments.issue(HASSAN).code)
    for _ in range(2):
        office.run_successfully(
            "breaks", "ask-reversal", receipt, "--by", "amina", "--reason", "asked for"
        )
    first, second = (str(one["id"]) for one in office.breaks())
    office.approve(int(first))
    office.run_successfully("breaks", "approve", second, "--by", "driss")
    assert "undone before" in office.run("breaks", "approve", second, "--by", "leila").output
    office.resolve(int(second), "acknowledge")
    assert office.breaks() == []


def test_a_debt_is_reversed_once_for_all_its_breaks(office: BackOffice) -> None:
    """In no file, then given back there: both breaks are about the same cash."""
    hassan = office.payments.issue(HASSAN)
    office.payments.redeem(hassan.code)
    office.match(office.file(paid_line(NOBODY, "55")))
    missing = next(one for one in office.breaks() if one["kind"] == "missing_there")
    back = paid_line(hassan.code, hassan.total, "W2", "reversed")
    office.match(office.file(back, name="later.csv"))
    there = next(one for one in office.breaks() if one["kind"] == "reversed_there")
    for found in (missing, there):
        office.resolve(found["id"], "suspense")
    assert "agent_network_receivable" not in office.balances()


def test_approve_refuses_the_proposer_under_another_spelling(office: BackOffice) -> None:
    office.match(office.file(paid_line(NOBODY, "55")))
    number = str(office.breaks()[0]["id"])
    office.run_successfully(
        "breaks", "propose", number, "suspense", "--by", "Amina  B.", "--reason", "looked"
    )
    for name in ("amina b.", " AMINA B. ", "\uff21mina B.", "\u0410mina B."):
        alone = office.run("breaks", "approve", number, "--by", name)
        assert alone.exit_code == 1 and "same_person" in alone.output
    for name in ("", "  ", "x" * 61):
        refused = office.run("breaks", "approve", number, "--by", name)
        assert refused.exit_code == 1 and "same_person" not in refused.output, name


def test_two_approvals_at_once_book_it_once(office: BackOffice) -> None:
    office.match(office.file(paid_line(NOBODY, "55")))
    number, runtime = office.breaks()[0]["id"], office.payments.runtime
    office.run_successfully(
        "breaks", "propose", str(number), "suspense", "--by", "amina", "--reason", "x"
    )

    def agree(name: str) -> bool:
        with (
            suppress(BreakUnknown),
            operation(runtime.database, runtime.clock(), name) as change,
        ):
            return bool(approve_resolution(change, runtime.services, number))
        return False

    with ThreadPoolExecutor(6) as many:
        assert sum(many.map(agree, ("driss", "karim", "samira", "hind", "omar", "rkia"))) == 1
    assert office.balances()["suspense"] == "-55.00"


def test_suspense_holds_cash_of_an_unknown_code(office: BackOffice) -> None:
    office.match(office.file(paid_line(NOBODY, "55")))
    (found,) = office.breaks()
    result = office.run(
        "breaks", "propose", found["id"], "refund", "--by", "amina", "--reason", "b"
    )
    assert result.exit_code == 1 and "late_confirmation, suspense, acknowledge" in result.output
    office.resolve(found["id"], "suspense")
    assert office.balances() == {"agent_network_receivable": "55.00", "suspense": "-55.00"}


def test_a_break_is_resolved_by_two_people(office: BackOffice) -> None:
    office.match(office.file(paid_line(NOBODY, "55")))
    number = str(office.breaks()[0]["id"])
    office.run_successfully("breaks", "own", number, "--by", "amina")
    assert office.run("breaks", "approve", number, "--by", "driss").exit_code == 1
    office.run_successfully(
        "breaks", "propose", number, "suspense", "--by", "amina", "--reason", "looked"
    )
    alone = office.run("breaks", "approve", number, "--by", "amina")
    assert alone.exit_code == 1 and "same_person" in alone.output
    assert office.breaks()[0]["state"] == "proposed"
    office.run_successfully("breaks", "approve", number, "--by", "driss")
    assert office.run("breaks", "approve", number, "--by", "driss").exit_code == 1
    assert office.run("breaks", "own", number, "--by", "driss").exit_code == 1
    assert office.balances()["suspense"] == "-55.00"


@pytest.mark.parametrize("method", ["suspense", "acknowledge", "reverse"])
def test_a_deposit_that_the_network_denies_is_resolved(office: BackOffice, method: str) -> None:
    fatima, hassan = office.payments.issue(FATIMA), office.payments.issue(HASSAN)
    for code in (fatima, hassan):
        office.payments.redeem(code.code, code.code)
    office.match(office.file(paid_line(fatima.code, fatima.total)))
    office.resolve(office.breaks()[0]["id"], method)
    wanted = {
        "suspense": {"agent_network_receivable": "163.52", "suspense": "663.90"},
        "acknowledge": {"agent_network_receivable": "827.42"},
        "reverse": {"agent_network_receivable": "163.52"},
    }[method]
    found = office.balances()
    assert {name: found.get(name) for name in wanted} == wanted
    assert ("suspense" in found) == (method == "suspense")


def test_acknowledging_a_break_is_an_audit_event_with_two_names_and_no_transaction(
    office: BackOffice,
) -> None:
    fatima, hassan = office.payments.issue(FATIMA), office.payments.issue(HASSAN)
    for code in (fatima, hassan):
        office.payments.redeem(code.code, code.code)
    office.match(office.file(paid_line(fatima.code, fatima.total)))
    number = office.breaks()[0]["id"]
    transactions = office.payments.read_value("SELECT count(*) FROM ledger_transaction")
    office.run_successfully(
        "breaks", "propose", str(number), "acknowledge", "--by", "amina", "--reason", "seen"
    )
    assert "no money moved" in office.approve(number)
    assert office.payments.read_value("SELECT count(*) FROM ledger_transaction") == transactions
    written = (
        "SELECT concat_ws(' ', actor, approved_by, subject, details ->> 'reason') FROM audit_event"
        " WHERE id = (SELECT audit_event_id FROM reconciliation_break WHERE state = 'resolved')"
    )
    assert office.payments.read_value(written) == f"amina leila break:{number} seen"


def test_match_file_closes_a_break_whose_line_comes_a_day_later(office: BackOffice) -> None:
    fatima, hassan = office.payments.issue(FATIMA), office.payments.issue(HASSAN)
    for code in (fatima, hassan):
        office.payments.redeem(code.code, code.code)
    first = office.file(paid_line(fatima.code, fatima.total))
    assert office.match(first) == NONE | {"matched": 1, "missing_there": 1}
    # What is missing there is a break once, however many days it stays missing.
    second = office.file(
        paid_line(hassan.code, hassan.total, "W2"),
        paid_line(NOBODY, "5", "W3", paid_at="2026-11-24T09:00:00+00:00"),
        paid_line(NOBODY, "5", "W4", paid_at="2026-11-24T09:01:00+00:00"),
        name="next.csv",
    )
    assert office.match(second) == NONE | {"matched": 1, "missing_here": 1, "duplicates": 1}
    assert [one["kind"] for one in office.breaks()] == ["missing_here", "duplicate"]
    # The old file again is known, whatever was told since.
    assert office.match(first) == NONE | {"known": 1}
    assert [one["kind"] for one in office.breaks()] == ["missing_here", "duplicate"]


def _good(code: str) -> str:
    return paid_line(code, "163.52")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda line: b"", "line 1: file: empty"),
        (lambda line: b"code,amount\n" + line, "line 1: header: missing: transaction_reference"),
        (lambda line: _head() + b"", "no lines"),
        (lambda line: _head() + line + b"a,b\n", "line 3: 2 fields, wanted 8"),
        (lambda line: _head() + line.replace(b"W1", b"\xff"), "line 2: byte 1 is not UTF-8"),
        (lambda line: _head() + line.replace(b"163.52", b"-1"), "line 2: amount"),
        (lambda line: _head() + line.replace(b"163.52", b"1e3"), "line 2: amount"),
        (lambda line: _head() + line.replace(b"163.52", b'"1,634"'), "line 2: amount"),
        (lambda line: _head() + line.replace(b"163.52", b"0.00"), "line 2: amount"),
        (lambda line: _head() + line.replace(b"MAD", b"EUR"), "line 2: currency"),
        (lambda line: _head() + line.replace(b"paid\n", b"pai\n"), "line 2: status"),
        (
            lambda line: _head() + line.replace(b"+00:00", b""),
            "line 2: paid_at lacks the offset from UTC: write it as 2026-11-27T10:00:00+00:00",
        ),
        (
            lambda line: _head() + line.replace(b"T10:00:00+00:00", b""),
            "line 2: paid_at lacks the time of day: write it as",
        ),
        (
            lambda line: _head() + line.replace(b"T10:00:00+00:00", b" 10h"),
            "line 2: paid_at is no ISO 8601 time such as 2026-11-27T10:00:00+00:00",
        ),
        (lambda line: _head() + line.replace(b"2026-11-23", b"2026-11-25"), "line 2: paid_at lies"),
        (lambda line: _head() + line.replace(b"2026", b"2126"), "line 2: paid_at lies ahead"),
        (lambda line: _head() + line.replace(b"W1", b"1.2E+11"), "line 2: transaction_reference"),
        (lambda line: _head() + line.replace(b"W1", b"W\x071"), "line 2: control character"),
        (lambda line: _head() + line.replace(b"W1", b"W" * 129), "line 2: transaction_reference"),
        (lambda line: _head() + line.replace(b"W1,", b"W1,0"), "line 2: code"),
        (lambda line: _head() + line.replace(line[3:15], b"4.8E+11"), "line 2: code: rounded"),
        (lambda line: _head() + line.replace(b"W1", b'"W1'), "line 2: a quote is left open"),
        (lambda line: _head() + line + b"TOTAL,1,163.51,MAD,,,,\n", "line 3: the total is 163.51"),
        (lambda line: _head() + line + b"TOTAL,2,163.52,MAD,,,,\n", "line 3: the total names 2"),
        (lambda line: _head() + line + b"TOTAL,1,163.52,,,,,\n" + line, "line 4: a line after"),
        (
            lambda line: _head() + line * 2 + line.replace(b"2026-11", b"2026-10"),
            "line 4: paid on 2026-10-23, in a file of 2026-11-23",
        ),
    ],
)
def test_match_file_refuses_a_file_with_a_wrong_line_whole(
    office: BackOffice, content: Callable[[bytes], bytes], words: str
) -> None:
    code = office.payments.issue(FATIMA)
    path = office.folder / "bad.csv"
    path.write_bytes(content(_good(code.code).encode() + b"\n"))
    result = office.run("wafacash", "match", str(path), "--json")
    assert result.exit_code == 1
    assert words in result.output and "nothing was taken" in result.output
    assert office.payments.read_value("SELECT count(*) FROM settlement_file") == 0


def test_match_file_checks_a_total_that_is_given(office: BackOffice) -> None:
    code = office.payments.issue(FATIMA)
    path = office.file(_good(code.code), "TOTAL,1,163.52,MAD,,,,")
    result = office.run("wafacash", "match", str(path), "--total", "163.53")
    assert result.exit_code == 1 and "come to 163.52, not 163.53" in result.output
    assert office.match(path, "--total", "163.52") == NONE | {"missing_here": 1}


def test_match_file_knows_yesterdays_file_under_another_name(office: BackOffice) -> None:
    code = office.payments.issue(FATIMA)
    office.match(office.file(_good(code.code)))
    path: Path = office.file(_good(code.code), "", name="today.csv")
    assert office.match(path) == NONE | {"known": 1}
    assert len(office.breaks()) == 1


def test_match_file_matches_each_network_apart(office: BackOffice) -> None:
    path = office.file(paid_line(NOBODY, "5"))
    result = office.run("wafacash", "match", str(path), "--network", "nobody")
    assert result.exit_code == 1 and "no network nobody" in result.output


def _head() -> bytes:
    return ",".join(HEADER).encode() + b"\n"


@pytest.mark.parametrize(
    "command",
    [
        "ledger statement --account suspense --from 0001-01-01",
        "ledger statement --account suspense --from 2026-11-01 --to 9999-12-31",
        "ledger trial-balance --on 9999-12-31",
        "cnss export --on 9999-12-31",
        "reminders send --dry-run --on 9999-12-31",
        "breaks own 99999999999999999999 --by amina",
        "wafacash match day.csv --total 1e3",
    ],
)
def test_a_command_refuses_a_wrong_argument_in_words(office: BackOffice, command: str) -> None:
    words = command.replace("day.csv", str(office.file())).split()
    result = office.run(*words)
    assert result.exit_code == 2 and "Invalid value for" in result.output


def test_a_command_prints_a_refusal_as_a_sentence(office: BackOffice) -> None:
    refused = office.run("breaks", "own", "7", "--by", "amina").output
    assert refused == (
        "Error: No break of that number (`id`) in a state that allows it. [break_unknown: id=7]\n"
    )
    other = office.run("wafacash", "match", str(office.file()), "--network", "other").output
    assert other == "Error: network: no network other\n"
