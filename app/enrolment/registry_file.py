"""The ministry's file on disk: its lines, its header, and the file of rejected rows beside it.

Every physical line is one record, so an open quote spoils its own line and no other.
"""

import codecs
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

from app.base.csv_writing import write_rows
from app.base.errors import MaalemError
from app.base.identifiers import plain_writing
from app.base.private_files import replacing
from app.enrolment.registry_rows import FIELDS, MAX_LINE_BYTES, BadRow, split_line

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SHOWN_OF_LONG_LINE = 200
_UTF_16_OR_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


class RegistryRefused(MaalemError):
    """The whole file is unusable and nothing was stored; `line` and `why` name the fault."""

    code = "registry_refused"


def open_registry(path: Path) -> BinaryIO:
    """Opens the file for reading from any place. Raises: OSError."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "Not a regular file", str(path))
    return path.open("rb", buffering=1 << 16)


def physical_lines(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Yields the number (from 1), the place of the first byte and the bytes of each line.

    The bytes have no line end. Of a line over MAX_LINE_BYTES only a little more than that is kept.
    """
    start = 0
    for number in count(1):
        line = file.readline(MAX_LINE_BYTES + 2)
        if not line:
            return
        length = len(line)
        if not line.endswith(b"\n"):
            length += _skip_rest_of_line(file)
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        yield number, start, line.rstrip(b"\r\n")
        start += length


def _skip_rest_of_line(file: BinaryIO) -> int:
    skipped = 0
    while piece := file.readline(1 << 16):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def check_header(lines: Iterator[tuple[int, int, bytes]]) -> None:
    """Reads the first line and checks that it names the columns in order.

    The columns are those of docs/contract.md, Files. Raises: RegistryRefused.
    """
    for _, _, line in lines:
        if line.startswith(_UTF_16_OR_32):
            raise RegistryRefused(line=1, why="header: the file is UTF-16 or UTF-32, wanted UTF-8")
        if not line.strip():
            raise RegistryRefused(line=1, why="header: blank line")
        try:
            names = [plain_writing(name) for name in split_line(line)]
        except BadRow as bad:
            why = str(bad).removeprefix("row: ")
            raise RegistryRefused(line=1, why=f"header: {why}") from None
        if names != list(FIELDS):
            raise RegistryRefused(line=1, why=f"header: {_header_fault(names)}")
        return
    raise RegistryRefused(line=1, why="file: empty, wanted at least the header")


def _header_fault(names: Sequence[str]) -> str:
    if len(names) == 1:
        separator = next((mark for mark in (";", "|") if mark in names[0]), None)
        if separator:
            return f"columns are separated by {separator!r}, wanted ','"
    faults = {
        "missing": [name for name in FIELDS if name not in names],
        "unknown": [repr(name[:40]) for name in names if name not in FIELDS],
        "given twice": [name for name in FIELDS if names.count(name) > 1],
    }
    parts = [f"{what}: {', '.join(which[:20])}" for what, which in faults.items() if which]
    if parts:
        return "; ".join(parts)
    at, name, wanted = next(
        (at, name, wanted)
        for at, (name, wanted) in enumerate(zip(names, FIELDS, strict=True), 1)
        if name != wanted
    )
    return f"columns in another order: column {at} is {name}, wanted {wanted}"


def rejected_path(path: Path) -> Path:
    """Returns the path of the rows rejected from `path`: `x.csv.rejected.csv`."""
    return path.with_name(path.name + ".rejected.csv")


def replace_rejected(path: Path, file: BinaryIO, rejected: Iterable[tuple[int, int, str]]) -> int:
    """Writes the rejected file beside `path`, or removes it if there are no rows.

    `rejected` gives line, place of its first byte, and reason. The file is replaced as a whole, so
    that a reader finds no part of one; it holds CINs, so only its owner may read it.
    Returns the number of rows.
    """
    final, first = rejected_path(path), next(rows := iter(rejected), None)
    if first is None:
        final.unlink(missing_ok=True)
        return 0
    written = 0
    with replacing(final) as out:
        write_rows(out, [("line", "reason", "row")])
        for written, (number, start, reason) in enumerate(chain([first], rows), 1):  # noqa: B007
            write_rows(out, [(number, reason, _row_text(file, start))])
    return written


def _row_text(file: BinaryIO, start: int) -> str:
    """Returns the line as it stands, with unprintable bytes written as `\\x00`."""
    file.seek(start)
    line = file.readline(MAX_LINE_BYTES + 2).rstrip(b"\r\n")
    if len(line) > MAX_LINE_BYTES:
        line = line[:_SHOWN_OF_LONG_LINE] + b"..."
    text = line.decode(errors="backslashreplace")
    return _UNSEEN.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
