"""Where Dar Al Moukawil is, from centres.csv beside this file: the nearest centre of each region.

ASM: no list of the centres is published as data; the bank corrects the file (domain.md section 1,
S12). Pure.
"""

import csv
from functools import cache
from pathlib import Path

from app.agents.towns import Town, towns


def nearest_centre(region: str) -> Town:
    """The town of the centre that the people of a region (its code) go to."""
    return towns()[_centres()[region]]


@cache
def _centres() -> dict[str, str]:
    with (Path(__file__).parent / "centres.csv").open(encoding="utf-8", newline="") as file:
        return {row["region"]: row["town"] for row in csv.DictReader(file)}
