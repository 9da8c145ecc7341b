"""Recognises what a spreadsheet leaves in a cell in place of a value. Pure.

A sentence says what to do, and holds nothing of the value: it may be personal.
"""

from __future__ import annotations

import re

_TOO_NARROW = re.compile(r"#{2,}")
_ROUNDED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[Ee][+-][0-9]+|[+-]?[0-9]+[.,][0-9]+[Ee][0-9]+")
_DECIMAL = re.compile(r"[+-]?[0-9]+[.,][0-9]{0,2}")
_NULLS = frozenset(("null", "<null>", "(null)", "\\n", "n/a", "nan", "undefined"))
_NOTHING_LATIN = "none nil na n.a. nd n.d. n/d nc n.c. ns vide neant néant aucun aucune sans x xx"
_NOTHING_SIGNS = "inconnu inconnue #n/a #na #n/d - -- --- – — _ __ / // . .. ... ? ?? بدون لاشيء"
_NOTHING = _NULLS | set(f"{_NOTHING_LATIN} {_NOTHING_SIGNS}".split())
_PHRASES = {"non renseigné", "non disponible", "not available", "غير متوفر", "لا يوجد", "غير معروف"}
_NOTHING_AT_ALL = _NOTHING | _PHRASES
_NO_VALUES = _NOTHING | {"true", "false", "vrai", "faux", "total"}
_APOSTROPHES = "'\u2018\u2019\u02bc`\u00b4"
_KEPT_BY_FORMULA = re.compile(r'="([^"=]*)"')
_AS_TEXT = "give the column the format text, and export again"


def find_damage(text: str) -> str | None:
    """Says what a spreadsheet made of a number, or returns None for an unspoilt one."""
    if not text:
        return None
    if error := find_cell_error(text):
        return error
    first = text[0]
    if first in _APOSTROPHES:
        return "begins with apostrophes, a spreadsheet's mark of text: take them away"
    if first.isdigit() or first in "+-":
        if rounding := find_rounding(text):
            return rounding
        if _DECIMAL.fullmatch(text):
            return f"a decimal number: {_AS_TEXT}"
    if text.casefold() in _NO_VALUES:
        return "a word or sign that stands for nothing: empty the cell or leave the line out"
    return None


def find_rounding(text: str) -> str | None:
    """Says of a number whether a spreadsheet wrote it as `9.2E+08`."""
    if _ROUNDED.fullmatch(text):
        return f"rounded by a spreadsheet, its last digits are lost: {_AS_TEXT}"
    return None


def is_nothing(text: str) -> bool:
    """Returns whether a cell's text stands for an empty cell: `N/A`, `-`, `néant`, `NULL`."""
    return text.casefold() in _NOTHING_AT_ALL


def take_text_mark(text: str) -> str:
    """Returns a number without what keeps it text in a spreadsheet: `'0612`, `="0612"`."""
    if text and text[0] in _APOSTROPHES and (text[1:2].isalnum() or text[1:2] == "+"):
        return text[1:]
    if match := _KEPT_BY_FORMULA.fullmatch(text):
        return match[1]
    return text


def find_cell_error(text: str) -> str | None:
    """Says what is in a cell in place of a value, of any kind of value: an error, a formula."""
    first = text[:1]
    if first == "#":
        if _TOO_NARROW.fullmatch(text):
            return "#### of a column too narrow to show it: widen the column, and export again"
        return "an error of the spreadsheet (such as #N/A): mend the formula or empty the cell"
    if first == "=" or text.startswith("@SUM"):
        return f"begins with {first!r}, a formula: export its value in its place"
    if text.casefold() in _NULLS:
        return "a word that stands for nothing: empty the cell"
    return None
