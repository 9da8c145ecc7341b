"""A line of a settlement file told again: known, corrected, withdrawn, and what follows."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.base.operation import operation
from app.reconciliation.money_rules import RULES, find_broken_rules
from app.reconciliation.service import SettlementFile, match_file
from tests.reconciliation.conftest import BackOffice, paid_line
from tests.reconciliation.test_match import AICHA, DRISS, FATIMA, HASSAN, NOBODY, NONE

NEXT_DAY = "2026-11-24T09:00:00+00:00"


def _pay(office: BackOffice, phone: str) -> tuple[str, str, str]:
    """Pays a code; returns it with its total and receipt."""
    code = office.payments.issue(phone)
    return code.code, str(code.total), office.payments.redeem(code.code, code.code)


def _waiting(office: BackOffice) -> list[tuple[str, str | None, str | None]]:
    return [(one["kind"], one["ours"], one["theirs"]) for one in office.breaks()]


def _withdraw(office: BackOffice, number: int) -> None:
    told = ("networks", "withdraw", str(number), "--by", "amina", "--reason", "a wrong file")
    office.run_successfully(*told)
    for name in ("driss", "leila"):
        said = office.run_successfully("networks", "approve-withdrawal", str(number), "--by", name)
        if "one more person" not in said:
            break


def _newest_file(office: BackOffice) -> int:
    listed = office.run_successfully("networks", "files", "wafacash", "--json")
    return int(json.loads(listed)[0]["number"])


@pytest.mark.parametrize(
    "again",
    [
        lambda content: content,
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: content + b"\n\n",
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.replace(b"T10:00:00+00:00", b"T11:00:00+01:00"),
        lambda content: content.replace(b"163.52", b"163.520"),
        lambda content: b"\n".join([(rows := content.split())[0], *reversed(rows[1:])]),
    ],
)
def test_a_file_told_again_in_another_writing_is_known_and_opens_nothing(
    office: BackOffice, again: Callable[[bytes], bytes]
) -> None:
    code, total, _ = _pay(office, FATIMA)
    path = office.file(paid_line(code, total, "W1"), paid_line(NOBODY, "55", "W2"))
    assert office.match(path) == NONE | {"matched": 1, "missing_here": 1}
    before = _waiting(office)
    other = office.folder / "again.csv"
    other.write_bytes(again(path.read_bytes()))
    assert office.match(other) == NONE | {"known": 2}
    assert _waiting(office) == before


def test_a_payment_and_its_reversal_in_one_file_are_told_alike_in_any_order_of_lines(
    office: BackOffice,
) -> None:
    """A network's system that sorts its export otherwise has not taken the cash again."""
    code, total, _ = _pay(office, HASSAN)
    other, its_total, _ = _pay(office, FATIMA)
    lines = [
        paid_line(code, total, "W1"),
        paid_line(other, its_total, "W2"),
        paid_line(code, total, "W1", status="reversed"),
        paid_line(other, its_total, "W2", status="reversed"),
        paid_line(other, its_total, "W2", paid_at="2026-11-23T10:30:00+00:00"),
    ]
    assert office.match(office.file(*lines)) == NONE | {"matched": 4, "reversed_there": 1}
    before = [("reversed_there", "663.90", None)]
    assert _waiting(office) == before
    for number in (0, 2, 4):
        others = [*lines[number:], *lines[:number]][::-1]
        assert office.match(office.file(*others, name=f"{number}.csv")) == NONE | {"known": 5}
        assert _waiting(office) == before
    _withdraw(office, 1)
    assert _waiting(office) == before


@pytest.mark.parametrize("teller", ["a withdrawn file", "another network"])
def test_only_a_standing_file_of_the_network_makes_an_earlier_line_known(
    office: BackOffice, teller: str
) -> None:
    code, total, _ = _pay(office, HASSAN)
    office.payments.runtime.clock.now += timedelta(days=1)  # type: ignore[attr-defined]
    first, last = paid_line(code, "600"), paid_line(code, total, paid_at=NEXT_DAY)
    if teller == "another network":
        name = "attijariwafa"
        office.run_successfully("networks", "add", name, "--shown", "Bank", "--format", "wafacash")
        office.run_successfully("networks", "match", name, str(office.file(first)))
        others = office.breaks()
    else:
        office.match(office.file(first))
        _withdraw(office, 1)
        others = []
    counts = office.match(office.file(first, last, name="2.csv"))
    assert counts == NONE | {"matched": 1, "corrected": 1}
    assert office.breaks() == others


