"""Reads the fields that all dialects have: the name of a session, the number of a phone."""

from collections.abc import Mapping

from app.base.errors import InvalidInput
from app.base.phone import Phone

_LONGEST_NAME = 128


def read_name(fields: Mapping[str, object], field: str) -> str:
    """Reads the name of a session or a message.

    Raises: InvalidInput for a name that no gateway would send.
    """
    name = fields[field]
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InvalidInput(what=field, why="empty, too long or not printable")
    return name


def read_phone(fields: Mapping[str, object], field: str) -> Phone:
    """Reads a phone's number. Raises: InvalidInput."""
    number = fields[field]
    try:
        # A plus sign that was not encoded arrives as a blank.
        text = str(number)
        return Phone.parse("+" + text[1:] if text.startswith(" ") else text)
    except InvalidInput:
        raise InvalidInput(what=field, why="not a phone number") from None


def refuse_missing(fields: Mapping[str, object], needed: tuple[str, ...]) -> None:
    """Raises InvalidInput naming the first field that is missing."""
    for field in needed:
        if field not in fields:
            raise InvalidInput(what=field, why="missing")
