"""What the forms of the office's pages share: keys by which the same form again is known."""

from __future__ import annotations

import re

from flask import request
from werkzeug.exceptions import NotFound

from app.base.errors import InvalidInput
from app.runtime import runtime

_FORM_KEY = re.compile(r"[0-9a-f]{32}", re.ASCII)
_LARGEST_NUMBER = 2**63 - 1


def draw_form_key() -> str:
    """Draws the key of a form, by which the same form again is known."""
    return f"{runtime().random.getrandbits(128):032x}"


def read_form_key() -> str:
    """Returns the key of the form that was sent. Raises: InvalidInput."""
    typed = request.form.get("form_key", "")
    if not _FORM_KEY.fullmatch(typed):
        raise InvalidInput(what="form", why="not one of our pages")
    return typed


def check_number(number: int) -> int:
    """Returns a number of an address. Raises: NotFound for one that no row can have."""
    if not 0 < number <= _LARGEST_NUMBER:
        raise NotFound
    return number


def read_after() -> int:
    """Returns the row after which a list goes on; 0 is its beginning."""
    typed = request.args.get("after", "")
    return int(typed) if re.fullmatch(r"[0-9]{1,18}", typed, re.ASCII) else 0