def test_a_file_with_one_line_more_tells_one_line(office: BackOffice) -> None:
    code, total, _ = _pay(office, FATIMA)
    office.match(office.file(paid_line(code, total, "W1"), paid_line(NOBODY, "55", "W2")))
    more, its_total, _ = _pay(office, HASSAN)
    lines = paid_line(code, total, "W1"), paid_line(NOBODY, "55", "W2")
    counts = office.match(office.file(*lines, paid_line(more, its_total, "W3"), name="2.csv"))
    assert counts == NONE | {"known": 2, "matched": 1}
    assert [kind for kind, *_ in _waiting(office)] == ["missing_here"]


def test_a_cumulative_file_of_several_days_tells_only_its_new_lines(office: BackOffice) -> None:
    code, total, _ = _pay(office, FATIMA)
    first = paid_line(code, total, "W1")
    office.match(office.file(first))
    lines = [first]
    for day in range(1, 5):
        office.payments.runtime.clock.now += timedelta(days=1)  # type: ignore[attr-defined]
        at = f"2026-11-{23 + day}T10:00:00+00:00"
        lines.append(paid_line(NOBODY, "55", f"N{day}", paid_at=at))
        counts = office.match(office.file(*lines, name=f"{day}.csv"))
        kind = "missing_here" if day == 1 else "duplicates"
        assert counts == NONE | {"known": day, kind: 1}


@pytest.mark.parametrize(
    ("changed", "waiting"),
    [
        ({"amount": "100.00"}, [("amount_differs", "663.90", "100.00")]),
        ({"agent": "7777"}, [("other_agent", "663.90", "663.90")]),
        ({"paid_at": "2026-11-23T11:00:00+00:00"}, []),
        ({"terminal": "T9"}, []),
        ({"status": "reversed"}, [("reversed_there", "663.90", None)]),
    ],
)
def test_a_matched_line_told_otherwise_is_corrected_and_back(
    office: BackOffice, changed: dict[str, str], waiting: list[tuple[str, str, str]]
) -> None:
    code, total, _ = _pay(office, HASSAN)
    path = office.file(paid_line(code, total))
    office.match(path)
    values = {"amount": total, "reference": "W1"} | changed
    assert office.match(office.file(paid_line(code, **values), name="2.csv")) == NONE | {
        "corrected": 1
    }
    assert _waiting(office) == waiting
    assert office.match(path) == NONE | {"corrected": 1}
    assert _waiting(office) == []


def test_a_break_keeps_its_history_and_a_changed_one_wants_a_new_proposal(
    office: BackOffice,
) -> None:
    code, _, _ = _pay(office, HASSAN)
    office.match(office.file(paid_line(code, "600")))
    number = office.breaks()[0]["id"]
    propose = ("breaks", "propose", str(number), "suspense", "--by", "amina", "--reason", "seen")
    office.run_successfully(*propose)
    office.match(office.file(paid_line(code, "500"), name="2.csv"))
    (found,) = office.breaks()
    assert (found["id"], found["state"], found["theirs"]) == (number, "open", "500.00")
    (before,) = found["details"]["history"]
    assert (before["their_centimes"], before["proposed_by"], before["method"]) == (
        60000, "amina", "suspense",
    )  # fmt: skip
    assert office.run("breaks", "approve", str(number), "--by", "driss").exit_code == 1


def test_a_break_that_becomes_another_is_followed(office: BackOffice) -> None:
    code, total, _ = _pay(office, HASSAN)
    office.match(office.file(paid_line(code, "600")))
    number = office.breaks()[0]["id"]
    office.match(office.file(paid_line(code, total, agent="7777"), name="2.csv"))
    (found,) = office.breaks()
    assert (found["kind"], found["details"]["follows"]) == ("other_agent", number)
    old = next(one for one in office.breaks("--ended") if one["id"] == number)
    assert (old["state"], old["theirs"]) == ("closed", "600.00")


