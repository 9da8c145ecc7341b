"""Finds a payment code in a text with words around it, such as an SMS pasted whole. Pure."""

from __future__ import annotations

import re

from app.base.identifiers import plain_signs
from app.payments.errors import CodeMistyped, SeveralCodes
from app.payments.rules import read_code

# The longest text that is looked through, and the longest of what is typed without words.
LONGEST_PASTED, LONGEST_TYPED = 1000, 64

# Digits that are no part of an amount, a day, a phone or a word.
_GROUP = re.compile(r"(?<![\w/+])(?<![0-9][.,])[0-9]+(?![\w/]|[.,][0-9])")
_BETWEEN = re.compile(r"[ -]?")
_CODE_DIGITS = 12
# The sizes of groups in which codes are written (docs/contract.md, Screens), and told to programs.
_USUAL_SIZES = ((12,), (4, 4, 4))


def pick_code(text: str) -> str:
    """Returns the code that stands among words; text without words, or without a code, as it is.

    Raises: SeveralCodes if two may be meant.
    """
    pasted = " ".join(plain_signs(text[:LONGEST_PASTED]).split())
    if any(letter.isalpha() for letter in pasted):
        found = _find_codes(pasted)
        usual = {code for sizes, code in found if sizes in _USUAL_SIZES}
        codes = usual or {code for _, code in found}
        if len(codes) > 1:
            raise SeveralCodes()
        if codes:
            return codes.pop()
    return text.strip()[:LONGEST_TYPED]


def _find_codes(text: str) -> list[tuple[tuple[int, ...], str]]:
    """Returns the codes that groups of digits in a row make, with the sizes of the groups."""
    found: list[tuple[tuple[int, ...], str]] = []
    groups = list(_GROUP.finditer(text))
    for first in range(len(groups)):
        digits, sizes = "", tuple[int, ...]()
        for at in range(first, len(groups)):
            between = text[groups[at - 1].end() : groups[at].start()] if at > first else ""
            digits += groups[at][0]
            sizes += (len(groups[at][0]),)
            if not _BETWEEN.fullmatch(between) or len(digits) >= _CODE_DIGITS:
                break
        if _BETWEEN.fullmatch(between) and _is_code(digits):
            found.append((sizes, digits))
    return found


def _is_code(digits: str) -> bool:
    try:
        return read_code(digits) == digits
    except CodeMistyped:
        return False
