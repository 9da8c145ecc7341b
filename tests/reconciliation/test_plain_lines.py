"""A line that needs no mending is read at once; what it tells is what a closer look finds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from app.files.errors import FileRefused
from app.files.table import GivenFile
from app.reconciliation import network_file
from app.reconciliation.network_file import HEADER, Summary, read_lines

_PLAIN = ("W1", "480000000001", "163.52", "MAD", "2026-11-23T10:00:00+00:00", "9001", "T1", "paid")
# Cells as they may stand in a file, right and wrong ones, of which some look plain and are not.
_WRITINGS = {
    "transaction_reference": (
        *("w-1.a_b/9", "9f1c2b0e-77aa-4d1e-9d0c-0a1b2c3d4e5f", "1e5-7", "12E+3", "1E-5", "1.5E3"),
        *("TOTAL", "W" * 128, "W" * 129, "007", "W\\1", "é1", "", "W 1", "-1", "'1"),
    ),
    "code": ("480 000 000 001", "080000000001", "48000000000", "4.8E+11", "٤٨٠٠٠٠٠٠٠٠٠١", ""),
    "amount": ("0.00", "00.01", "163", "163.5", "163.520", "163,52", "1" * 12 + ".00", "-1.00"),
    "currency": ("mad", "EUR", ""),
    "paid_at": (
        *("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.25+01:00", "20261123T100000+0000"),
        *("2026-11-23T10:00:00", "2026-11-23", "2026-11-23T25:00:00+00:00", "1999-11-23T10:00:00Z"),
        *("2026-11-24T23:59:59+01:00", "2026-11-24T23:59:59+00:00", "2026-11-25T10:00:00+00:00"),
    ),
    "agent_id": ("", "W-RABAT-01", "TML0023", "n/a", "X", "null", "A" * 9 + "1", "9" * 65, "9 1"),
    "terminal_id": ("", "-", "T1/2", "tpe4"),
    "status": ("reversed", "PAID", "refunded", ""),
}


@pytest.mark.parametrize(
    ("place", "cell"),
    [(place, cell) for place, name in enumerate(HEADER) for cell in _WRITINGS[name]],
)
def test_a_line_read_at_once_tells_what_a_closer_look_finds(
    place: int, cell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [*_PLAIN]
    cells[place] = cell
    file = tmp_path / "day.csv"
    file.write_text(f"{','.join(HEADER)}\n{';'.join(cells)}\n".replace(",", ";", 7), "utf-8")
    at_once = _read(file)
    monkeypatch.setattr(network_file, "_read_plain_line", lambda _: None)
    assert at_once == _read(file)


def test_a_line_as_programs_write_it_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "day.csv"
    file.write_text(f"{','.join(HEADER)}\n{','.join(_PLAIN)}\n", "utf-8")
    monkeypatch.delattr(network_file, "_read_line")
    assert "W1" in _read(file)


def _read(file: Path) -> str:
    """Returns what a file tells, or its refusal."""
    try:
        return repr(list(read_lines(GivenFile(file), Summary(), date(2026, 11, 23))))
    except FileRefused as refused:
        return f"{refused!r} {vars(refused)}"
