"""The towns of Morocco, from towns.csv beside this file. Pure.

Phones look for agencies by town; a town's `provinces` are those of the register whose people are
nearest to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.agents.rules import beginnings_of
from app.base.marks import letters_of
from app.text.regions import Place, read_places, split_names

_TOWNS = Path(__file__).with_name("towns.csv")


@dataclass(frozen=True, slots=True)
class Town(Place):
    """A town, its region's code, and what else it is called."""

    region: str
    provinces: tuple[str, ...]


@cache
def towns() -> dict[str, Town]:
    """Returns the towns by code, region by region."""
    return {row["code"]: _read_town(row) for row in read_places(_TOWNS)}


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
    return Town(
        **{name: row[name] for name in ("code", "latin", "arabic", "tifinagh", "region")},
        provinces=split_names(row["provinces"]),
        also=split_names(row["also"]),
    )
