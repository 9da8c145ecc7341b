"""Reads the first line of a table: which separator, which column where. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.base.identifiers import plain_writing
from app.base.marks import drop_unseen
from app.files.errors import FileRefused
from app.files.lines import NO_CONTENT, SEPARATORS, BadRow, Line, decode_line

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[,;\t|]*', re.IGNORECASE)
# A name of a column; other text is perhaps a value, which is personal.
_NAME = re.compile(r"(?!.*\d{4})[^\W\d]\w{0,39}")


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a table: their separator and number, and the places of those wanted.

    `order` is None where the columns are those wanted and no others, in their order.
    """

    separator: str
    width: int
    order: Sequence[int] | None
    notes: tuple[str, ...]


def read_header(lines: Iterator[Line], fields: Sequence[str]) -> Header:
    """Reads the first line with content, behind Excel's `sep=;` if there is one.

    Raises: FileRefused.
    """
    told = None
    for number, _, line in lines:
        if not line.strip(NO_CONTENT):
            continue
        try:
            text = decode_line(line)
        except BadRow as bad:
            raise FileRefused(line=number, why=f"header: {bad}", fault="header") from None
        if told is None and (match := _SEPARATOR_LINE.fullmatch(drop_unseen(text).strip())):
            told = match[1]
            if told not in SEPARATORS:
                why = f"header: the separator {told!r} is not known"
                raise FileRefused(line=number, why=why, fault="header")
            continue
        return _read_names(number, text, told, fields)
    why = "file: empty, wanted at least the header"
    raise FileRefused(line=1, why=why, fault="no_lines")


def _read_names(number: int, text: str, told: str | None, fields: Sequence[str]) -> Header:
    tables = {mark: _split_names(text, mark) for mark in (told or SEPARATORS)}
    separator = max(tables, key=lambda mark: len(set(tables[mark]) & set(fields)))
    names = tables[separator]
    if fault := _find_fault(names, fields):
        raise FileRefused(line=number, why=f"header: {fault}", fault="header")
    strangers = [name for name in names if name and name not in fields]
    notes = (f"columns that are not read: {_show(strangers)}",) if strangers else ()
    order = None if names == list(fields) else [names.index(name) for name in fields]
    return Header(separator, len(names), order, notes)


def _split_names(text: str, separator: str) -> list[str]:
    """Returns the names in small letters, joined by `_`; columns at the end have a name."""
    cells = next(csv.reader([text], delimiter=separator), [])
    names = [re.sub(r"[\s_-]+", "_", plain_writing(cell).strip(" _")).casefold() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _find_fault(names: Sequence[str], fields: Sequence[str]) -> str | None:
    known = [name for name in fields if name in names]
    if not known:
        return f"none of the columns {', '.join(fields)}"
    missing = [name for name in fields if name not in names]
    twice = [name for name in known if names.count(name) > 1]
    strangers = [name for name in names if name and name not in fields]
    parts = []
    if missing:
        parts.append(f"missing: {', '.join(missing)}")
        parts += [f"unknown: {_show(strangers)}"] if strangers else []
    if twice:
        parts.append(f"given twice: {', '.join(twice)}")
    return "; ".join(parts) or None


def _show(names: Sequence[str]) -> str:
    shown = [repr(name) if _NAME.fullmatch(name) else "(no name)" for name in names]
    return ", ".join(shown[:20])
