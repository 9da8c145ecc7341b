"""The languages a person may choose, from languages.yaml beside this file, read once at import."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from app.text.encoding import GSM7

# The language of a person whose own is not known.
DEFAULT = "fr"

Tag = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?$")]
Written = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Language:
    """A language as phones, messages and pages need it.

    `name` is its own name, for pages. `phone_name` is the same for phones, first in Latin letters,
    which no phone shows as squares. `dirham` and `decimal_mark` write an amount. With the encoding
    GSM-7 its sentences keep to plain letters, so that a message costs half; a message takes at
    most `most_segments` SMS segments. `keywords` are what a person writes by SMS to ask for it.
    `latin_form` is the language in Latin letters that is spoken instead to a phone that shows this
    one's script as squares; Latin letters need none.
    """

    name: Written
    phone_name: Written
    script: Literal["latin", "arabic", "tifinagh"]
    direction: Literal["ltr", "rtl"]
    dirham: Written
    decimal_mark: Literal[",", "."]
    encoding: Literal["GSM-7", "UCS-2"]
    most_segments: Annotated[int, Field(ge=1, le=3)]
    keywords: tuple[Written, ...]
    latin_form: str | None = None

    @property
    def keeps_to_gsm7(self) -> bool:
        return self.encoding == GSM7


def read_languages(path: Path) -> Mapping[str, Language]:
    """Reads the languages of a file by code, in its order.

    Raises: ValueError if an entry is incomplete, the default language is missing, or a script that
    a phone may lack has no form in Latin letters.
    """
    raw = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
    languages = TypeAdapter(dict[Tag, Language]).validate_python(raw)
    if DEFAULT not in languages:
        raise ValueError(f"{path.name}: {DEFAULT} is missing")
    for code, entry in languages.items():
        form = languages.get(entry.latin_form or code)
        if form is None or form.script != "latin":
            raise ValueError(f"{path.name}: {code} needs a latin_form, a language in Latin letters")
    return MappingProxyType(languages)


LANGUAGES = read_languages(Path(__file__).with_name("languages.yaml"))


def language_of_script(script: str) -> str | None:
    """Returns the first language written in `script`, for text known by its letters only."""
    return next((code for code, entry in LANGUAGES.items() if entry.script == script), None)


def choose_form(asked: str, spoken: str) -> str:
    """Returns the form of the language `asked` for that a phone shows which is `spoken` to so far.

    Latin letters were chosen there because it shows no others, or are what its owner reads: so of
    the same tongue, the form in Latin letters.
    """
    latin = LANGUAGES[asked].latin_form
    in_latin = spoken in {entry.latin_form for entry in LANGUAGES.values()}
    same_tongue = latin is not None and latin.partition("-")[0] == asked.partition("-")[0]
    return latin if latin and in_latin and same_tongue else asked
