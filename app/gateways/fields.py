"""Reads the fields that all dialects have: the name of a session, the number of a phone."""

from collections.abc import Mapping
from decimal import Decimal

from app.base.errors import InvalidInput
from app.base.phone import Phone

_LONGEST_NAME = 128


def read_name(fields: Mapping[str, object], field: str) -> str:
    """Reads the name of a session or a message.

    Raises: InvalidInput for a name that no gateway would send.
    """
    name = read_text(fields, field)
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InvalidInput(what=field, why="empty, too long or not printable")
    return name


def read_text(fields: Mapping[str, object], field: str) -> str:
    """Reads a text, and a whole number (`2`, `2.0`) as its digits; absent or null is empty.

    Raises: InvalidInput for what is neither.
    """
    value = fields.get(field)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InvalidInput(what=field, why="not a text")


def cut_end_key(typed: str) -> str:
    """Cuts the `#` that ended each answer: it is the key, and no part of the answer."""
    return "*".join(answer.rstrip("#") for answer in typed.split("*")) if "#" in typed else typed


def read_phone(fields: Mapping[str, object], field: str) -> Phone:
    """Reads a phone's number. Raises: InvalidInput."""
    try:
        # A plus sign that was not encoded arrives as a blank.
        text = read_text(fields, field)
        return Phone.parse("+" + text[1:] if text.startswith(" ") else text)
    except InvalidInput:
        raise InvalidInput(what=field, why="not a phone number") from None


def refuse_missing(fields: Mapping[str, object], needed: tuple[str, ...]) -> None:
    """Raises InvalidInput naming the first field that is missing; null is missing."""
    for field in needed:
        if fields.get(field) is None:
            raise InvalidInput(what=field, why="missing")
