"""The file of rejected rows beside the ministry's: it is corrected, and imported again."""

import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from app.base.csv_writing import write_rows
from app.base.private_files import replacing
from app.enrolment.registry_rows import FIELDS
from app.files.lines import MAX_LINE_BYTES, BadRow
from app.files.table import Table

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SHOWN_OF_LONG_LINE = 200
# Behind the register's own columns; an import does not read them.
_TOLD = ("line", "reason")


def rejected_path(path: Path) -> Path:
    """Returns the path of the rows rejected from `path`: `x.csv.rejected.csv`."""
    return path.with_name(path.name + ".rejected.csv")


def replace_rejected(path: Path, table: Table, rejected: Iterable[tuple[int, int, str]]) -> int:
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
        write_rows(out, [(*FIELDS, *_TOLD)])
        for written, (number, start, reason) in enumerate(chain([first], rows), 1):  # noqa: B007
            write_rows(out, [(*_divide(table, start), number, reason)])
    return written


def write_refusal(path: Path, line: int, why: str) -> None:
    """Writes the rejected file of a file that is refused as a whole, without any row."""
    with replacing(rejected_path(path)) as out:
        write_rows(out, [(*FIELDS, *_TOLD), ("",) * len(FIELDS) + (str(line), why)])


def _divide(table: Table, start: int) -> list[str]:
    """Returns the record's cells, as the register's columns; one that has none stands in the first.

    There it is refused again, until somebody has divided it.
    """
    try:
        return list(table.read_cells_at(start))
    except BadRow:
        return [_show_record(table.read_record_at(start)), *[""] * (len(FIELDS) - 1)]


def _show_record(record: bytes) -> str:
    """Returns the record as it stands, with unprintable bytes written as `\\x00`."""
    if len(record) > MAX_LINE_BYTES:
        record = record[:_SHOWN_OF_LONG_LINE] + b"..."
    text = record.decode(errors="backslashreplace")
    return _UNSEEN.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
