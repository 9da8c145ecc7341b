"""Splits a table's bytes into lines, and a line into cells. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import BinaryIO

MAX_LINE_BYTES = 10_000
# What an empty line of a table has: separators, blanks, quotes.
NO_CONTENT = b' ,;|\t\r\n"'
SEPARATORS = ",;\t|"

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_QUOTED = r'"[^"]*(?:""[^"]*)*"'
_WELL_QUOTED = {
    mark: re.compile(rf'(?:{_QUOTED}|[^"{mark}]*)(?:[{mark}](?:{_QUOTED}|[^"{mark}]*))*')
    for mark in SEPARATORS
}
Line = tuple[int, int, bytes]


class BadRow(ValueError):
    """The faults of a row, as an operator reads them."""


def physical_lines(file: BinaryIO) -> Iterator[Line]:
    """Yields the number (from 1), the place of the first byte and the bytes of each line.

    The bytes have no line end. Of a line over MAX_LINE_BYTES only a little more than that is kept.
    """
    number, start = 0, file.tell()
    while line := file.readline(MAX_LINE_BYTES + 2):
        number += 1
        length = len(line)
        if not line.endswith(b"\n"):
            length += _skip_rest_of_line(file)
        yield number, start, line.rstrip(b"\r\n")
        start += length


def _skip_rest_of_line(file: BinaryIO) -> int:
    skipped = 0
    while piece := file.readline(1 << 16):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def decode_line(line: bytes) -> str:
    """Returns the text of a line. Raises: BadRow naming what is no text in it, and where."""
    if len(line) > MAX_LINE_BYTES:
        raise BadRow(f"longer than {MAX_LINE_BYTES} bytes")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise BadRow(f"not UTF-8 at byte {error.start + 1}") from None
    # Most lines are printable as a whole, which is known at once.
    if not text.isprintable() and (stray := _CONTROL.search(text)):
        raise BadRow(f"control character U+{ord(stray[0]):04X} at character {stray.start() + 1}")
    return text


def split_line(line: bytes, separator: str = ",") -> list[str]:
    """Splits one record into cells without surrounding blanks. Raises: BadRow if it is none."""
    return [cell.strip() for cell in _split_cells(decode_line(line), separator)]


def is_well_quoted(text: str, separator: str) -> bool:
    """Returns whether quotes stand around whole cells, and are doubled within."""
    return _WELL_QUOTED[separator].fullmatch(text) is not None


def _split_cells(text: str, separator: str) -> list[str]:
    if '"' not in text:
        return text.split(separator)
    if text.count('"') % 2:
        raise BadRow("a quote is left open")
    if not is_well_quoted(text, separator):
        raise BadRow("a quote inside or beside a field's text is not doubled")
    return next(csv.reader([text], delimiter=separator, strict=True))
