"""The worst and the everyday values of sentences, from menus/samples.yaml."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from app.base.money import Money
from app.base.months import Month
from app.text.dialled import CALL_BACK, COMPLAINTS, ENTRIES, longest_numbers, number_with
from app.text.encoding import units
from app.text.languages import LANGUAGES
from app.text.words import Say, Words
from app.ussd.menu import BrokenMenu

# The part of the file that holds the everyday values.
_EVERYDAY = "everyday"
_READERS: dict[str, Callable[[Any], Any]] = {
    "money": lambda centimes: Money(int(centimes)),
    "text": str,
    "dialled": lambda number: number,
    "day": lambda day: day if isinstance(day, date) else date.fromisoformat(day),
    "moment": datetime.fromisoformat,
    "month": lambda month: Month.parse(str(month)),
}


class Samples:
    """The candidates for every value, by its name; a value may be one of several sentences.

    `everyday` are the samples with everyday values; where a value has none, the worst stands.
    """

    def __init__(self, raw: Mapping[str, Any], says: Sequence[str] = ()) -> None:
        if everyday := raw.get(_EVERYDAY):
            raw = {name: body for name, body in raw.items() if name != _EVERYDAY}
            if unknown := everyday.keys() - raw.keys():
                why = f"{', '.join(sorted(unknown))} has an everyday value and no worst one"
                raise BrokenMenu(screen="samples.yaml", why=why)
        self.everyday = Samples({**raw, **everyday}, says) if everyday else self
        self._sentences: dict[str, list[str]] = {
            name: list(_expand(body["say"], says))
            for name, body in raw.items()
            if isinstance(body, dict) and "say" in body
        }
        self._values = {
            name: [_read_value(name, item) for item in (body if isinstance(body, list) else [body])]
            for name, body in raw.items()
            if name not in self._sentences
        }

    @classmethod
    def load(cls, path: Path, says: Sequence[str] = ()) -> Samples:
        """Reads the file at `path`; languages' names and numbers to dial come from theirs.

        `topic.*` stands for all sentences of `says`, the menu's own, that begin so.

        Raises: BrokenMenu, naming the value that cannot be read.
        """
        names = [{"text": entry.phone_name} for entry in LANGUAGES.values()]
        numbers = {name: {"dialled": number} for name, number in longest_numbers().items()}
        try:
            raw = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
            return cls({**raw, **numbers, "language_name": names}, says)
        except yaml.YAMLError as error:
            raise BrokenMenu(screen=path.name, why=" ".join(str(error).split())) from None

    def dialled_by(self, service_code: str) -> Samples:
        """Returns the samples with the numbers that are dialled at `service_code`."""
        told = copy(self)
        numbers = {name: [number_with(service_code, end)] for name, end in ENTRIES.items()}
        complaints = [number_with(service_code, CALL_BACK)]
        told._values = {**self._values, **numbers, COMPLAINTS: complaints}
        return told

    @property
    def names(self) -> set[str]:
        return {*self._values, *self._sentences}

    @property
    def keys(self) -> set[str]:
        """The keys of all sentences that stand in another."""
        return {key for keys in self._sentences.values() for key in keys}

    def sentences(self, name: str) -> Sequence[str]:
        """Returns the keys of the sentences that the value `name` may be."""
        return self._sentences.get(name, ())

    def values(self, name: str) -> Sequence[Any]:
        """Returns the candidates for the value `name`, which is no sentence."""
        return self._values[name]

    def worst(
        self, words: Words, language: str, key: str, size: Callable[[str], int] = units
    ) -> dict[str, Any]:
        """Returns, for each value of the sentence, the candidate that makes it largest."""
        names = sorted(words.value_names(language, key))
        candidates = {name: self._candidates(words, language, name, size) for name in names}
        chosen = {name: candidates[name][0] for name in names}
        undecided = [name for name in names if len(candidates[name]) > 1]
        # Several, twice: a letter outside GSM-7 changes the size of the values chosen before it.
        for name in undecided if len(undecided) == 1 else [*undecided, *undecided]:
            chosen[name] = max(
                candidates[name],
                key=lambda value, name=name: size(  # type: ignore[misc]
                    words.say(language, key, {**chosen, name: value})
                ),
            )
        return chosen

    def variants(self, words: Words, language: str, key: str) -> Iterator[dict[str, Any]]:
        """Yields values for the sentence: each candidate of each value once, beside the largest."""
        largest = self.worst(words, language, key)
        yield largest
        for name in largest:
            for value in self._values.get(name, ()):
                yield {**largest, name: value}
            for sentence in self._sentences.get(name, ()):
                for values in self.variants(words, language, sentence):
                    yield {**largest, name: Say(sentence, values)}

    def _candidates(
        self, words: Words, language: str, name: str, size: Callable[[str], int]
    ) -> Sequence[Any]:
        if name in self._sentences:
            keys = self._sentences[name]
            return [Say(key, self.worst(words, language, key, size)) for key in keys]
        return self._values[name]


def _expand(keys: Sequence[str], says: Sequence[str]) -> Iterator[str]:
    """Yields the keys, with `prefix.*` replaced by those of `says` that begin with the prefix."""
    for key in keys:
        if key.endswith(".*"):
            yield from (sentence for sentence in says if sentence.startswith(key[:-1]))
        else:
            yield key


def _read_value(name: str, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    try:
        ((kind, value),) = body.items()
        return _READERS[kind](value)
    except (KeyError, ValueError, TypeError):
        kinds = ", ".join(_READERS)
        raise BrokenMenu(screen="samples.yaml", why=f"{name} is none of {kinds}") from None
