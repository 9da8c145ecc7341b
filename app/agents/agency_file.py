"""Reads a network's list of its agencies, a CSV file (docs/operations.md has its columns)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

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
from app.base.identifiers import plain_signs
from app.base.marks import spell_plainly
from app.files.errors import FileRefused
from app.files.table import GivenFile, open_table
from app.files.words import empty_if_nothing, spell_in_gsm7

FIELDS = ("code", "name", "town", "address", "weekdays", "saturday", "active")
SAMPLE_AGENCIES = Path(__file__).parent / "sample_agencies.csv"
_ACTIVE = {
    **dict.fromkeys(("yes", "oui", "true", "vrai", "1", "نعم"), True),
    **dict.fromkeys(("no", "non", "false", "faux", "0", "لا"), False),
}
_CLOSED = frozenset(("fermé", "ferme", "fermée", "closed", "مغلق", "مغلقة"))
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


def read_agencies(
    path: Path, encoding: str | None = None, note: Callable[[str], None] = lambda told: None
) -> list[AgencyRow]:
    """Reads every line of the file; `note` takes what is not as usual and is no fault.

    Raises: FileRefused for the first wrong line, OSError if there is no file.
    """
    if path.stat().st_size > _LARGEST:
        raise FileRefused(line=1, why="larger than 1 MiB", fault="larger")
    rows: dict[str, AgencyRow] = {}
    with open_table(GivenFile(path, encoding), FIELDS) as table:
        for told in table.notes:
            note(told)
        for line in table.require_rows():
            try:
                row = _read_row(dict(zip(FIELDS, line.cells, strict=True)))
                if row.code in rows:
                    raise InvalidInput(what="code", why="given twice")
            except InvalidInput as error:
                column = error.params["what"]
                why = f"{column}: {error.params['why']}"
                raise FileRefused(line=line.line, why=why, fault="column", column=column) from None
            rows[row.code] = row
    if not 0 < len(rows) <= _MOST:
        fault = "larger" if rows else "no_lines"
        raise FileRefused(line=1, why=f"{len(rows)} agencies, wanted 1 to {_MOST}", fault=fault)
    return list(rows.values())


def _read_row(texts: Mapping[str, str]) -> AgencyRow:
    town = find_town(spell_plainly(texts["town"]))
    if town is None:
        raise InvalidInput(what="town", why="not one of towns.csv")
    return AgencyRow(
        code=read_agency_code(plain_signs(texts["code"])),
        name=read_line(spell_in_gsm7(texts["name"]), "name", LONGEST_NAME),
        town=town,
        address=read_line(spell_in_gsm7(texts["address"]), "address", LONGEST_ADDRESS),
        weekdays=_read_hours("weekdays", texts["weekdays"]),
        saturday=_read_hours("saturday", texts["saturday"]),
        active=_read_yes_or_no(texts["active"]),
    )


def _read_hours(name: str, text: str) -> Hours | None:
    hours = empty_if_nothing(spell_plainly(text))
    if hours.casefold() in _CLOSED:
        if name == "weekdays":
            raise InvalidInput(what=name, why="closed all week: `active` is no then")
        return None
    return read_hours(hours)


def _read_yes_or_no(text: str) -> bool:
    word = spell_plainly(text).casefold()
    if word not in _ACTIVE:
        raise InvalidInput(what="active", why="neither yes nor no")
    return _ACTIVE[word]
