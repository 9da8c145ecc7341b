"""The twelve regions: their place on the grid of tiles, whatever the register's spelling. Pure."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("region_tiles.csv")


@dataclass(frozen=True, slots=True)
class RegionTile:
    """A region's names, and its column and row on the grid."""

    name: str
    arabic: str
    column: int
    row: int


@cache
def read_tiles() -> Mapping[str, RegionTile]:
    """Returns each region's tile by its name without accents and signs."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        plain_name(row["name"]): RegionTile(
            row["name"], row["arabic"], int(row["column"]), int(row["row"])
        )
        for row in rows
    }


def find_tile(name: str) -> RegionTile | None:
    """Returns the tile of a region as a register spells it; None for no region of the twelve."""
    return read_tiles().get(plain_name(name))


def list_missing_regions(names: Collection[str]) -> list[str]:
    """Lists the regions of the twelve that none of the names means."""
    there = {plain_name(name) for name in names}
    return [tile.name for plain, tile in read_tiles().items() if plain not in there]


def plain_name(name: str) -> str:
    """Returns a name's letters alone, small and without accents."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if letter.isalpha())
