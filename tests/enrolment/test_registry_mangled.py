"""Files that a spreadsheet, an editor or a cut line mangled: reasons, never a half import."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from app.enrolment.registry_rows import FIELDS, parse_row
from app.files.errors import FileRefused
from app.files.lines import BadRow, split_line
from app.files.table import GivenFile, open_table
from tests.database import empty
from tests.enrolment.registry_lines import GOOD, HEADER, KEYS, TODAY, line, load, numbered, stored
from tests.enrolment.registry_lines import rejections as read_rejections

LINES = [numbered(index, phone=f"06000000{index:02}") for index in range(12)]
DAMAGE = (
    "9.2E+08",
    "960001.0",
    "#N/A",
    "#REF!",
    "########",
    "NULL",
    "TOTAL",
    "'960001",
    "=A1",
    "960001 960002",
    "31114",
    "\u200b",
    "\ufeff",
    "\u00a0",
    "",
    "-",
)
OPTIONAL = ("cnss_number", "cin", "phone", "annual_tax", "enrolled_on", "rights_until")
READ = {
    "annual_tax": ("960001.0", "'960001"),
    "rna_number": ("'960001",),
    "cin": ("'960001",),
}
Mangle = Callable[[random.Random, list[bytes]], list[bytes]]


def spoil_cell(chance: random.Random, lines: list[bytes]) -> list[bytes]:
    at = chance.randrange(len(lines))
    cells = lines[at].split(b",")
    cells[chance.randrange(len(cells))] = chance.choice(DAMAGE).encode()
    return [*lines[:at], b",".join(cells), *lines[at + 1 :]]


def cut_bytes(chance: random.Random, lines: list[bytes]) -> list[bytes]:
    whole = b"\n".join(lines)
    start = chance.randrange(len(whole))
    return (whole[:start] + whole[start + chance.randrange(1, 40) :]).split(b"\n")


def change_byte(chance: random.Random, lines: list[bytes]) -> list[bytes]:
    whole = bytearray(b"\n".join(lines))
    whole[chance.randrange(len(whole))] = chance.randrange(256)
    return bytes(whole).split(b"\n")


def repeat_line(chance: random.Random, lines: list[bytes]) -> list[bytes]:
    return [*lines, chance.choice(lines)]


def move_columns(chance: random.Random, lines: list[bytes]) -> list[bytes]:
    at = chance.randrange(len(lines))
    cells = lines[at].split(b",")
    return [*lines[:at], b",".join([*cells[1:], cells[0]]), *lines[at + 1 :]]


def add_total(chance: random.Random, lines: list[bytes]) -> list[bytes]:
    return [*lines, b"TOTAL" + b"," * 15, b"," * 15]


def change_separators(_chance: random.Random, lines: list[bytes]) -> list[bytes]:
    return [one.replace(b",", b";") for one in lines]


def change_encoding(_chance: random.Random, lines: list[bytes]) -> list[bytes]:
    return b"\n".join(lines).decode(errors="replace").encode("utf-16").split(b"\n")


MANGLES: tuple[Mangle, ...] = (
    spoil_cell,
    cut_bytes,
    change_byte,
    repeat_line,
    move_columns,
    add_total,
    change_separators,
    change_encoding,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 2**32), mangles=st.lists(st.sampled_from(MANGLES), min_size=1, max_size=5)
)
def test_mangled_file_ends_in_reasons_and_whole_people(
    engine: Engine, owner: Engine, tmp_path: Path, seed: int, mangles: list[Mangle]
) -> None:
    empty(owner)
    chance, lines = random.Random(seed), [HEADER.encode(), *(one.encode() for one in LINES)]
    for mangle in mangles:
        lines = mangle(chance, lines)
    file = tmp_path / "rna.csv"
    file.write_bytes(b"\n".join(lines))
    try:
        report = load(engine, file)
    except FileRefused as refused:
        assert refused.params["why"]
        assert stored(engine, "id") == []
        return
    people = stored(engine, "rna_number")
    assert len(people) == report.created
    assert report.read == report.created + report.rejected
    rejected = read_rejections(file)
    assert len(rejected) == report.rejected
    assert all(why for _, why in rejected)
    good = set()
    with open_table(GivenFile(file), FIELDS) as table:
        for row in table.read_rows():
            with suppress(BadRow):
                good.add(parse_row(row.cells, KEYS, TODAY)[0])
    assert {number for (number,) in people} <= good
    again = load(engine, file)
    assert (again.created, again.updated, again.unchanged) == (0, 0, report.created)


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize("damage", DAMAGE[:9])
def test_damage_in_any_cell_is_refused_or_harmless(field: str, damage: str) -> None:
    """A reason names the field; of a name, letters that are no error of a spreadsheet stay."""
    fields = split_line(line(**{field: damage}).encode())
    try:
        parse_row(fields, KEYS, TODAY)
    except BadRow as bad:
        assert f"{field}: " in str(bad)
    else:
        assert field in {
            "full_name",
            "full_name_ar",
            "trade",
            "region",
            "province",
            "coefficient",
            *(OPTIONAL if damage in ("#N/A", "NULL") else ()),
        } or damage in READ.get(field, ())


def test_reasons_show_neither_cin_nor_phone() -> None:
    for field in ("cin", "phone"):
        for damage in ("2.12612E+11", "''AB123456", "AB123456 CD654321", "0612345678/0698765432"):
            with pytest.raises(BadRow) as bad:
                parse_row(split_line(line(**{field: damage}).encode()), KEYS, TODAY)
            told = json.dumps(str(bad.value))
            assert not any(part in told for part in ("12612", "123456", "654321", "98765"))
