"""What CNSS is sent, once, and what its answer changes."""

from __future__ import annotations

import csv
import json
import stat
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import text

from app.reconciliation.cnss_file import HEADER
from tests.phone import TestPhone
from tests.reconciliation.conftest import BackOffice, paid_line

FATIMA, HASSAN, DRISS = (f"+21260000000{n}" for n in (1, 2, 7))


def export_lines(office: BackOffice, *more: str) -> list[dict[str, str]]:
    """The lines of an export but its last, which is the control total."""
    result = office.run("cnss", "export", "--on", "2026-11-30", *more)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(StringIO(result.stdout)))
    total = rows.pop()
    assert total["record"] == "TOTAL"
    payments = [row for row in rows if row["record"] == "payment"]
    assert total["reference"] == str(len(payments))
    assert float(total["total"]) == pytest.approx(sum(float(row["total"]) for row in payments))
    return rows


def write_answer(office: BackOffice, *lines: str, name: str = "answer.csv") -> Path:
    return office.file(*lines, name=name, header=",".join(HEADER))


def import_answer(office: BackOffice, *lines: str, name: str = "answer.csv") -> dict[str, int]:
    path = write_answer(office, *lines, name=name)
    found: dict[str, int] = json.loads(
        office.run_successfully("cnss", "import", str(path), "--json")
    )
    return found


def test_export_sends_each_paid_month_once(office: BackOffice) -> None:
    receipt = office.payments.redeem(office.payments.issue(HASSAN).code)
    rows = export_lines(office)
    assert [(row["reference"], row["period"], row["total"], row["status"]) for row in rows] == [
        (receipt, "2026-08", "168.43", "paid"),
        (receipt, "2026-09", "166.79", "paid"),
        (receipt, "2026-10", "165.16", "paid"),
        (receipt, "2026-11", "163.52", "paid"),
    ]
    assert rows[0]["rna_number"] == "100002" and rows[0]["cnss_number"]
    assert export_lines(office) == []


def test_export_sends_only_payments_up_to_its_day(office: BackOffice) -> None:
    office.payments.redeem(office.payments.issue(FATIMA).code)
    office.run_successfully("cnss", "export", "--on", "2026-11-22")
    assert office.payments.read_value("SELECT count(*) FROM cnss_batch") == 0
    assert len(export_lines(office)) == 1


def test_export_gives_each_file_its_own_name_and_writes_a_lost_one_again(
    office: BackOffice,
) -> None:
    names = []
    for phone in (FATIMA, HASSAN):
        office.payments.redeem(office.payments.issue(phone).code, phone)
        result = office.run("cnss", "export", "--on", "2026-11-30", "--to", str(office.folder))
        names.append(result.stderr.split(":")[0])
        file = office.folder / names[-1]
        written = file.read_text("utf-8")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert written == result.stdout
        again = office.run("cnss", "export", "--again", names[-1])
        assert again.stdout == written
    assert len(set(names)) == 2
    assert office.run("cnss", "export", "--again", "cnss-none.csv").exit_code == 2


def test_two_exports_at_once_send_nothing_twice(office: BackOffice) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from app.base.operation import operation
    from app.reconciliation.cnss_export import export_payments

    for phone in (FATIMA, HASSAN, DRISS):
        office.payments.redeem(office.payments.issue(phone).code, phone)
    runtime = office.payments.runtime
    day = runtime.clock().date()

    def export(_number: int) -> int:
        with operation(runtime.database, runtime.clock(), "operator") as change:
            return export_payments(change, day).lines

    with ThreadPoolExecutor(4) as many:
        assert sorted(many.map(export, range(4))) == [0, 0, 0, 6]


