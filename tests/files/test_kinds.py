"""Every kind of file is read alike, whoever wrote it and with whatever marks nobody sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from random import Random

import pytest
from stdnum import damm

from app.agents import agency_file
from app.agents.agency_file import read_agencies
from app.enrolment import registry_rows
from app.enrolment.registry_rows import parse_row
from app.enrolment.sample_rows import sample_rows
from app.files.errors import FileRefused
from app.files.table import GivenFile, open_table
from app.reconciliation import cnss_file, network_file
from app.reconciliation.cnss_file import read_answers
from app.reconciliation.network_file import Summary, read_lines
from tests.enrolment.registry_lines import KEYS, TODAY
from tests.files.writings import ARABIC_DIGITS, BLANKS, MARKS, WRITINGS, Rows

CODE = "48217305961" + damm.calc_check_digit("48217305961")
PAID_AT = "2026-11-23T10:00:00+00:00"
Reading = Callable[[Path], Iterable[object]]


def read_register(path: Path) -> list[object]:
    with open_table(GivenFile(path), registry_rows.FIELDS) as table:
        return [parse_row(row.cells, KEYS, TODAY) for row in table.require_rows()]


def read_settlement(path: Path) -> list[object]:
    # Lines are numbered by the file; what they say is the rest.
    lines = read_lines(GivenFile(path), Summary(), date(2026, 11, 23))
    return [
        (one.reference, one.code, one.amount, one.paid_at, one.agent, one.status) for one in lines
    ]


def read_cnss(path: Path) -> list[object]:
    with open_table(GivenFile(path), cnss_file.HEADER) as table:
        answers = list(read_answers(table, date(2026, 11, 23)))
    return [
        (a.record, a.reference, a.rna_number, a.month, a.on, a.amount, a.details) for a in answers
    ]


KINDS: dict[str, tuple[Reading, Rows]] = {
    "register": (read_register, [line.split(",") for line in sample_rows(12, 3)]),
    "agencies": (
        read_agencies,
        (
            agency_file.FIELDS,
            (
                "W-AZROU-01",
                "Wafacash Azrou",
                "Azrou",
                "Bd Hassan II 3",
                "8:30-12:30 / 14h-18h",
                "",
                "yes",
            ),
            ("W-FES-09", "Wafacash Fès", "فاس", "Place Batha 3", "8:30-18:00", "9:00-13:00", "no"),
        ),
    ),
    "settlement": (
        read_settlement,
        (
            network_file.HEADER,
            ("W1", CODE, "163.52", "MAD", PAID_AT, "1001", "T1", "paid"),
            ("W1", CODE, "163.52", "MAD", PAID_AT, "1001", "", "reversed"),
        ),
    ),
    "CNSS": (
        read_cnss,
        (
            cnss_file.HEADER,
            ("posting", "10000014", "", "2026-11", "refused", "2026-11-23", "", "unknown number"),
            ("enrolment", "", "100004", "", "enrolled", "2026-11-20", "", "100000004"),
            ("claim", "R-2026-0412", "100007", "", "ready", "2026-11-23", "88.50", "2026-11-14"),
            ("family", "", "100002", "", "", "2026-11-23", "", "1 3"),
        ),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("program", WRITINGS)
def test_every_kind_is_the_same_rows_whoever_wrote_it(
    tmp_path: Path, kind: str, program: str
) -> None:
    read, rows = KINDS[kind]
    plain, other = tmp_path / "plain.csv", tmp_path / "other.csv"
    plain.write_bytes(WRITINGS["plain"](rows))
    other.write_bytes(WRITINGS[program](rows))
    assert list(read(other)) == list(read(plain)) != []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_marks_that_nobody_sees_change_no_row(tmp_path: Path, kind: str, seed: int) -> None:
    read, rows = KINDS[kind]
    chance = Random(seed)

    def strew(cell: str) -> str:
        """Sets marks between the letters, blanks around, and digits of another script."""
        text = "".join(letter + chance.choice(MARKS) * chance.randrange(2) for letter in cell)
        return f"{chance.choice(BLANKS)}{text}{chance.choice(BLANKS)}"

    plain, other = tmp_path / "plain.csv", tmp_path / "other.csv"
    plain.write_bytes(WRITINGS["plain"](rows))
    other.write_bytes(WRITINGS["LibreOffice"]([[strew(cell) for cell in row] for row in rows]))
    assert list(read(other)) == list(read(plain))
    if kind in ("settlement", "CNSS"):
        digits = [rows[0], *([cell.translate(ARABIC_DIGITS) for cell in row] for row in rows[1:])]
        digits = [[*row[:2], *new[2:]] for row, new in zip(rows, digits, strict=True)]
        other.write_bytes(WRITINGS["Excel, Unicode text"](digits))
        assert list(read(other)) == list(read(plain))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda content: b"PK\x03\x04[Content_Types].xml" + content, "an Excel workbook (.xlsx)"),
        (lambda content: content + "é".encode("cp1252"), "not UTF-8"),
        (lambda content: content.replace(b"\n", b",,x\n"), "fields, wanted"),
        (lambda content: content + b'"open', "a quote is left open"),
        (lambda content: content.decode().encode("utf-16-le"), "UTF-16 without its mark"),
        (lambda content: b"", "file: empty"),
    ],
)
def test_every_kind_names_the_same_damage_alike(
    tmp_path: Path, kind: str, damage: Callable[[bytes], bytes], why: str
) -> None:
    read, rows = KINDS[kind]
    path = tmp_path / "damaged.csv"
    content = WRITINGS["plain"](rows)
    header, newline, others = content.partition(b"\n")
    spoilt = damage(content) if b",,x" not in damage(b"\n") else header + newline + damage(others)
    path.write_bytes(spoilt)
    with pytest.raises(FileRefused) as refused:
        list(read(path))
    assert why in refused.value.params["why"]
