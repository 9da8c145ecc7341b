"""CSV that leaves the house runs nothing in a spreadsheet, and can be read back by programs."""

from __future__ import annotations

import csv
import io
import re

import pytest

from app.base.csv_writing import write_cell, write_rows
from app.settings import ROOT

# Texts that a spreadsheet would run, in the writings that are known.
FORMULAS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1+1)",
    "-",
    "+",
    "=",
    " =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\u202e=1+1",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\x00=1+1",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1)",
    "﹢1+1",
    "−1+1",
    "+212600000001+1",
    "-163.52-1",
    "+2126 00 00 00 01;",
    "name;=1+1",
    "name; =1+1",
    "name\t=1+1",
    "name\r\n@SUM(1)",
    "\tname",
    "\rname",
]
AS_THEY_ARE = [
    "",
    "+212600000001",
    "-163.52",
    "163.52",
    "-163,52",
    "2026-11-23",
    "2026-11-23T10:00:00+01:00",
    "CNSS-1",
    "Aïcha El Fassi",
    "فاطمة الزهراء",
    "L'Oriental",
    "a=b",
    "a - b",
    "W-1/2@x",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formula_gets_a_mark_of_text(text: str) -> None:
    safe = write_cell(text)
    for separator in ("[,]", "[;]", r"[\t]", r"[\r\n]"):
        for cell in re.split(separator, safe):
            seen = re.sub(r"[\s\u200b\ufeff\u202e\u00a0\x00]", "", cell)
            assert seen[:1] not in tuple("=+-@＝＋－＠﹢−"), (separator, safe)
    assert safe[:1] not in ("\t", "\r", "\n")
    assert safe.replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize("text", AS_THEY_ARE)
def test_what_is_no_formula_is_written_as_it_is(text: str) -> None:
    assert write_cell(text) == text


def test_rows_are_read_back_by_a_program() -> None:
    rows = [["phone", "name"], ["+212600000001", 'a "b", c'], [None, "x\ny"], ["-1.50", "=A1"]]
    file = io.StringIO(newline="")
    write_rows(file, rows)
    assert list(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [
        *rows[:2],
        ["", "x\ny"],
        ["-1.50", "'=A1"],
    ]


def test_no_other_code_of_the_house_writes_csv() -> None:
    writers = re.compile(r"csv\.(writer|DictWriter)\b")
    found = [file.name for file in (ROOT / "app").rglob("*.py") if writers.search(file.read_text())]
    assert found == ["csv_writing.py"]
