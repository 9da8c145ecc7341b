"""Forms of the office's pages: what was typed, and where a done act leads.

A form includes office/guard.html: then it does its act once (app/office/forms.py).
"""

from __future__ import annotations

import re
from datetime import date, datetime

from flask import request, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from app.base.errors import InvalidInput
from app.base.identifiers import plain_signs
from app.base.money import Money
from app.ledger.errors import ProposalChanged

LONGEST_REASON = 300
_LONGEST = 200
# Beyond it PostgreSQL has no number of a row.
_HIGHEST_NUMBER = 2**63 - 1
# The part of an address that names a row.
NUMBER = f"<int(max={_HIGHEST_NUMBER}):number>"
# Longer than any number that is asked for, and shorter than what Python reads no more.
_DIGITS = re.compile(r"[0-9]{1,30}", re.ASCII)


def done(endpoint: str, said: str, **values: object) -> AnyResponse:
    """Leads to a page that says, by `office.said.<said>`, what was done."""
    return redirect(url_for(f"office.{endpoint}", said=said, **values), 303)  # type: ignore[arg-type]


def read_text(name: str, longest: int = _LONGEST) -> str:
    """Returns a field without blanks around it. Raises: InvalidInput for too long a one."""
    text = " ".join(request.form.get(name, "").split())
    if len(text) > longest:
        raise InvalidInput(what=name, why="too_long")
    return text


def read_needed(name: str, longest: int = _LONGEST) -> str:
    """Returns a field that must be filled. Raises: InvalidInput."""
    text = read_text(name, longest)
    if not text:
        raise InvalidInput(what=name, why="empty")
    return text


def read_choice(name: str, choices: object) -> str:
    """Returns a field that is one of several words. Raises: InvalidInput."""
    text = request.form.get(name, "")
    if text not in choices:  # type: ignore[operator]
        raise InvalidInput(what=name, why="not_a_choice")
    return text


def read_amount(name: str) -> Money | None:
    """Returns dirhams; None for an empty field. Raises: InvalidInput."""
    text = plain_signs(request.form.get(name, "")).replace(",", ".").replace(" ", "")
    if not text:
        return None
    try:
        amount = Money.parse(text)
    except InvalidInput:
        raise InvalidInput(what=name, why="no_amount") from None
    if amount.centimes < 0:
        raise InvalidInput(what=name, why="no_amount")
    return amount


def read_count(name: str, least: int, most: int) -> int | None:
    """Returns a whole number; None for an empty field. Raises: InvalidInput."""
    text = plain_signs(request.form.get(name, ""))
    if not text:
        return None
    if (count := _read_number(text, least, most)) is None:
        raise InvalidInput(what=name, why="no_count")
    return count


def read_form_day(name: str) -> date | None:
    """Returns a day of a form; None for an empty field. Raises: InvalidInput."""
    return _read_day(name, request.form.get(name, ""))


def read_asked_day(name: str) -> date | None:
    """Returns a day of the address; None if it is left out. Raises: InvalidInput."""
    return _read_day(name, request.args.get(name, ""))


def read_asked_word(name: str, choices: object, usual: str = "") -> str:
    """Returns a word of the address, or the usual one for any other."""
    text = request.args.get(name, "")
    return text if text in choices else usual  # type: ignore[operator]


def _read_number(text: str, least: int, most: int) -> int | None:
    """Returns a whole number from `least` to `most`; None for any other text."""
    if not _DIGITS.fullmatch(text) or not least <= int(text) <= most:
        return None
    return int(text)


def _read_day(name: str, written: str) -> date | None:
    text = plain_signs(written)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(what=name, why="no_day") from None
    if not 2000 <= day.year <= 2999:
        raise InvalidInput(what=name, why="no_day")
    return day


def read_proposed_at() -> datetime:
    """Returns the moment of the proposal that the page showed. Raises: ProposalChanged."""
    try:
        return datetime.fromisoformat(request.form.get("proposed_at", ""))
    except ValueError:
        raise ProposalChanged() from None
