"""The worst values a sentence may have to hold, from menus/samples.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from app.base.money import Money
from app.base.months import Month
from app.text.encoding import units
from app.text.languages import LANGUAGES
from app.text.words import Say, Words
from app.ussd.menu import BrokenMenu

_READ: dict[str, Callable[[Any], Any]] = {
    "money": lambda centimes: Money(int(centimes)),
    "text": str,
    "day": lambda day: day if isinstance(day, date) else date.fromisoformat(day),
    "moment": datetime.fromisoformat,
    "month": lambda month: Month.parse(str(month)),
}


class Samples:
    """Candidates for every value by name; a value may be a choice of sentences."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._sentences: dict[str, list[str]] = {
            name: body["say"]
            for name, body in raw.items()
            if isinstance(body, dict) and "say" in body
        }
        self._values = {
            name: [_read(name, one) for one in (body if isinstance(body, list) else [body])]
            for name, body in raw.items()
            if name not in self._sentences
        }

    @classmethod
    def load(cls, path: Path) -> Samples:
        """Reads the file at `path`; the names of the languages come from their own file.

        Raises: BrokenMenu, naming the value that cannot be read.
        """
        names = [{"text": entry.phone_name} for entry in LANGUAGES.values()]
        try:
            raw = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
            return cls({**raw, "language_name": names})
        except yaml.YAMLError as error:
            raise BrokenMenu(screen=path.name, why=" ".join(str(error).split())) from None

    @property
    def names(self) -> set[str]:
        return {*self._values, *self._sentences}

    @property
    def keys(self) -> set[str]:
        """Every sentence that stands in another."""
        return {key for keys in self._sentences.values() for key in keys}

    def sentences(self, name: str) -> Sequence[str]:
        """The sentences that the value `name` may be; none if it is none."""
        return self._sentences.get(name, ())

    def values(self, name: str) -> Sequence[Any]:
        """What the value `name` may be, if it is no sentence."""
        return self._values[name]

    def worst(
        self, words: Words, language: str, key: str, size: Callable[[str], int] = units
    ) -> dict[str, Any]:
        """For each place of the sentence, the candidate that makes it largest in this language."""
        places = sorted(words.places(language, key))
        offered = {name: self._candidates(words, language, name, size) for name in places}
        chosen = {name: offered[name][0] for name in places}
        open_ones = [name for name in places if len(offered[name]) > 1]
        # Twice: a letter outside GSM-7 changes what the values chosen before it weigh.
        for name in [*open_ones, *open_ones]:
            chosen[name] = max(
                offered[name],
                key=lambda one, name=name: size(  # type: ignore[misc]
                    words.say(language, key, {**chosen, name: one})
                ),
            )
        return chosen

    def _candidates(
        self, words: Words, language: str, name: str, size: Callable[[str], int]
    ) -> Sequence[Any]:
        if name in self._sentences:
            keys = self._sentences[name]
            return [Say(key, self.worst(words, language, key, size)) for key in keys]
        return self._values[name]


def _read(name: str, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    try:
        ((kind, value),) = body.items()
        return _READ[kind](value)
    except (KeyError, ValueError, TypeError):
        kinds = ", ".join(_READ)
        raise BrokenMenu(screen="samples.yaml", why=f"{name} is none of {kinds}") from None
