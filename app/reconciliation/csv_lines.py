"""Reads a CSV file line by line; the first wrong line refuses the whole file. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from app.reconciliation.errors import FileRefused

TOTAL = "TOTAL"
_LONGEST_LINE = 2000


def compute_digest(path: Path) -> bytes:
    """Returns the SHA-256 of the file, by which a second import is recognised."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.digest()


def read_rows(path: Path, header: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yields the number and the fields of every line after the header, which is line 1.

    Raises: FileRefused for another header, bytes that are not UTF-8, a line with more or fewer
    fields, one that is too long, or a quoted field over several lines.
    """
    for number, line in _read_lines(path):
        fields = _split_fields(number, line)
        if number == 1:
            if fields != list(header):
                raise FileRefused(line=1, why=f"the header is not {','.join(header)}")
        elif line.strip():
            if len(fields) != len(header):
                why = f"{len(fields)} fields instead of {len(header)}"
                raise FileRefused(line=number, why=why)
            yield number, fields


def _read_lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    with path.open("rb") as file:
        while raw := file.readline(_LONGEST_LINE + 2):
            number += 1
            if len(raw.rstrip(b"\r\n")) > _LONGEST_LINE:
                raise FileRefused(line=number, why=f"over {_LONGEST_LINE} bytes")
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise FileRefused(line=number, why="not UTF-8") from None
            if "\0" in line:
                raise FileRefused(line=number, why="a NUL byte")
            yield number, line.rstrip("\r\n")
    if number == 0:
        raise FileRefused(line=1, why="an empty file")


def _split_fields(number: int, line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise FileRefused(line=number, why=f"not CSV: {error}") from None
