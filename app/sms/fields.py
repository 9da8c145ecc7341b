"""What every provider's posts are read with: ids, phones, words and texts of a form."""

from collections.abc import Mapping

from app.base.errors import InvalidInput
from app.base.phone import Phone

_LONGEST_ID = 64
# Ten segments: more than a phone sends, and enough to find a keyword in.
_LONGEST_TEXT = 1600


def read_id(form: Mapping[str, str], *names: str) -> str:
    """The first of the fields `names` that is there; InvalidInput for what no id looks like."""
    field = next((name for name in names if form.get(name, "").strip()), None)
    if field is None:
        raise InvalidInput(what=names[0], why="missing")
    found = form[field].strip()
    if len(found) > _LONGEST_ID or not found.isprintable():
        raise InvalidInput(what=field, why="too long or not printable")
    return found


def read_phone(form: Mapping[str, str], name: str) -> Phone:
    number = form.get(name, "")
    try:
        # A plus sign that was not encoded arrives as a blank.
        return Phone.parse("+" + number[1:] if number.startswith(" ") else number)
    except InvalidInput:
        why = "not a phone number" if number.strip() else "missing"
        raise InvalidInput(what=name, why=why) from None


def read_word(form: Mapping[str, str], *names: str) -> str | None:
    """A provider's own word, cut and cleaned so that it can be kept; a strange one is no error."""
    found = next((form[name] for name in names if form.get(name)), "")
    return "".join(c for c in found if c.isprintable()).strip()[:_LONGEST_ID] or None


def read_text(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "").replace("\0", "")[:_LONGEST_TEXT]
