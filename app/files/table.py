"""Reads a CSV file as rows of the columns that are wanted: separator, header, quotes. Pure.

A cell in quotes may have line breaks. A quote left open spoils its own line and no other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.files.errors import FileRefused
from app.files.header import Header, read_header
from app.files.lines import (
    MAX_LINE_BYTES,
    NO_CONTENT,
    BadRow,
    Line,
    is_well_quoted,
    physical_lines,
    split_line,
)
from app.files.opening import open_plain
from app.files.words import find_broken_letter

_MOST_LINES_OF_A_RECORD = 30


@dataclass(slots=True)
class TableRow:
    """A record: its first line, the place of its first byte, and its cells or its fault."""

    line: int
    start: int
    cells: Sequence[str] = ()
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file that somebody gave; `encoding` is told where its bytes do not tell it."""

    path: Path
    encoding: str | None = None
    # Gets the number of each line that was read, for who waits.
    tell: Callable[[int], None] | None = None


@contextmanager
def open_table(file: GivenFile, fields: Sequence[str]) -> Iterator[Table]:
    """Opens the file and reads its header, which names `fields` in any order.

    Raises: FileRefused if the file is no such table, OSError.
    """
    with open_plain(file.path, file.encoding) as plain:
        lines = physical_lines(plain)
        told = _tell_each(lines, file.tell) if file.tell else lines
        yield Table(plain, told, fields, read_header(lines, fields))


def _tell_each(lines: Iterator[Line], tell: Callable[[int], None]) -> Iterator[Line]:
    for line in lines:
        yield line
        tell(line[0])


class Table:
    """An open file behind its header; `notes` say what was not as usual and is no fault."""

    def __init__(
        self, file: BinaryIO, lines: Iterator[Line], fields: Sequence[str], header: Header
    ) -> None:
        self.file = file
        self.notes = header.notes
        self._lines = lines
        self._fields = fields
        self._header = header
        self._waiting: deque[Line] = deque()

    def read_rows(self) -> Iterator[TableRow]:
        """Yields every record that has content, in the file's order, its cells as `fields`."""
        while (line := self._take_line()) is not None:
            number, start, content = line
            if not content.strip(NO_CONTENT):
                continue
            try:
                cells = self._read_cells(self._complete(content))
            except BadRow as bad:
                yield TableRow(number, start, fault=f"row: {bad}")
                continue
            if fault := self._find_broken_cell(cells):
                yield TableRow(number, start, fault=fault)
            elif any(cells):
                yield TableRow(number, start, cells)

    def require_rows(self) -> Iterator[TableRow]:
        """Yields every record; the first one at fault refuses the file. Raises: FileRefused."""
        for row in self.read_rows():
            if row.fault:
                column, _, why = row.fault.partition(": ")
                if column == "row":
                    raise FileRefused(line=row.line, why=why, fault="row")
                raise FileRefused(line=row.line, why=row.fault, fault="column", column=column)
            yield row

    def read_record_at(self, start: int) -> bytes:
        """Returns the bytes of the record that begins at a row's `start`, once all are read."""
        self.file.seek(start)
        again = Table(self.file, physical_lines(self.file), self._fields, self._header)
        line = again._take_line()
        return again._complete(line[2]) if line else b""

    def read_cells_at(self, start: int) -> Sequence[str]:
        """Returns the cells, as `fields`, of the record at a row's `start`. Raises: BadRow."""
        return self._read_cells(self.read_record_at(start))

    def _take_line(self) -> Line | None:
        return self._waiting.popleft() if self._waiting else next(self._lines, None)

    def _complete(self, content: bytes) -> bytes:
        """Returns the record that begins with a line: with those that an open quote goes on over.

        A line that is a whole record by itself is no part of another's cell.
        """
        if content.count(b'"') % 2 == 0 or len(content) > MAX_LINE_BYTES:
            return content
        joined = content
        for taken in range(_MOST_LINES_OF_A_RECORD):
            if taken == len(self._waiting):
                if (following := next(self._lines, None)) is None:
                    break
                self._waiting.append(following)
            piece = self._waiting[taken][2]
            joined += b"\n" + piece
            if self._is_whole(piece) or len(joined) > MAX_LINE_BYTES:
                break
            if joined.count(b'"') % 2 == 0:
                if not self._is_record(joined):
                    break
                for _ in range(taken + 1):
                    self._waiting.popleft()
                return joined
        return content

    def _is_whole(self, line: bytes) -> bool:
        separators = line.count(self._header.separator.encode())
        whole = line.count(b'"') % 2 == 0 and separators >= self._header.width - 1
        return whole and self._is_record(line)

    def _is_record(self, content: bytes) -> bool:
        return is_well_quoted(content.decode(errors="replace"), self._header.separator)

    def _read_cells(self, content: bytes) -> Sequence[str]:
        """Returns the cells of `fields` without surrounding blanks. Raises: BadRow."""
        header = self._header
        cells = split_line(content, header.separator)
        width = len(cells)
        if width != header.width and (width < header.width or any(cells[header.width :])):
            raise BadRow(f"{width} fields, wanted {header.width}")
        if header.order is None:
            return cells if width == header.width else cells[: header.width]
        return [cells[place] for place in header.order]

    def _find_broken_cell(self, cells: Sequence[str]) -> str | None:
        for cell in cells:
            if not cell.isascii() and (why := find_broken_letter(cell)):
                return f"{self._fields[cells.index(cell)]}: {why}"
        return None
