"""What every dialect reads the same way: a session's name, a phone's number."""

from collections.abc import Mapping

from app.base.errors import InvalidInput
from app.base.phone import Phone

_LONGEST_NAME = 128


def read_name(fields: Mapping[str, object], field: str) -> str:
    """The name of a session or a message; InvalidInput for what no gateway would send."""
    name = fields[field]
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InvalidInput(what=field, why="empty, too long or not printable")
    return name


def read_phone(fields: Mapping[str, object], field: str) -> Phone:
    number = fields[field]
    try:
        # A plus sign that was not encoded arrives as a blank.
        text = str(number)
        return Phone.parse("+" + text[1:] if text.startswith(" ") else text)
    except InvalidInput:
        raise InvalidInput(what=field, why="not a phone number") from None


def refuse_missing(fields: Mapping[str, object], needed: tuple[str, ...]) -> None:
    for field in needed:
        if field not in fields:
            raise InvalidInput(what=field, why="missing")
