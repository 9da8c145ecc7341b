"""Reads and checks a notice's file. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import yaml

from app.notices.errors import NoticeRefused
from app.text.encoding import GSM7, encoding_of
from app.text.languages import LANGUAGES
from app.text.pages import begins_with_digit

# With these a line and a reason fit on one page of the narrowest screen, in any script.
LONGEST_TITLE, LONGEST_LINE, MOST_LINES = 24, 40, 3
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice in every language: `texts` gives title and body by language."""

    name: str
    until: date
    texts: Mapping[str, tuple[str, str]]


def read_notice(written: bytes) -> Notice:
    """Reads a YAML file with name, until, and title and text of each language.

    Raises: NoticeRefused.
    """
    try:
        raw = yaml.safe_load(written)
    except yaml.YAMLError as error:
        raise NoticeRefused(why=str(error).replace("\n", " ")) from None
    return make_notice(raw)


def make_notice(raw: object) -> Notice:
    """Returns the notice of a file's or a form's fields. Raises: NoticeRefused."""
    if not isinstance(raw, dict) or set(raw) != {"name", "until", *LANGUAGES}:
        raise NoticeRefused(why=f"needs name, until and {', '.join(LANGUAGES)}, nothing else")
    if not _NAME.fullmatch(str(raw["name"])):
        raise NoticeRefused(why="name: small letters, digits and dashes, 32 at most")
    if type(raw["until"]) is not date:
        raise NoticeRefused(why="until: a day such as 2026-12-31")
    texts = {language: _read_text(language, raw[language]) for language in LANGUAGES}
    return Notice(str(raw["name"]), raw["until"], texts)


def _read_text(language: str, raw: object) -> tuple[str, str]:
    if not isinstance(raw, dict) or set(raw) != {"title", "text"}:
        raise NoticeRefused(why=f"{language}: needs title and text")
    lines = raw["text"] if isinstance(raw["text"], list) else [raw["text"]]
    title, *body = (" ".join(str(line).split()) for line in (raw["title"], *lines))
    if not 1 <= len(body) <= MOST_LINES:
        raise NoticeRefused(why=f"{language}: text of 1 to {MOST_LINES} lines")
    for line, longest in ((title, LONGEST_TITLE), *((text, LONGEST_LINE) for text in body)):
        if not 1 <= len(line) <= longest:
            raise NoticeRefused(why=f"{language}: 1 to {longest} letters, not {line!r}")
        if begins_with_digit(line):
            why = f"{language}: a digit at a line's beginning reads as a key in {line!r}"
            raise NoticeRefused(why=why)
        if LANGUAGES[language].keeps_to_gsm7 and encoding_of(line) != GSM7:
            raise NoticeRefused(why=f"{language}: a letter outside GSM-7 in {line!r}")
    return title, "\n".join(body)
