"""Ways in which programs write one and the same table: bytes of the file, by the program's name."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Mapping, Sequence

Rows = Sequence[Sequence[str]]
Writing = Callable[[Rows], bytes]


def write(
    rows: Rows, separator: str = ",", end: str = "\r\n", quoting: int = csv.QUOTE_MINIMAL
) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)
    return text.getvalue()


def mix_line_ends(rows: Rows) -> bytes:
    ends = ("\n", "\r\n", "\r", "\r\r\n")
    return "".join(
        write([row], ",", ends[at % 4], csv.QUOTE_ALL) for at, row in enumerate(rows)
    ).encode()


def move_columns(rows: Rows) -> bytes:
    """Writes the columns backwards, under other spellings, with two more and an empty one."""
    header = [f" {name.upper().replace('_', ' ')}\u200f" for name in rows[0]]
    moved = [["remark", *header[::-1], "line", ""]]
    moved += [["x?\u00e9", *row[::-1], str(at), ""] for at, row in enumerate(rows[1:])]
    return write(moved).encode()


WRITINGS: Mapping[str, Writing] = {
    "plain": lambda rows: write(rows, end="\n").encode(),
    "Excel, CSV UTF-8 in French": lambda rows: codecs.BOM_UTF8 + write(rows, ";").encode(),
    "Excel, Unicode text": lambda rows: codecs.BOM_UTF16_LE + write(rows, "\t").encode("utf-16-le"),
    "UTF-16 of the other order": lambda rows: codecs.BOM_UTF16_BE + write(rows).encode("utf-16-be"),
    "Excel's own first line": lambda rows: b"\xef\xbb\xbfsep=;\r\n" + write(rows, ";").encode(),
    "LibreOffice": lambda rows: write(rows, quoting=csv.QUOTE_ALL, end="\n").encode(),
    "Google Sheets, without a last line end": lambda rows: write(rows).strip().encode(),
    "Numbers for macOS of old": lambda rows: write(rows, ";", "\r", csv.QUOTE_ALL).encode(),
    "a database": lambda rows: write(rows, "|", end="\n").encode(),
    "two programs, one after the other": mix_line_ends,
    "other columns": move_columns,
    "lines of separators": lambda rows: (
        b"\r\n;;;\r\n"
        + write([*rows[:1], [""] * 9, *rows[1:], [" "] * 30], ";").encode()
        + b"\r\n\r\n"
    ),
}
# Marks and blanks that nobody sees; the first ones stand anywhere in a cell.
MARKS = (
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2064\u2066\u2067\u2068"
    "\u2069\ufeff\u00ad\u061c\u180e\u034f\ufe0f"
)
BLANKS = "\u00a0\u202f\u2007\u2009\u2003\u3000\u205f \t"
ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
