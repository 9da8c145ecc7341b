"""The nearest centre of Dar Al Moukawil for each region, from centres.csv beside this file. Pure.

ASM: no list of the centres is published as data; the bank corrects the file (docs/rules.md, The
agreement, S12).
"""

import csv
from functools import cache
from pathlib import Path

from app.agents.towns import Town, towns


def nearest_centre(region: str) -> Town:
    """Returns the town of the centre for the people of a region, given by its code."""
    return towns()[_centres()[region]]


@cache
def _centres() -> dict[str, str]:
    with (Path(__file__).parent / "centres.csv").open(encoding="utf-8", newline="") as file:
        return {row["region"]: row["town"] for row in csv.DictReader(file)}
