"""Reads opening hours, agency codes and short lines; compares and shortens names. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time

from app.base.errors import InvalidInput
from app.base.identifiers import plain_signs
from app.base.marks import letters_of
from app.base.money import Money
from app.text.encoding import GSM7, encoding_of

LONGEST_ADDRESS = 32
LONGEST_NAME = 40
_LONGEST_SHOWN = 20
_TIME = r"([0-9]{1,2})\s*[:hH.]\s*([0-9]{2})?(?:[:.]00)?"
_SPELL = re.compile(rf"{_TIME}\s*(?:-|>|à|a|au|to|إلى|الى)\s*{_TIME}", re.IGNORECASE)
# What stands between the two spells of a day, or around the only one.
_BETWEEN_SPELLS = re.compile(r"[\s/,;|&+-]*(?:et|puis|and|و|de|من)?\s*", re.IGNORECASE)
_MOST_SPELLS = 2
_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours from `opens` to `closes`, in Morocco's time; closed in the `pause` between."""

    opens: time
    closes: time
    pause: tuple[time, time] | None = None

    def __str__(self) -> str:
        """Writes `8:30-18:00` or `8:30-12:30 14:00-18:00`, the same for every language."""
        begin, end = _write_time(self.opens), _write_time(self.closes)
        if self.pause is None:
            return f"{begin}-{end}"
        leaves, returns = map(_write_time, self.pause)
        return f"{begin}-{leaves} {returns}-{end}"


def read_hours(written: str) -> Hours | None:
    """Reads `8:30-18:00`, `8h30 à 18h`, or two spells of a day; None for an empty text.

    Raises: InvalidInput.
    """
    text = plain_signs(written)
    if not text:
        return None
    spells = list(_SPELL.finditer(text))
    others = _SPELL.sub("\n", text).split("\n")
    if not 1 <= len(spells) <= _MOST_SPELLS or not all(map(_BETWEEN_SPELLS.fullmatch, others)):
        raise InvalidInput(what="hours", why="not like 8:30-18:00 or 8:30-12:30 14:00-18:00")
    try:
        times = [at for spell in spells for at in _read_times(spell)]
    except ValueError:
        raise InvalidInput(what="hours", why="no such time") from None
    if times != sorted(set(times)):
        raise InvalidInput(what="hours", why="closes before it opens")
    return Hours(times[0], times[-1], (times[1], times[2]) if len(spells) == _MOST_SPELLS else None)


def _read_times(spell: re.Match[str]) -> tuple[time, time]:
    begin_hour, begin_minute, end_hour, end_minute = (int(part or 0) for part in spell.groups())
    return time(begin_hour, begin_minute), time(end_hour, end_minute)


def read_agency_code(written: str) -> str:
    """Reads an agency code: capitals, digits and hyphens that a receipt has room for.

    Source: docs/rules.md, Channels. Raises: InvalidInput.
    """
    if not _CODE.fullmatch(written):
        raise InvalidInput(what="code", why="not up to 16 capitals, digits and -")
    return written


def read_line(written: str, what: str, longest: int) -> str:
    """Reads a short text in letters of GSM-7, which every phone shows. Raises: InvalidInput."""
    line = " ".join(written.split())
    if not 1 <= len(line) <= longest:
        raise InvalidInput(what=what, why=f"not 1 to {longest} letters")
    if encoding_of(line) != GSM7:
        strange = " ".join(sorted({c for c in line if encoding_of(c) != GSM7}))
        raise InvalidInput(what=what, why=f"not in GSM-7: {strange}")
    return line


def beginnings_of(name: str) -> set[str]:
    """Returns the letters of a name from each word on, with and without an Arabic article."""
    words = [letters for word in re.split(r"[\s-]+", name) if (letters := letters_of(word))]
    whole = {"".join(words[at:]) for at in range(len(words))}
    return whole | {start.removeprefix("ال") for start in whole if len(start) > len("ال") + 1}


def shown_name(name: str, network_name: str, *town_names: str) -> str:
    """Returns at most 20 letters of an agency's name, without the names of its network and towns.

    A phone shows those two above it.
    """
    shown = name.removeprefix(network_name).strip()
    for town in town_names:
        shown = shown.removeprefix(f"{town} ")
    return (shown or name)[:_LONGEST_SHOWN].strip()


def limit_values(**limits: Money | None) -> dict[str, int | None]:
    """Returns the limits that are given as the database keeps them: None lifts one."""
    return {name: limit.centimes or None for name, limit in limits.items() if limit is not None}


def _write_time(at: time) -> str:
    return f"{at.hour}:{at.minute:02d}"