def test_import_books_a_posting(office: BackOffice, phone: TestPhone) -> None:
    receipt = office.payments.redeem(office.payments.issue(FATIMA).code)
    export_lines(office)
    line = f"posting,{receipt},,,posted,2026-11-23,,"
    assert import_answer(office, line) == {"posted": 1, "refused": 0, "changed": 0, "unchanged": 0}
    # The same file, and the same word in another file, change nothing.
    assert import_answer(office, line)["posted"] == 1
    assert import_answer(office, line, "", name="other.csv")["unchanged"] == 1
    assert office.balances() == {}
    assert "23/11" in phone.dial(FATIMA, "3")
    later = office.run("breaks", "ask-reversal", receipt, "--by", "amina", "--reason", "asked for")
    assert later.exit_code == 0
    number = str(office.breaks()[0]["id"])
    refused = office.run("breaks", "approve", number, "--by", "driss")
    assert refused.exit_code == 1 and "already_posted" in refused.output


def test_import_opens_a_break_for_a_refused_posting_that_is_sent_again(office: BackOffice) -> None:
    receipt = office.payments.redeem(office.payments.issue(HASSAN).code)
    export_lines(office)
    lines = (
        f"posting,{receipt},,2026-08,refused,2026-11-23,,unknown number",
        f"posting,{receipt},,2026-09,posted,2026-11-23,,",
    )
    counts = import_answer(office, *lines)
    assert (counts["posted"], counts["refused"]) == (1, 1)
    (found,) = office.breaks()
    assert (found["kind"], found["ours"], found["receipt"]) == (
        "posting_refused",
        "168.43",
        receipt,
    )
    assert found["details"]["reason"] == "unknown number"
    assert office.balances()["suspense"] == "-168.43"
    assert export_lines(office) == []
    office.resolve(found["id"], "send_again")
    assert "suspense" not in office.balances()
    (again,) = export_lines(office)
    assert (again["period"], again["attempt"]) == ("2026-08", "2")
    assert (
        import_answer(office, f"posting,{receipt},,,posted,2026-11-23,,", name="2.csv")["posted"]
        == 1
    )
    assert office.balances() == {}


def test_refund_does_not_give_a_month_that_cnss_refused_to_the_network(office: BackOffice) -> None:
    """Both wait in suspense, and only what was sent too much is the network's."""
    hassan = office.payments.issue(HASSAN)
    office.match(office.file(paid_line(hassan.code, "700.00")))
    office.resolve(office.breaks()[0]["id"], "late_confirmation")
    (too_much,) = office.breaks()
    export_lines(office)
    import_answer(
        office, f"posting,{too_much['receipt']},,2026-08,refused,2026-11-23,,unknown number"
    )
    office.resolve(too_much["id"], "refund")
    assert office.balances()["suspense"] == "-168.43"
    office.resolve(office.breaks()[0]["id"], "send_again")
    assert "suspense" not in office.balances()


def test_export_sends_a_reversal_of_a_sent_month(office: BackOffice) -> None:
    receipt = office.payments.redeem(office.payments.issue(FATIMA).code)
    export_lines(office)
    runtime = office.payments.runtime
    runtime.clock.now += timedelta(days=1)  # type: ignore[attr-defined]
    office.run_successfully(
        "breaks", "ask-reversal", receipt, "--by", "amina", "--reason", "wrong person"
    )
    office.approve(office.breaks()[0]["id"])
    (row,) = export_lines(office)
    assert (row["reference"], row["status"], row["total"]) == (receipt, "reversed", "-163.52")
    assert export_lines(office) == []
    # CNSS's answer to the first sending comes late: there is nothing left to book.
    assert import_answer(office, f"posting,{receipt},,,posted,2026-11-24,,")["posted"] == 1
    assert office.balances() == {}


def test_export_sends_how_a_reimbursement_is_collected(
    office: BackOffice, phone: TestPhone
) -> None:
    chosen = "UPDATE claim SET collection = 'cash', chosen_at = :now WHERE number = 'R-2026-0377'"
    with office.payments.runtime.database.begin() as connection:
        connection.execute(text(chosen), {"now": office.payments.runtime.clock()})
    (row,) = export_lines(office)
    assert (row["record"], row["reference"], row["status"]) == (
        "collection", "R-2026-0377", "cash",
    )  # fmt: skip
    assert export_lines(office) == []