@pytest.mark.parametrize(("corrected", "left"), [("663.90", None), ("650", "13.90")])
def test_a_correction_after_the_resolution_is_booked_by_its_difference(
    office: BackOffice, corrected: str, left: str | None
) -> None:
    code, _, _ = _pay(office, HASSAN)
    office.match(office.file(paid_line(code, "600")))
    office.resolve(office.breaks()[0]["id"], "suspense")
    assert office.balances()["suspense"] == "63.90"
    office.match(office.file(paid_line(code, corrected), name="2.csv"))
    (found,) = office.breaks()
    assert (found["kind"], found["ours"]) == ("amount_differs", "600.00")
    office.resolve(found["id"], "suspense")
    assert office.balances().get("suspense") == left
    assert office.balances()["agent_network_receivable"] == f"{float(corrected):.2f}"
    # Told again, it stays settled.
    office.match(
        office.file(paid_line(code, corrected), paid_line(NOBODY, "5", "W9"), name="3.csv")
    )
    assert [kind for kind, *_ in _waiting(office)] == ["missing_here"]


def test_cash_of_an_unknown_code_is_corrected_after_it_was_charged(office: BackOffice) -> None:
    office.match(office.file(paid_line(NOBODY, "55")))
    office.resolve(office.breaks()[0]["id"], "suspense")
    office.match(office.file(paid_line(NOBODY, "50"), name="2.csv"))
    assert _waiting(office) == [("amount_differs", "55.00", "50.00")]
    office.resolve(office.breaks()[0]["id"], "suspense")
    assert office.balances() == {"agent_network_receivable": "50.00", "suspense": "-50.00"}
    office.match(office.file(paid_line(NOBODY, "50", status="reversed"), name="3.csv"))
    assert _waiting(office) == [("reversed_there", "50.00", None)]
    office.resolve(office.breaks()[0]["id"], "suspense")
    assert office.balances() == {}


def test_an_acknowledged_difference_stays_acknowledged_until_it_is_corrected(
    office: BackOffice,
) -> None:
    code, total, _ = _pay(office, HASSAN)
    first = office.file(paid_line(code, "600"))
    office.match(first)
    office.resolve(office.breaks()[0]["id"], "acknowledge")
    office.match(office.file(paid_line(code, "600", terminal="T9"), name="2.csv"))
    assert _waiting(office) == []
    office.match(office.file(paid_line(code, total), name="3.csv"))
    assert _waiting(office) == []
    office.match(office.file(paid_line(code, "600"), name="4.csv"))
    assert _waiting(office) == [("amount_differs", "663.90", "600.00")]


def test_a_deposit_told_late_after_it_was_denied_is_charged_again(office: BackOffice) -> None:
    code, total, _ = _pay(office, HASSAN)
    office.match(office.file(paid_line(NOBODY, "5", "W9")))
    missing = next(one for one in office.breaks() if one["kind"] == "missing_there")
    office.resolve(missing["id"], "suspense")
    late = paid_line(code, total, "W1"), paid_line(NOBODY, "5", "W9")
    office.match(office.file(*late, name="2.csv"))
    found = next(one for one in office.breaks() if one["kind"] == "amount_differs")
    assert (found["ours"], found["theirs"]) == ("0.00", "663.90")
    office.resolve(found["id"], "suspense")
    assert office.balances()["agent_network_receivable"] == "663.90"


def test_a_deposit_undone_here_and_told_paid_again_with_news_is_a_break(office: BackOffice) -> None:
    code, total, receipt = _pay(office, HASSAN)
    first = office.file(paid_line(code, total))
    office.match(first)
    office.payments.reverse(receipt)
    assert office.match(first) == NONE | {"known": 1}
    assert _waiting(office) == []
    more = paid_line(code, total), paid_line(NOBODY, "5", "W9")
    counts = office.match(office.file(*more, name="2.csv"))
    assert counts == NONE | {"known": 1, "missing_here": 1, "reversed_here": 1}
    # The network gives it back after all.
    back = paid_line(code, total, status="reversed")
    office.match(office.file(back, paid_line(NOBODY, "5", "W9"), name="3.csv"))
    assert [kind for kind, *_ in _waiting(office)] == ["missing_here"]


