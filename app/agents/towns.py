"""The towns and regions of Morocco, from towns.csv and regions.csv beside this file. Pure.

The twelve regions are those of decree 2-15-40. Phones look for agencies by town; a town's
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
class Place:
    """A place with a name in each script that our languages are written in."""

    code: str
    latin: str
    arabic: str
    tifinagh: str

    def name_in(self, language: str) -> str:
        """Returns the name in the language's script: French and Latin Darija share theirs."""
        entry = LANGUAGES.get(language, LANGUAGES[DEFAULT])
        name: str = getattr(self, entry.script)
        return name


@dataclass(frozen=True, slots=True)
class Region(Place):
    """A region of the twelve."""


@dataclass(frozen=True, slots=True)
class Town(Place):
    """A town, its region's code, and what else it is called."""

    region: str
    provinces: tuple[str, ...]
    also: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return self.latin, self.arabic, self.tifinagh, *self.also


@cache
def regions() -> dict[str, Region]:
    """Returns the regions by code, from north to south."""
    return {row["code"]: Region(**row) for row in _read_rows("regions.csv")}


@cache
def towns() -> dict[str, Town]:
    """Returns the towns by code, region by region."""
    return {row["code"]: _read_town(row) for row in _read_rows("towns.csv")}


def find_town(name: str) -> Town | None:
    """Returns the town of a code, or of a name in any script, with its accents or without."""
    return towns().get(name) or _towns_by_name().get(letters_of(name))


def find_town_of_province(province: str) -> Town | None:
    """Returns the town where the people of a province of the register look first."""
    return _towns_by_province().get(letters_of(province))


def towns_beginning(letters: str) -> list[Town]:
    """Returns the towns with a word of a name that begins with `letters` (of `letters_of`)."""
    return [
        town
        for town in towns().values()
        if any(start.startswith(letters) for start in _beginnings()[town.code])
    ]


@cache
def _towns_by_name() -> dict[str, Town]:
    return {letters_of(name): town for town in towns().values() for name in town.names}


@cache
def _towns_by_province() -> dict[str, Town]:
    provinces = {letters_of(name): town for town in towns().values() for name in town.provinces}
    return _towns_by_name() | provinces


@cache
def _beginnings() -> dict[str, set[str]]:
    return {
        town.code: set().union(*(beginnings_of(name) for name in town.names))
        for town in towns().values()
    }


def _read_town(row: dict[str, str]) -> Town:
    names = {name: row[name] for name in ("code", "latin", "arabic", "tifinagh", "region")}
    return Town(**names, provinces=_split_list(row["provinces"]), also=_split_list(row["also"]))


def _split_list(written: str) -> tuple[str, ...]:
    return tuple(written.split(";")) if written else ()


def _read_rows(name: str) -> Iterator[dict[str, str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
