"""Names the keys of cuts as readers call them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from app.figures.measures import ALL, UNKNOWN
from app.text.languages import LANGUAGES
from app.text.regions import find_region

_Text = TypeVar("_Text", bound=str)


def name_key(cut: str, key: str, say: Callable[..., _Text], language: str) -> _Text | str:
    """Returns a key of a cut as the reader calls it."""
    if key in (ALL, UNKNOWN):
        return say(f"office.figures.key.{key}")
    if cut == "category":
        return say("office.figures.key.category", letter=key)
    if cut in ("channel", "break_age"):
        return say(f"office.figures.key.{cut}.{key}")
    if cut == "language" and key in LANGUAGES:
        return LANGUAGES[key].name
    if cut == "region" and (region := find_region(key)):
        return region.name_in(language)
    return key
