"""Describes a message, or a sentence in others: its words with values, segments and price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.text.encoding import encoding_of, segments, units
from app.text.words import Words
from app.ussd.checker.declarations import Declarations
from app.ussd.checker.messages import bits
from app.ussd.checker.samples import Samples
from app.ussd.tools.places import Places


@dataclass(frozen=True, slots=True)
class SentencePortrait:
    """The sentences that are no screen. `prices` are dirhams a segment, by provider."""

    words: Words
    declared: Declarations
    places: Places
    prices: Mapping[str, Decimal]

    def describe(self, key: str) -> Iterator[str]:
        """Yields lines for a terminal. Raises: KeyError if no language has the sentence."""
        languages = [code for code in self.words.languages if key in self.words.keys(code)]
        if not languages:
            raise KeyError(key)
        yield f"{key}: " + "; ".join(self.places.describe_all().get(key, ["nowhere"]))
        if message := self.declared.messages.get(key):
            most = ", ".join(f"{count} in {name}" for name, count in message.most_segments.items())
            yield f"  values: {', '.join(sorted(message.values)) or 'none'}"
            yield f"  segments at most: {most}"
        for language in languages:
            yield from self._describe_in(language, key)

    def _describe_in(self, language: str, key: str) -> Iterator[str]:
        if self.words.is_noun(language, key) or self._lacks_samples(language, key):
            yield f"[{language}]"
            yield from _indent("\n".join(self.words.forms(language, key)))
            return
        everyday = self._fill(language, key, self.declared.samples.everyday)
        worst = self._fill(language, key, self.declared.samples)
        yield f"[{language}] everyday: {self._measure(everyday, key)}"
        yield from _indent(everyday)
        if worst != everyday:
            yield f"[{language}] worst: {self._measure(worst, key)}"
            yield from _indent(worst)

    def _lacks_samples(self, language: str, key: str) -> bool:
        return bool(self.words.value_names(language, key) - self.declared.samples.names)

    def _fill(self, language: str, key: str, samples: Samples) -> str:
        return self.words.say(language, key, samples.worst(self.words, language, key, bits))

    def _measure(self, text: str, key: str) -> str:
        encoding = encoding_of(text)
        if key not in self.declared.messages:
            return f"{units(text)} {encoding}"
        count = segments(text)
        prices = [f"{name} {count * price:.2f} MAD" for name, price in self.prices.items() if price]
        noun = "segment" if count == 1 else "segments"
        return ", ".join([f"{units(text)} {encoding}", f"{count} {noun}", *prices])


def _indent(text: str) -> Iterator[str]:
    yield from (f"    {line}" for line in text.split("\n"))