def test_an_old_file_sent_again_changes_nothing_of_what_a_later_day_told(
    office: BackOffice,
) -> None:
    code, total, _ = _pay(office, HASSAN)
    first = office.file(paid_line(code, total))
    office.match(first)
    back = paid_line(code, total, status="reversed", paid_at=NEXT_DAY)
    office.match(office.file(back, paid_line(NOBODY, "5", "W9", paid_at=NEXT_DAY), name="2.csv"))
    kinds = [kind for kind, *_ in _waiting(office)]
    assert sorted(kinds) == ["missing_here", "reversed_there"]
    assert office.match(first) == NONE | {"known": 1}
    assert [kind for kind, *_ in _waiting(office)] == kinds


def test_a_payment_reversed_and_taken_again_under_another_reference_is_no_break(
    office: BackOffice,
) -> None:
    code, total, _ = _pay(office, HASSAN)
    lines = paid_line(code, total, "W1"), paid_line(code, total, "W1", "reversed")
    counts = office.match(office.file(*lines, paid_line(code, total, "W2")))
    assert counts == NONE | {"matched": 3}


def test_a_reference_is_each_networks_own_and_exactly_as_written(office: BackOffice) -> None:
    office.run_successfully(
        "networks", "add", "attijariwafa", "--shown", "Bank", "--format", "wafacash"
    )
    office.match(office.file(paid_line(NOBODY, "5", "W1")))
    path = office.file(paid_line(NOBODY, "6", "W1"), name="bank.csv")
    result = office.run_successfully("networks", "match", "attijariwafa", str(path), "--json")
    assert json.loads(result) == NONE | {"missing_here": 1}
    counts = office.match(office.file(paid_line(NOBODY, "5", "w1"), name="2.csv"))
    assert counts == NONE | {"duplicates": 1}


def test_a_file_of_another_network_is_refused(office: BackOffice) -> None:
    office.run_successfully(
        "networks", "add", "attijariwafa", "--shown", "Bank", "--format", "wafacash"
    )
    path = office.file(paid_line(NOBODY, "5"))
    office.match(path)
    refused = office.run("networks", "match", "attijariwafa", str(path))
    assert refused.exit_code == 1 and "taken before, as one of wafacash" in refused.output


def test_the_same_file_by_many_at_once_is_taken_once(office: BackOffice) -> None:
    code, total, _ = _pay(office, HASSAN)
    path = office.file(paid_line(code, total), paid_line(NOBODY, "5", "W9"))
    runtime = office.payments.runtime

    def match(name: str) -> dict[str, int]:
        with operation(runtime.database, runtime.clock(), name) as change:
            return match_file(change, SettlementFile(path, "wafacash")).counts

    with ThreadPoolExecutor(4) as many:
        counts = list(many.map(match, ("amina", "driss", "hind", "omar")))
    assert sum(one["known"] for one in counts) == 6
    assert sum(one["matched"] for one in counts) == 1
    assert len(office.breaks()) == 1


def test_a_file_is_withdrawn_by_two_people(office: BackOffice) -> None:
    code, total, _ = _pay(office, HASSAN)
    office.match(office.file(paid_line(code, "100"), paid_line(NOBODY, "55", "W2")))
    number = _newest_file(office)
    approve = ("networks", "approve-withdrawal", str(number), "--by")
    assert "file_unknown" in office.run(*approve, "driss").output
    ask = ("networks", "withdraw", str(number), "--by", "amina", "--reason", "not ours")
    office.run_successfully(*ask)
    assert "same_person" in office.run(*approve, "Amina").output
    office.run_successfully(*approve, "driss")
    assert office.run(*approve, "driss").exit_code == 1
    assert _waiting(office) == []
    names = "SELECT actor || '+' || approved_by FROM audit_event WHERE action = 'file_withdrawn'"
    assert office.payments.read_value(names) == "amina+driss"
    # It may be taken again.
    path = office.file(paid_line(code, total), paid_line(NOBODY, "55", "W2"), name="right.csv")
    assert office.match(path) == NONE | {"matched": 1, "missing_here": 1}


