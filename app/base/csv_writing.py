"""Writes every CSV file that leaves the house: no cell of it is a formula to a spreadsheet. Pure.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`. A number with its sign, as an
amount or a phone, is what it is and is written as it is, so that programs read it back; any other
such text gets an apostrophe, a spreadsheet's mark of text.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable
from typing import TextIO

_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?", re.ASCII)
# Where French is spoken a spreadsheet begins a cell at each semicolon, whatever the file has.
_BEGINNINGS = re.compile(r"([;\t\r\n]+)")
# Blanks and letters without a shape, behind which a spreadsheet still sees the sign.
_UNSEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\x00-\x1f\x7f-\x9f]*")
_SIGNS = "=+-@"
_MINUS = "\u2212"


def write_rows(file: TextIO, rows: Iterable[Iterable[object]]) -> None:
    """Writes rows, each cell as `write_cell` does; an empty cell for None."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([write_cell(value) for value in row] for row in rows)


def write_cell(value: object) -> str:
    """Returns a value as text that no spreadsheet runs."""
    text = "" if value is None else str(value)
    if text.isalnum() or _NUMBER.fullmatch(text):
        return text
    safe = "".join(f"'{part}" if _is_formula(part) else part for part in _BEGINNINGS.split(text))
    return f"'{safe}" if safe[:1] in ("\t", "\r", "\n") else safe


def _is_formula(part: str) -> bool:
    """Returns whether a cell with this text would be run, full-width signs and the like too."""
    seen = _UNSEEN.sub("", part, count=1)
    sign = unicodedata.normalize("NFKC", seen[:1])
    return bool(sign) and sign in (*_SIGNS, _MINUS) and not _NUMBER.fullmatch(part)
