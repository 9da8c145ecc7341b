"""The trail outside the database, where its owner cannot change it: a line for each sealed row.

    {"id": 17, "link": "<64 hexadecimal digits>", "row": {...}}

A line's link is the SHA-256 of the link before it, as 32 bytes (of none before the first row), and
the bytes of its row as they stand in the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from app.audit.checking import SealedRow, list_sealed_rows
from app.audit.sealing import make_link

_LINE = re.compile(r'\{"id": ([0-9]{1,19}), "link": "([0-9a-f]{64})", "row": (null|\{.*\})\}\n?')


def write_line(row: SealedRow) -> str:
    """Returns the row's line, without its end."""
    return f'{{"id": {row.id}, "link": "{row.link.hex()}", "row": {row.text or "null"}}}'


def read_lines(lines: Iterable[str]) -> Iterator[SealedRow]:
    """Yields the rows of lines. Raises: ValueError with the number of a line that is none."""
    for number, line in enumerate(lines, 1):
        if (match := _LINE.fullmatch(line)) is None:
            raise ValueError(f"line {number} is none of `flask audit stream`")
        text = None if match[3] == "null" else match[3]
        yield SealedRow(int(match[1]), bytes.fromhex(match[2]), text)


def compare_copy(connection: Connection, copied: Iterable[SealedRow]) -> Iterator[str]:
    """Yields what is not the same in a copy and in the database, up to the copy's last row."""
    before: SealedRow | None = None
    kept: Iterator[SealedRow] = iter(())
    ahead: SealedRow | None = None
    for row in copied:
        if before is None:
            kept = list_sealed_rows(connection, row.id - 1)
            ahead = next(kept, None)
        elif row.text is not None and make_link(before.link, row.text) != row.link:
            yield f"audit_event {row.id}: the copy itself was changed, here or just before"
        while ahead is not None and ahead.id < row.id:
            yield f"audit_event {ahead.id}: not in the copy"
            ahead = next(kept, None)
        if ahead is None or ahead.id > row.id:
            yield f"audit_event {row.id}: no longer sealed"
        else:
            if (ahead.link, ahead.text) != (row.link, row.text):
                yield f"audit_event {row.id}: not as it was copied"
            ahead = next(kept, None)
        before = row
