"""Reads a network's list of its agencies, a CSV file (docs/operations.md has its columns)."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from app.agents.errors import AgenciesRefused
from app.agents.rules import (
    LONGEST_ADDRESS,
    LONGEST_NAME,
    Hours,
    read_agency_code,
    read_hours,
    read_line,
)
from app.agents.towns import Town, find_town
from app.base.errors import InvalidInput

FIELDS = ("code", "name", "town", "address", "weekdays", "saturday", "active")
SAMPLE_AGENCIES = Path(__file__).parent / "sample_agencies.csv"
_ACTIVE = {"yes": True, "no": False}
_LARGEST = 1 << 20  # bytes
_MOST = 3000  # one statement writes them


@dataclass(frozen=True, slots=True)
class AgencyRow:
    """A line of the file, checked."""

    code: str
    name: str
    town: Town
    address: str
    weekdays: Hours | None
    saturday: Hours | None
    active: bool


def read_agencies(path: Path) -> list[AgencyRow]:
    """Reads every line of the file.

    Raises: AgenciesRefused for the first wrong line, OSError if there is no file.
    """
    reader = csv.DictReader(io.StringIO(_read_text(path), newline=""), strict=True)
    if tuple(reader.fieldnames or ()) != FIELDS:
        raise AgenciesRefused(line=1, why=f"header: wanted {','.join(FIELDS)}")
    rows: dict[str, AgencyRow] = {}
    try:
        for fields in reader:
            row = _read_row(fields)
            if row.code in rows:
                raise InvalidInput(what="code", why="given twice")
            rows[row.code] = row
    except csv.Error as error:
        raise AgenciesRefused(line=reader.reader.line_num, why=str(error)) from None
    except InvalidInput as error:
        why = f"{error.params['what']}: {error.params['why']}"
        raise AgenciesRefused(line=reader.line_num, why=why) from None
    if not 0 < len(rows) <= _MOST:
        raise AgenciesRefused(line=1, why=f"{len(rows)} agencies, wanted 1 to {_MOST}")
    return list(rows.values())


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise AgenciesRefused(line=1, why="larger than 1 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise AgenciesRefused(line=line, why="not UTF-8") from None


def _read_row(fields: dict[str | None, str | list[str] | None]) -> AgencyRow:
    texts = {name: value for name, value in fields.items() if name and isinstance(value, str)}
    if len(texts) != len(FIELDS) or None in fields:
        raise InvalidInput(what="line", why=f"not {len(FIELDS)} columns")
    town = find_town(texts["town"])
    if town is None:
        raise InvalidInput(what="town", why="not one of towns.csv")
    if texts["active"] not in _ACTIVE:
        raise InvalidInput(what="active", why="neither yes nor no")
    return AgencyRow(
        code=read_agency_code(texts["code"]),
        name=read_line(texts["name"], "name", LONGEST_NAME),
        town=town,
        address=read_line(texts["address"], "address", LONGEST_ADDRESS),
        weekdays=read_hours(texts["weekdays"]),
        saturday=read_hours(texts["saturday"]),
        active=_ACTIVE[texts["active"]],
    )
