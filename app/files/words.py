"""Reads cells of words: names, and the words that stand for an empty cell. Pure."""

from __future__ import annotations

import re

from app.base.marks import spell_plainly
from app.base.spreadsheets import is_nothing

# Replacement characters, and places of Unicode that hold no letter for everybody.
_NO_LETTERS = "[\ufffc-\uffff\ufdd0-\ufdef\ue000-\uf8ff\U000f0000-\U0010ffff]"
_BROKEN = re.compile(_NO_LETTERS)
_LOST = re.compile(r"\?{2,}|\w\?\w")
# UTF-8 that was read as Windows-1252 or -1256: the first bytes of its letters, as those show them.
_TYPOGRAPHIC = str.maketrans("’‘ʼ“”«»–—‐‑°º", '\'\'\'""""----oo')
_FIRST = "ÂÃÄÅØÙâطظأآ"
_SECOND = "".join(
    bytes(range(0x80, 0xC0)).decode(codec, "ignore") for codec in ("cp1252", "cp1256", "latin-1")
)
_TWICE_ENCODED = re.compile(f"[{_FIRST}][{re.escape(_SECOND)}]")


def find_broken_letter(text: str) -> str | None:
    """Says which letter was broken on the way, at which character; None if all are whole."""
    if match := _BROKEN.search(text):
        place = match.start() + 1
        return f"a broken character U+{ord(match[0]):04X} at character {place}: export again"
    if (match := _TWICE_ENCODED.search(text)) and _is_twice_encoded(text):
        return (
            f"letters broken at character {match.start() + 1}, UTF-8 that was read in another"
            " encoding: export again"
        )
    return None


def find_lost_letters(text: str) -> str | None:
    """Says of a name whether question marks stand in place of its letters."""
    if _LOST.search(text):
        return "question marks in place of letters, lost on the way: export again as UTF-8"
    return None


def empty_if_nothing(text: str) -> str:
    """Returns a cell's text, or nothing for `N/A`, `-`, `néant` and the like."""
    return "" if is_nothing(text) else text


def spell_in_gsm7(text: str) -> str:
    """Returns text with the quotes and dashes of keyboards for those of word processors.

    The sign of `n°` is its letter.
    """
    return spell_plainly(text).translate(_TYPOGRAPHIC)


def _is_twice_encoded(text: str) -> bool:
    for codec in ("cp1252", "latin-1", "cp1256"):
        try:
            letters = text.encode(codec).decode()
        except UnicodeError:
            continue
        if len(text) - len(letters) >= (1 if codec != "cp1256" else 2):
            return True
    return False
