"""Reads the numbers of people as every door reads them: the register's RNA number, CNSS's number.

Files, phones, the till, the payments API and commands all come here, so that a number has one
writing wherever it is compared. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from app.base.errors import InvalidInput
from app.base.marks import drop_unseen
from app.base.spreadsheets import find_damage, take_text_mark

LONGEST_RNA_NUMBER = 32

# Most numbers of the register are digits alone: they skip the rest.
_PLAIN = re.compile(r"[1-9][0-9]{2,31}")
_RNA_NUMBER = re.compile(r"[A-Z0-9](?:[A-Z0-9/-]*[A-Z0-9])?")
_CNSS_NUMBER = re.compile(r"[0-9]{9}")
_GROUPING = re.compile(r"(?<=[0-9])[ .-](?=[0-9])")
# Blanks that no keyboard writes: a spreadsheet sets thousands apart with them.
_ODD_BLANKS = re.compile(r"[^\S\x00-\x7f]+")
_LONGEST_GROUP = 4
_SEVERAL = re.compile(r"[A-Z0-9]\s*[\s,;|&+]\s*[A-Z0-9]|[A-Z0-9]\s+[/-]\s+[A-Z0-9]")
_TWINS = re.compile(r"([A-Z]*[0-9]{5,})[/-]([A-Z]*[0-9]{5,})")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[., ][0-9]{3})+")
_ROUNDED = re.compile(r"[0-9]{1,3}E[0-9]{1,2}")
_TOTAL = re.compile(r"(?:SOUS|SUB|GRAND)?[ -]?TOTAL.*|(?:SOMME|SUM)\b.*")
_ISO_DAY = re.compile(r"([0-9]{4})[/-]([0-9]{1,2})[/-]([0-9]{1,2})")
_LOCAL_DAY = re.compile(r"([0-9]{1,2})[/-]([0-9]{1,2})[/-]([0-9]{4})")
_MONTHS = "JAN|FEB|FEV|MAR|APR|AVR|MAY|MAI|JUN|JUIN|JUL|JUIL|AUG|AOU|AOUT|SEP|SEPT|OCT|NOV|DEC"
_NAMED_DAY = re.compile(
    rf"(?:[0-9]{{1,2}}-(?:{_MONTHS})|(?:{_MONTHS})-[0-9]{{2,4}})(?:-[0-9]{{2,4}})?"
)
# Word processors write these for the two signs of the alphabet.
_SIGNS = {ord(mark): "-" for mark in "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63"}
_SIGNS |= {ord(mark): "/" for mark in "\u2044\u2215"}
# Letters of ASCII alone: others change into several, or into one of ASCII.
_CAPITALS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_NO_DIGIT_NUMBERS = frozenset("0/-")


def read_rna_number(text: str) -> str:
    """Returns the number as the register keeps it: letters, digits, `/` and `-`, in capitals.

    Digits may be of any script and letters of either case; blanks around and invisible marks are
    dropped. A blank within is refused: it stands between two numbers of one cell.

    Raises: InvalidInput, whose `why` says what is wrong and what can be done.
    """
    if _PLAIN.fullmatch(text):
        return text
    number = take_text_mark(plain_signs(_join_thousands(text))).translate(_CAPITALS)
    if fault := _find_fault(number, text):
        raise InvalidInput(what="rna_number", why=fault)
    return number


def read_typed_rna_number(text: str) -> str:
    """Reads a number that a person typed, who may have set its groups apart by blanks.

    Raises: InvalidInput.
    """
    return read_rna_number("".join(plain_writing(text).split()))


def read_cnss_number(text: str) -> str:
    """Returns the nine digits of a CNSS number, whatever script they are written in.

    The check digit is disputed, so it is not checked (docs/rules.md, Identifiers).
    Raises: InvalidInput.
    """
    if _CNSS_NUMBER.fullmatch(text):
        return text
    number = take_text_mark(plain_signs(text))
    if damage := find_damage(number):
        raise InvalidInput(what="cnss_number", why=damage)
    bare = _GROUPING.sub("", number)
    if not _CNSS_NUMBER.fullmatch(bare):
        raise InvalidInput(what="cnss_number", why="not 9 digits")
    return bare


def plain_writing(text: str) -> str:
    """Returns text with ordinary digits, letters of ordinary width, and no invisible marks.

    Every kind of blank becomes an ordinary one; there is none at the ends.
    """
    if text.isascii():
        return text.strip()
    return "".join(map(_plain_character, text)).strip()


def plain_signs(text: str) -> str:
    """Returns text in plain writing, whose dashes and slashes of any shape are `-` and `/`."""
    plain = plain_writing(text)
    return plain if plain.isascii() else plain.translate(_SIGNS)


def only_digits(number: str) -> str:
    """Returns the digits of a number: what a keypad without letters can type of it."""
    return re.sub(r"[^0-9]", "", number)


def _join_thousands(text: str) -> str:
    """Returns text without odd blanks between groups of digits; two numbers stay two."""
    if text.isascii():
        return text
    groups = _ODD_BLANKS.split(drop_unseen(text).strip())
    if sum(len(group) > _LONGEST_GROUP for group in groups) > 1:
        return text
    return "".join(groups) if all(map(str.isalnum, groups)) else text


def _plain_character(letter: str) -> str:
    if letter.isascii():
        return letter
    if (digit := unicodedata.decimal(letter, None)) is not None:
        return str(digit)
    if "\uff01" <= letter <= "\uff5e":  # the wide forms of ASCII
        return chr(ord(letter) - 0xFEE0)
    if letter.isspace():
        return " "
    # Marks without a shape: direction marks, zero-width signs, byte order marks.
    return "" if unicodedata.category(letter) == "Cf" else drop_unseen(letter)


def _find_fault(number: str, text: str) -> str | None:
    """Says what keeps `number`, already in plain writing, from being one of the register."""
    if not number:
        return "missing" if not text.strip() else "invisible marks alone"
    if damage := find_damage(number):
        return damage
    if _TOTAL.fullmatch(number):
        return "a line of totals, not a person: leave it out"
    if _THOUSANDS.fullmatch(number):
        return "has a mark between thousands: give the column the format text, and export again"
    if _SEVERAL.search(number) or (
        (twins := _TWINS.fullmatch(number)) and len(twins[1]) == len(twins[2])
    ):
        return "two numbers in one cell, or a blank within one: one number a cell, without blanks"
    if len(number) > LONGEST_RNA_NUMBER:
        return f"longer than {LONGEST_RNA_NUMBER} characters"
    if not _RNA_NUMBER.fullmatch(number):
        return _find_stranger(number)
    if _is_day(number):
        return "a day: the spreadsheet made it of the number, or columns have moved"
    if _ROUNDED.fullmatch(number):
        return "rounded by a spreadsheet: give the column the format text, and export again"
    if set(number) <= _NO_DIGIT_NUMBERS or not re.search("[0-9]", number):
        return "no number of a person: it has no digit but 0"
    return None


def _find_stranger(number: str) -> str:
    for place, letter in enumerate(number, 1):
        if not re.fullmatch("[A-Z0-9/-]", letter):
            shown = repr(letter) if letter.isprintable() else ""
            name = f"{shown} U+{ord(letter):04X}".strip()
            return f"{name} at character {place}: wanted letters A-Z, digits, '/' and '-'"
    return "begins or ends with '/' or '-'"


def _is_day(number: str) -> bool:
    if _NAMED_DAY.fullmatch(number):
        return True
    if match := _ISO_DAY.fullmatch(number):
        year, month, day = match.groups()
    elif match := _LOCAL_DAY.fullmatch(number):
        day, month, year = match.groups()
    else:
        return False
    try:
        return 1900 <= date(int(year), int(month), int(day)).year <= 2100
    except ValueError:
        return False