def test_a_file_of_much_money_is_withdrawn_by_three_people(office: BackOffice) -> None:
    office.match(office.file(paid_line(NOBODY, "150"), paid_line(NOBODY, "50", "W2")))
    number = str(_newest_file(office))
    ask = ("networks", "withdraw", number, "--reason", "not ours", "--by")
    approve = ("networks", "approve-withdrawal", number, "--by")
    office.run_successfully(*ask, "amina")
    assert "one more person" in office.run_successfully(*approve, "driss")
    assert all("same_person" in office.run(*approve, by).output for by in ("AMINA", "Driss"))
    # Asked for anew, it is approved anew.
    office.run_successfully(*ask, "hind")
    assert "one more person" in office.run_successfully(*approve, "driss")
    assert len(_waiting(office)) == 2
    change = "UPDATE settlement_file SET withdrawn_at = now(), withdrawn_by = "
    with office.payments.runtime.database.connect() as connection:
        for name, rule in (("driss", "three_people"), ("hind", "two_people")):
            with pytest.raises(IntegrityError, match=rule), connection.begin():
                connection.execute(text(f"{change}'{name}'"))
        unsaid = ", first_approved_by = NULL, first_approved_at = NULL"
        with pytest.raises(IntegrityError, match="two_approvers"), connection.begin():
            connection.execute(text(f"{change}'leila'{unsaid}"))
    assert "hind + driss" in office.run_successfully("networks", "files", "wafacash")
    office.run_successfully(*approve, "leila")
    assert _waiting(office) == []


def test_a_withdrawn_file_leaves_what_other_files_tell(office: BackOffice) -> None:
    code, total, _ = _pay(office, HASSAN)
    first = paid_line(code, total), paid_line(NOBODY, "55", "W2")
    office.match(office.file(*first))
    wrong = paid_line(code, "600"), paid_line(NOBODY, "70", "W2"), paid_line(NOBODY, "9", "W3")
    office.match(office.file(*wrong, name="wrong.csv"))
    assert len(office.breaks()) == 3
    _withdraw(office, _newest_file(office))
    assert _waiting(office) == [("missing_here", None, "55.00")]


def test_what_a_withdrawn_file_had_charged_is_not_owed(office: BackOffice) -> None:
    office.match(office.file(paid_line(NOBODY, "55")))
    office.resolve(office.breaks()[0]["id"], "suspense")
    _withdraw(office, _newest_file(office))
    assert _waiting(office) == [("not_owed", "55.00", None)]
    acknowledge = ("--by", "amina", "--reason", "x")
    number = str(office.breaks()[0]["id"])
    assert office.run("breaks", "propose", number, "acknowledge", *acknowledge).exit_code == 1
    office.resolve(int(number), "suspense")
    assert office.balances() == {}


def test_a_withdrawn_day_opens_no_break_for_its_deposits(office: BackOffice) -> None:
    _pay(office, HASSAN)
    office.match(office.file(paid_line(NOBODY, "55")))
    assert "missing_there" in [kind for kind, *_ in _waiting(office)]
    _withdraw(office, _newest_file(office))
    assert _waiting(office) == []


def _open_as_before(office: BackOffice, path: Path, resolved: bool) -> None:
    """Opens the break that an earlier version opened for a line told again in a second file."""
    line = f"'{path.name}', 'x', '2026-11-23', '2026-11-23', 1, now()"
    statements = [
        "INSERT INTO settlement_file (network, name, digest, first_day, day, lines, matched_at)"
        f" VALUES ('wafacash', {line})",
        "INSERT INTO settlement_line (file_id, line, reference, code, amount_centimes, paid_at,"
        " agent_number, terminal, status) SELECT (SELECT max(id) FROM settlement_file), line,"
        " reference, code, amount_centimes, paid_at, agent_number, terminal, status"
        " FROM settlement_line",
        "INSERT INTO reconciliation_break (kind, network, receipt_number, code, our_centimes,"
        " their_centimes, file_id, line, details, opened_at) SELECT 'duplicate', 'wafacash',"
        " d.receipt_number, d.code, d.total_centimes, d.total_centimes, l.file_id, l.line,"
        " jsonb_build_object('reference', l.reference), now() FROM settlement_line l"
        " JOIN deposit d ON d.code = l.code ORDER BY l.file_id DESC LIMIT 1",
    ]
    with office.payments.runtime.database.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    if resolved:
        office.resolve(office.breaks()[0]["id"], "suspense")


