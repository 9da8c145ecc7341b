"""The twelve regions of Morocco, those of decree 2-15-40, from regions.csv. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from app.base.marks import letters_of
from app.text.languages import DEFAULT, LANGUAGES

# What people write before a region's name, and Arabic's "and" between its towns.
_NO_NAME = re.compile(r"^(?:r[eé]gion(?: de| du| d')?|جهة) *|(?<=\s)و(?=\s)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """A place with a name in each script that our languages are written in, and its other names."""

    code: str
    latin: str
    arabic: str
    tifinagh: str
    also: tuple[str, ...]

    def name_in(self, language: str) -> str:
        """Returns the name in the language's script: French and Latin Darija share theirs."""
        entry = LANGUAGES.get(language, LANGUAGES[DEFAULT])
        name: str = getattr(self, entry.script)
        return name

    @property
    def names(self) -> tuple[str, ...]:
        return self.latin, self.arabic, self.tifinagh, *self.also


@dataclass(frozen=True, slots=True)
class Region(Place):
    """A region of the twelve, and its column and row on a grid that stands for the map."""

    column: int
    row: int


@cache
def regions() -> dict[str, Region]:
    """Returns the regions by code, from north to south."""
    rows = read_places(Path(__file__).with_name("regions.csv"))
    return {row["code"]: _read_region(row) for row in rows}


@lru_cache(maxsize=10_000)
def find_region(written: str) -> Region | None:
    """Returns the region of a name in any script, with its accents, dashes and capitals or not."""
    by_letters = _regions_by_letters()
    found = by_letters.get(letters_of(written))
    return found or by_letters.get(letters_of(_NO_NAME.sub("", written.strip())))


def name_region(written: str) -> str:
    """Returns a region's one name in Latin letters; of an unknown one, what is written."""
    region = find_region(written)
    return region.latin if region else written


def _read_region(row: dict[str, str]) -> Region:
    names = {name: row[name] for name in ("code", "latin", "arabic", "tifinagh")}
    also, column, place = split_names(row["also"]), int(row["column"]), int(row["row"])
    return Region(**names, also=also, column=column, row=place)


@cache
def _regions_by_letters() -> dict[str, Region]:
    return {letters_of(name): region for region in regions().values() for name in region.names}


def read_places(path: Path) -> Iterator[dict[str, str]]:
    """Yields the rows of a file of places."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def split_names(written: str) -> tuple[str, ...]:
    """Returns the names in a cell that has several."""
    return tuple(written.split(";")) if written else ()
