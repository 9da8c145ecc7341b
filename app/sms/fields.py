"""Reads the fields of providers' posts: ids, phones, words and texts of a form."""

from collections.abc import Mapping

from app.base.errors import InvalidInput
from app.base.phone import Phone

_LONGEST_ID = 64
# Ten segments: more than a phone sends, and enough to find a keyword in.
_LONGEST_TEXT = 1600


def read_id(form: Mapping[str, str], *names: str) -> str:
    """Returns the first of the fields `names` that is there. Raises: InvalidInput if no id."""
    field = next((name for name in names if form.get(name, "").strip()), None)
    if field is None:
        raise InvalidInput(what=names[0], why="missing")
    identity = form[field].strip()
    if len(identity) > _LONGEST_ID or not identity.isprintable():
        raise InvalidInput(what=field, why="too long or not printable")
    return identity


class NoPhone(InvalidInput):
    """A sender that is a name or a short code: a company's, to which nothing is to be done."""


def read_phone(form: Mapping[str, str], name: str) -> Phone:
    """Returns the phone that a field names. Raises: InvalidInput if it is missing, NoPhone."""
    number = form.get(name, "")
    if not number.strip():
        raise InvalidInput(what=name, why="missing")
    try:
        # A plus sign that was not encoded arrives as a blank.
        return Phone.parse("+" + number[1:] if number.startswith(" ") else number)
    except InvalidInput:
        raise NoPhone(what=name, why="not a phone number") from None


def find_phone(form: Mapping[str, str], name: str) -> Phone | None:
    """Returns the phone that a field names; None if it is missing, or a name or short code."""
    try:
        return read_phone(form, name)
    except InvalidInput:
        return None


def read_word(form: Mapping[str, str], *names: str) -> str | None:
    """Returns a provider's own word, cut and cleaned to be kept; a strange one is no error."""
    word = next((form[name] for name in names if form.get(name)), "")
    return "".join(letter for letter in word if letter.isprintable()).strip()[:_LONGEST_ID] or None


def read_text(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "").replace("\0", "")[:_LONGEST_TEXT]
