"""Reads decimal numbers as French, English and Arabic spreadsheets write them. Pure."""

from __future__ import annotations

import re

from app.base.errors import InvalidInput
from app.base.identifiers import plain_signs
from app.base.spreadsheets import find_cell_error, take_text_mark

# The decimal and the thousands sign that go with Arabic digits.
_ARABIC_SIGNS = str.maketrans({"\u066b": ",", "\u066c": " "})
_CURRENCY = re.compile(r" ?(?:MAD|DHS?|dirhams?|درهم|د\.?م\.?)\.?$", re.IGNORECASE)
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_THOUSANDS = re.compile(
    r"[0-9]{1,3}(?:(?: [0-9]{3})+(?![0-9])|(?:\.[0-9]{3})+(?=,)|(?:,[0-9]{3})+(?=\.))"
)
_DECIMALS = re.compile(r"[.,][0-9]+")
# `1,234` is one thousand to some and one and a bit to others.
_DOUBTFUL = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
_ROUNDED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?E[+-]?[0-9]+", re.IGNORECASE)


def read_decimal_cell(text: str) -> str:
    """Returns a number as `1234.5`: digits, and perhaps a point and digits; a minus stays.

    `0,75`, `1 234,50`, `1.234,50` and `1,234.50` are read, and `163,52 DH`.
    Raises: InvalidInput for text that is no number, or may be two different ones.
    """
    if _PLAIN.fullmatch(text):
        return text
    number = take_text_mark(plain_signs(text.translate(_ARABIC_SIGNS)))
    number = _CURRENCY.sub("", number).removeprefix("+")
    sign = "-" if number.startswith("-") else ""
    number = number.removeprefix("-")
    if _ROUNDED.fullmatch(number):
        raise _invalid("rounded by a spreadsheet: give the column the format number")
    if _DOUBTFUL.fullmatch(number):
        raise _invalid("a comma before three digits may stand for thousands: write 1234 or 1.234")
    if match := _THOUSANDS.match(number):
        number = re.sub("[ .,]", "", match[0]) + number[match.end() :]
    whole, decimals = re.match(r"([0-9]*)(.*)", number).groups()  # type: ignore[union-attr]
    if not whole or (decimals and not _DECIMALS.fullmatch(decimals)):
        raise _invalid(find_cell_error(number) or "not a number")
    return sign + whole + decimals.replace(",", ".")


def _invalid(why: str) -> InvalidInput:
    return InvalidInput(what="number", why=why)
