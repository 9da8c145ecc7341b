"""A network's own reference of a payment: one alphabet at every door.

A reference that the payments API accepts can be written in a path and in a settlement file
(docs/contract.md, Payments API).
"""

from app.base.errors import InvalidInput

LONGEST_REFERENCE = 128


def read_reference(text: str) -> str:
    """Returns a network's reference as it is: 1 to 128 visible characters, no blanks at the ends.

    A blank within is a space; nothing is trimmed, so that one reference has one writing.

    Raises: InvalidInput.
    """
    if not 1 <= len(text) <= LONGEST_REFERENCE:
        raise InvalidInput(what="reference", why=f"not 1 to {LONGEST_REFERENCE} characters")
    if not text.isprintable():
        raise InvalidInput(what="reference", why="a character that cannot be seen")
    if text != text.strip():
        raise InvalidInput(what="reference", why="a blank at an end")
    return text
