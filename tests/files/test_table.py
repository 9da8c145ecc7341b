"""One table is the same rows however a program wrote it; a damaged line is named alone."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.base.errors import InvalidInput
from app.base.identifiers import plain_signs
from app.base.marks import spell_plainly
from app.files import opening
from app.files.days import DayOrder, read_day_cell
from app.files.decimals import read_decimal_cell
from app.files.errors import FileRefused
from app.files.table import GivenFile, open_table
from tests.files.writings import BLANKS, MARKS, WRITINGS

FIELDS = ("number", "name", "day")
ROWS = (
    FIELDS,
    ("1", "Zineb Alaoui", "1985-03-08"),
    ("2", 'فاطمة; الزهراء, بنت "علي"', ""),
    ("3", "", "1990-01-01"),
    ("4", "Deux\nlignes", "1962"),
)


def read(path: Path, content: bytes) -> list[tuple[int, list[str] | str]]:
    """The rows of a file with the numbers of their lines, and the faults of others."""
    path.write_bytes(content)
    with open_table(GivenFile(path), FIELDS) as table:
        return [(row.line, row.fault or list(row.cells)) for row in table.read_rows()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


@pytest.mark.parametrize("program", WRITINGS)
def test_table_is_the_same_rows_whoever_wrote_it(path: Path, program: str) -> None:
    rows = [cells for _, cells in read(path, WRITINGS[program](ROWS))]
    assert rows == [list(row) for row in ROWS[1:]]


_cell = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"])
    | st.sampled_from(",;|\"'\n\t"),
    max_size=12,
).map(lambda text: text.strip().replace("\ufffd", "").replace("\ufffc", ""))


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.tuples(st.integers(0, 99).map(str), _cell, _cell), max_size=6),
    program=st.sampled_from(sorted(WRITINGS)),
)
def test_any_cells_come_back_from_any_program(
    path: Path, rows: list[tuple[str, str, str]], program: str
) -> None:
    read_back = [cells for _, cells in read(path, WRITINGS[program]([FIELDS, *rows]))]
    for written, cells in zip(rows, read_back, strict=True):
        if isinstance(cells, list):
            assert cells == [cell.strip() for cell in written]
        else:
            assert "broken" in cells or "quote" in cells


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['1,"a,x', "2,b,y"], [(2, "row: a quote is left open"), (3, ["2", "b", "y"])]),
        (['1,"a,x', "2,b,y", '3,c",z'], "row: a quote is left open"),
        (['1,a"b"c,x'], "row: a quote inside or beside"),
        (['1,"a\nb\n\nc",x', "2,b,y"], [(2, ["1", "a\nb\n\nc", "x"]), (6, ["2", "b", "y"])]),
        (['1,"a\nb",",\nc"', "2,b,y"], [(2, ["1", "a\nb", ",\nc"]), (5, ["2", "b", "y"])]),
        (["1,a"], "row: 2 fields, wanted 3"),
        (["1,a,x,", "1,a,x,y"], [(2, ["1", "a", "x"]), (3, "row: 4 fields, wanted 3")]),
        (["1," + "a" * 1_000_000 + ",x", "2,b,y"], "row: longer than 10000 bytes"),
        (['1,"' + "a\n" * 9000 + '",x'], "row: a quote is left open"),
        (["1,a\x00b,x"], "row: control character U+0000 at character 4"),
        (["1,a\ufffdb,x"], "name: a broken character U+FFFD at character 2"),
    ],
)
def test_damaged_line_is_named_and_the_others_are_read(
    path: Path, lines: list[str], expected: list[tuple[int, list[str] | str]] | str
) -> None:
    rows = read(path, "\n".join((",".join(FIELDS), *lines)).encode())
    if isinstance(expected, str):
        assert rows[0][0] == 2 and str(rows[0][1]).startswith(expected)
    else:
        assert rows == expected


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("", "file: empty"),
        (",,,\n\n;;", "file: empty"),
        ("number,name", "header: missing: day"),
        ("number,name,day,Name", "header: given twice: name"),
        ("number,name,nom", "header: missing: day; unknown: 'nom'"),
        ("1,Zineb,1985-03-08", "header: none of the columns number, name, day"),
        ("sep=:\nnumber:name:day", "header: the separator ':' is not known"),
        ("number:name:day", "header: none of the columns"),
    ],
)
def test_header_that_lacks_a_column_refuses_the_file(path: Path, header: str, why: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read(path, header.encode())
    assert refused.value.params["why"].startswith(why)


def test_columns_that_are_not_read_are_told(path: Path) -> None:
    path.write_text("day;number;Adresse;name;0612345678\n;1;x;Zineb;y\n", encoding="utf-8")
    with open_table(GivenFile(path), FIELDS) as table:
        assert table.notes == ("columns that are not read: 'adresse', (no name)",)
        assert [row.cells for row in table.require_rows()] == [["1", "Zineb", ""]]


@given(text=st.text("abcdeéèçأبتثج 0123456789/-", min_size=1, max_size=20), chance=st.randoms())
def test_marks_that_nobody_sees_change_no_text(text: str, chance: object) -> None:
    strewn = "".join(letter + chance.choice(MARKS + " ").strip() for letter in text)  # type: ignore[attr-defined]
    framed = f"{chance.choice(BLANKS)}{strewn}{chance.choice(BLANKS)}"  # type: ignore[attr-defined]
    assert spell_plainly(framed) == spell_plainly(text)
    assert plain_signs(framed) == plain_signs(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0,75", "0.75"),
        ("163,52", "163.52"),
        ("1 234,50", "1234.50"),
        ("1\u202f234\u00a0567,5", "1234567.5"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("١٦٣٫٥٢", "163.52"),
        ("+163.52", "163.52"),
        ("-1", "-1"),
        ("'163,52", "163.52"),
        ("163,52 د.م.", "163.52"),
        ("163.52 MAD", "163.52"),
    ],
)
def test_number_is_read_as_spreadsheets_write_it(text: str, number: str) -> None:
    assert read_decimal_cell(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "1,234",
        "12 34,5",
        "1.63E+02",
        "163,5,2",
        "1 2345",
        "(163,52)",
        "#####",
        "16 3",
        "",
        "12%",
        "=1",
    ],
)
def test_number_in_doubt_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_decimal_cell(text)


@pytest.mark.parametrize(
    ("days", "line"),
    [
        (["08/03/1985", "25/12/1985", "12/25/1985"], None),
        (["1985-03-08", "12/25/1985"], None),
        (["08/03/1985", "08/08/1985"], None),
        (["08/03/1985", "12/25/1985"], 2),
        (["12/25/1985", "8/3/1985 0:00", "12/31/1985", "25/12/1985"], 1),
    ],
)
def test_file_that_has_the_month_first_is_not_guessed(days: list[str], line: int | None) -> None:
    order = DayOrder()
    for number, day in enumerate(days, 1):
        order.note(number, day)
    if line is None:
        order.refuse_doubtful()
        return
    with pytest.raises(FileRefused) as refused:
        order.refuse_doubtful()
    assert refused.value.params["line"] == line


@given(st.dates())
def test_day_is_the_same_in_every_writing(day: object) -> None:
    year, month, of_month = str(day).split("-")
    for written in (
        f"{day}",
        f"{day} 00:00:00",
        f"{year}/{month}/{of_month}",
        f"{of_month}/{month}/{year}",
        f"{int(of_month)}.{int(month)}.{year}",
    ):
        assert read_day_cell(written) == str(day)


def test_a_file_of_returns_alone_is_no_more_in_memory_than_a_piece(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait for a line feed in the next piece, and a gigabyte of them may come."""
    monkeypatch.setattr(opening, "_PIECE", 1000)
    path.write_bytes(b"number,name,day" + b"\r" * 300_000 + b"1,Zineb,1962\r\r\n2,Ali,1962")
    tracemalloc.start()
    try:
        with opening.open_plain(path) as plain:
            peak = tracemalloc.get_traced_memory()[1]
            assert plain.read().count(b"\n") == 300_001
    finally:
        tracemalloc.stop()
    assert peak < 500_000
