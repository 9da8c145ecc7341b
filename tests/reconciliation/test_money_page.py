"""docs/money.md says what the program does: its tables are booked, compared and complete."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from app.base.money import Money
from app.files.table import GivenFile, open_table
from app.ledger.breaks import RESOLUTIONS
from app.ledger.models import ACCOUNTS, EVENTS
from app.payments.collector import Collector
from app.payments.deposits import CashConfirmation
from app.payments.models import CODE_STATES
from app.reconciliation import cnss_export, cnss_file
from app.settings import ROOT
from tests.reconciliation.conftest import BackOffice, paid_line
from tests.reconciliation.test_cnss import export_lines, import_answer

PAGE = (ROOT / "docs/money.md").read_text("utf-8")
FATIMA, HASSAN = "+212600000001", "+212600000002"


def _section(heading: str) -> str:
    found = re.search(rf"(?ms)^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE)
    assert found, heading
    return found[1]


def _rows(heading: str) -> list[list[str]]:
    rows = re.findall(r"(?m)^\|(.+)\|$", _section(heading))[2:]
    return [[cell.strip().strip("`") for cell in row.split("|")] for row in rows]


def _lines(heading: str) -> dict[str, int]:
    return {account: int(centimes) for account, centimes in _rows(heading)}


def _pay(office: BackOffice, phone: str = HASSAN) -> str:
    return office.payments.redeem(office.payments.issue(phone).code, phone)


def _other_amount(office: BackOffice) -> None:
    agent = office.payments.agent
    collector = Collector("page", "test", "wafacash", agent, "1001", other_amounts=True)
    code = office.payments.issue(HASSAN).code
    office.payments.confirm(collector, CashConfirmation(code, code, Money(70000)))


def _answered(office: BackOffice, state: str, month: str = "", why: str = "") -> None:
    receipt = _pay(office)
    export_lines(office)
    import_answer(office, f"posting,{receipt},,{month},{state},2026-11-23,,{why}")


def _refused_and_again(office: BackOffice) -> None:
    _answered(office, "refused", "2026-08", "unknown")
    office.resolve(office.breaks()[0]["id"], "send_again")


def _denied(office: BackOffice) -> None:
    _pay(office)
    fatima = office.payments.issue(FATIMA)
    _pay(office, FATIMA)
    office.match(office.file(paid_line(fatima.code, fatima.total)))
    office.resolve(office.breaks()[0]["id"], "suspense")


EXAMPLES: dict[str, Callable[[BackOffice], object]] = {
    "deposit": _pay,
    "deposit of 700.00, where other amounts are allowed": _other_amount,
    "reversal": lambda office: office.payments.reverse(_pay(office)),
    "posting": lambda office: _answered(office, "posted"),
    "posting_refused": lambda office: _answered(office, "refused", "2026-08", "unknown"),
    "posting_again": _refused_and_again,
    "resolution": _denied,
}


@pytest.mark.parametrize("heading", EXAMPLES)
def test_each_event_books_the_lines_of_the_page(office: BackOffice, heading: str) -> None:
    EXAMPLES[heading](office)
    sql = (
        "SELECT account, amount_centimes FROM ledger_line WHERE transaction_id ="
        " (SELECT max(id) FROM ledger_transaction WHERE event = :event)"
    )
    with office.payments.runtime.database.connect() as connection:
        rows = connection.execute(text(sql), {"event": heading.split()[0]})
        assert {row[0]: row[1] for row in rows} == _lines(heading)


def test_the_page_has_every_event() -> None:
    assert {heading.split()[0] for heading in EXAMPLES} == set(EVENTS)
    assert [row[0] for row in _rows("Codes")] == list(CODE_STATES)
    assert [row[0] for row in _rows("Accounts")] == list(ACCOUNTS)
    told = {row[0]: tuple(re.findall(r"\w+", row[3])) for row in _rows("Breaks")}
    assert told == dict(RESOLUTIONS)


def test_the_files_of_the_operators_page_can_be_read(tmp_path: Path) -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    export, answer = re.findall(r"(?ms)^```csv\n(.*?)^```$", page)
    assert export.splitlines()[0] == ",".join(cnss_export.HEADER)
    assert {len(line.split(",")) for line in export.splitlines()} == {len(cnss_export.HEADER)}
    path = tmp_path / "answer.csv"
    path.write_text(answer, encoding="utf-8")
    with open_table(GivenFile(path), cnss_file.HEADER) as table:
        records = [one.record for one in cnss_file.read_answers(table, date(2026, 11, 23))]
    assert set(records) == set(cnss_file.RECORDS)