def test_import_records_rights_enrolment_family_and_claims(
    office: BackOffice, phone: TestPhone
) -> None:
    counts = import_answer(
        office,
        "rights,,100001,,,2026-11-23,,2027-03-31",
        "enrolment,,100004,,enrolled,2026-11-20,,100000004",
        "family,,100002,,,2026-11-23,,1 3",
        "claim,R-2026-0412,100007,,ready,2026-11-23,88.50,2026-11-14",
        "claim,R-2026-0412,100007,,ready,2026-11-23,88.50,2026-11-14",
    )
    assert counts == {"posted": 0, "refused": 0, "changed": 4, "unchanged": 1}
    assert "31/03/2027" in phone.dial(FATIMA, "1")
    told = office.payments.read_value(
        "SELECT body FROM message WHERE event_key = 'claim_ready:R-2026-0412'"
    )
    assert "88,50 DH" in str(told)
    assert "163,52" in phone.dial("+212600000004", "2")
    assert import_answer(
        office, "enrolment,,100006,,incomplete,2026-11-23,,card form", name="b.csv"
    )


def test_import_records_the_number_of_one_whom_the_register_enrolled_without(
    office: BackOffice,
) -> None:
    with office.payments.runtime.database.begin() as connection:
        connection.execute(
            text("UPDATE artisan SET cnss_number = NULL WHERE rna_number = '100001'")
        )
    line = "enrolment,,100001,,enrolled,2026-11-20,,100000991"
    assert import_answer(office, line)["changed"] == 1
    stored = "SELECT cnss_number, enrolled_on::text FROM artisan WHERE rna_number = '100001'"
    with office.payments.runtime.database.connect() as connection:
        number, enrolled_on = connection.execute(text(stored)).one()
    assert number == "100000991" and enrolled_on != "2026-11-20"
    assert import_answer(office, line, "", name="again.csv")["unchanged"] == 1
    other = line.replace("991", "992")
    assert import_answer(office, other, name="other.csv")["unchanged"] == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("posting,10000014,,,posted,2026-11-23,,", "nothing of it was sent"),
        ("posting,abc,,,posted,2026-11-23,,", "reference: not a receipt"),
        ("posting,10000014,,2026-13,posted,2026-11-23,,", "period: not a month"),
        ("claim,R-1,100007,,ready,2026-11-23,12 34,2026-11-20", "amount: not a number"),
        ("posting,10000014,,,lost,2026-11-23,,", "state: neither"),
        ("posting,10000014,,,refused,2026-11-23,,", "details: no reason"),
        ("posting,10000014,,,posted,2026-11-24,,", "on: no day up to today"),
        ("rights,,999,,,2026-11-23,,2027-01-31", "rna_number: nobody's"),
        ("rights,,100001,,,2026-11-23,,soon", "details: not the last day"),
        ("family,,100001,,,2026-11-23,,many", "details: not the numbers"),
        ("enrolment,,100004,,enrolled,2026-11-20,,100000001", "another artisan's"),
        ("enrolment,,100004,,incomplete,2026-11-20,,hat", "details: not parts"),
        ("claim,R-1,100001,,ready,2026-11-23,,2026-11-01", "amount: missing"),
        ("claim,R-2026-0377,100001,,filed,2026-11-23,,2026-11-01", "another artisan's claim"),
        ("claim,R-1,100001,,filed,2026-11-23,,2026-12-01", "details: not the day"),
        ("payment,R-1,100001,,filed,2026-11-23,,", "record: none of"),
        ("a,b", "2 fields, wanted 8"),
    ],
)
def test_import_refuses_a_file_with_a_wrong_line_whole(
    office: BackOffice, line: str, words: str
) -> None:
    before = office.payments.read_value("SELECT max(rights_as_of)::text FROM artisan")
    path = write_answer(office, "rights,,100001,,,2026-11-23,,2027-05-31", line)
    result = office.run("cnss", "import", str(path))
    assert result.exit_code == 1
    assert "line 3: " in result.output and words in result.output
    assert office.payments.read_value("SELECT max(rights_as_of)::text FROM artisan") == before
    rights = "SELECT count(*) FROM artisan WHERE rights_until = '2027-05-31'"
    assert office.payments.read_value(rights) == 0