def test_breaks_that_only_repetition_opened_are_closed(office: BackOffice) -> None:
    code, total, _ = _pay(office, HASSAN)
    path = office.file(paid_line(code, total))
    office.match(path)
    _open_as_before(office, path, resolved=False)
    assert [kind for kind, *_ in _waiting(office)] == ["duplicate"]
    assert "1 breaks closed, 0" in office.run_successfully("breaks", "close-repeated")
    assert _waiting(office) == []
    assert "0 breaks closed, 0" in office.run_successfully("breaks", "close-repeated")


def test_a_charge_that_only_repetition_opened_is_booked_back(office: BackOffice) -> None:
    code, total, _ = _pay(office, HASSAN)
    path = office.file(paid_line(code, total))
    office.match(path)
    _open_as_before(office, path, resolved=True)
    assert office.balances()["agent_network_receivable"] == "1327.80"
    rule = "no resolution charges a network for cash that nobody disputes"
    with office.payments.runtime.database.connect() as connection:
        assert list(find_broken_rules(connection, RULES)) == [rule]
    assert "0 breaks closed, 1" in office.run_successfully("breaks", "close-repeated")
    assert _waiting(office) == [("not_owed", "663.90", None)]
    office.resolve(office.breaks()[0]["id"], "suspense")
    assert office.balances()["agent_network_receivable"] == "663.90"
    assert "0 breaks closed, 0" in office.run_successfully("breaks", "close-repeated")


@pytest.mark.parametrize(
    ("why", "sql"),
    [
        (
            "ck_settlement_file_two_people",
            "UPDATE settlement_file SET withdrawal_asked_by = 'Amina', withdrawal_reason = 'x',"
            " withdrawal_asked_at = now(), withdrawn_by = 'amina', withdrawn_at = now()",
        ),
        ("pk_network_payment", "INSERT INTO network_payment SELECT * FROM network_payment"),
        ("rows are never changed", "DELETE FROM network_payment"),
        (
            "uq_reconciliation_break_waiting",
            "INSERT INTO reconciliation_break (kind, network, code, their_centimes, reference,"
            " opened_at) SELECT kind, network, code, their_centimes, reference, opened_at"
            " FROM reconciliation_break",
        ),
    ],
)
def test_the_database_refuses_what_breaks_a_told_payment(
    office: BackOffice, why: str, sql: str
) -> None:
    office.match(office.file(paid_line(NOBODY, "55")))
    with (
        pytest.raises(DBAPIError, match=why),
        office.payments.runtime.owners_database.begin() as connection,
    ):
        connection.execute(text(sql))
    assert [kind for kind, *_ in _waiting(office)] == ["missing_here"]


def test_the_database_refuses_a_charge_of_more_than_the_network_says(office: BackOffice) -> None:
    """A resolution of what was corrected meanwhile, by whatever way it came."""
    aicha, _, _ = _pay(office, AICHA)
    office.match(office.file(paid_line(aicha, "600")))
    number = office.breaks()[0]["id"]
    office.run_successfully(
        "breaks", "propose", str(number), "suspense", "--by", "amina", "--reason", "x"
    )
    with office.payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE network_payment SET amount_centimes = 500"))
    office.run_successfully("breaks", "approve", str(number), "--by", "driss")
    refused = office.run("breaks", "approve", str(number), "--by", "leila")
    assert "charges more than the network says" in f"{refused.exception}"
    with office.payments.runtime.database.begin() as connection:
        connection.execute(text("UPDATE network_payment SET amount_centimes = 60000"))


def test_late_cash_that_was_confirmed_and_then_told_otherwise_is_a_break(
    office: BackOffice,
) -> None:
    driss = office.payments.issue(DRISS)
    office.match(office.file(paid_line(driss.code, driss.total)))
    office.resolve(office.breaks()[0]["id"], "late_confirmation")
    office.match(office.file(paid_line(driss.code, driss.total, status="reversed"), name="2.csv"))
    (found,) = office.breaks()
    assert found["kind"] == "reversed_there"
    office.resolve(found["id"], "reverse")
    assert office.balances() == {}
