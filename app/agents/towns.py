"""The towns and regions of Morocco, from towns.csv and regions.csv beside this file. Pure.

The twelve regions are those of decree 2-15-40. A town is where phones look for agencies; its
`provinces` are those of the register whose people are nearest to it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.agents.rules import beginnings_of, letters_of
from app.text.languages import DEFAULT, LANGUAGES

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Named:
    """Something with a name in each script that our languages are written in."""

    code: str
    latin: str
    arabic: str
    tifinagh: str

    def name_in(self, language: str) -> str:
        """Its name in the script of the language: French and Latin Darija share theirs."""
        entry = LANGUAGES.get(language, LANGUAGES[DEFAULT])
        name: str = getattr(self, entry.script)
        return name


@dataclass(frozen=True, slots=True)
class Region(Named):
    """One of the twelve."""


@dataclass(frozen=True, slots=True)
class Town(Named):
    """A town, its region's code, and what else it is called."""

    region: str
    provinces: tuple[str, ...]
    also: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return self.latin, self.arabic, self.tifinagh, *self.also


@cache
def regions() -> dict[str, Region]:
    """By code, from north to south."""
    return {row["code"]: Region(**row) for row in _rows("regions.csv")}


@cache
def towns() -> dict[str, Town]:
    """By code, region by region."""
    return {row["code"]: _town(row) for row in _rows("towns.csv")}


def find_town(name: str) -> Town | None:
    """The town of that code, or of that name in any script, however its accents are written."""
    return towns().get(name) or _by_name().get(letters_of(name))


def find_town_of_province(province: str) -> Town | None:
    """Where the people of a province of the register look first."""
    return _by_province().get(letters_of(province))


def towns_beginning(letters: str) -> list[Town]:
    """The towns with a name, or a word of one, that begins so; `letters` as of `letters_of`."""
    return [
        one
        for one in towns().values()
        if any(start.startswith(letters) for start in _beginnings()[one.code])
    ]


@cache
def _by_name() -> dict[str, Town]:
    return {letters_of(name): one for one in towns().values() for name in one.names}


@cache
def _by_province() -> dict[str, Town]:
    found = {letters_of(name): one for one in towns().values() for name in one.provinces}
    return _by_name() | found


@cache
def _beginnings() -> dict[str, set[str]]:
    return {
        one.code: set().union(*(beginnings_of(name) for name in one.names))
        for one in towns().values()
    }


def _town(row: dict[str, str]) -> Town:
    names = {name: row[name] for name in ("code", "latin", "arabic", "tifinagh", "region")}
    return Town(**names, provinces=_split(row["provinces"]), also=_split(row["also"]))


def _split(written: str) -> tuple[str, ...]:
    return tuple(written.split(";")) if written else ()


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
