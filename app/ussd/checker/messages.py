"""Proves the words of messages: each costs what it may, and tells nothing that helps a thief."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.text.encoding import GSM7, encoding_of, segments, units
from app.text.languages import LANGUAGES
from app.text.words import Words, forms_of
from app.ussd.checker.samples import Samples
from app.ussd.menu import Fault

PREFIX = "sms."
# A message stays on a shared or lost phone, and anybody can write one that looks like ours. So it
# tells what is owed, paid or ready and where to go: never who somebody is (name, CIN, CNSS and RNA
# number, birth date, phone) nor a PIN, and it leads to no page. A new value is a decision: add it.
# fmt: off
_TOLD = frozenset({
    "total", "penalty", "fee", "amount", "period", "code", "until", "count", "late", "first",
    "last", "receipt", "received_on", "posted_on", "paid_at", "closed_on", "opens_on",
    "rights_until", "as_of", "next_due", "claim", "filed_on", "request", "asked_on",
    "agency", "agency_name", "town", "address", "hours", "agencies",
    "deadline", "where", "announced",
})
# fmt: on
# What opens a door, and the only message that may hold it.
_ONLY_IN = {"reset_code": "sms.pin_reset"}
_LINK = re.compile(r"://|\bwww\b|\w\.(ma|com|net|org|info|app|io|ly|me)\b", re.IGNORECASE)


def harm_faults(words: Words, samples: Samples) -> Iterator[Fault]:
    """What a message must not hold, in its own words or in a sentence that stands in it."""
    for language in words.languages:
        for key in messages(words, language):
            for said in sorted(_sentences_in(words, samples, language, key)):
                where = "" if said == key else f", in {said}"
                for why in _harm(words, samples, language, key, said):
                    yield Fault(key, language, why + where)


def _harm(words: Words, samples: Samples, language: str, key: str, said: str) -> Iterator[str]:
    for name in sorted(words.places(language, said)):
        if samples.sentences(name) or name in _TOLD or _ONLY_IN.get(name) == key:
            continue
        yield f"{{{name}}} is nothing a message may tell (app/ussd/checker/messages.py)"
    for form in forms_of(words.catalogs[language][said]):
        if link := _LINK.search(form):
            yield f"{link[0]} leads to a page: thieves send such messages"


def _sentences_in(words: Words, samples: Samples, language: str, key: str) -> set[str]:
    """The sentence and all that may stand in it, however deep."""
    found, waiting = set(), [key]
    while waiting:
        said = waiting.pop()
        if said in found or not words.has(language, said):
            continue
        found.add(said)
        for name in words.places(language, said):
            waiting.extend(samples.sentences(name))
    return found


def size_faults(words: Words, samples: Samples, language: str, key: str) -> Iterator[str]:
    """Why a message may cost more than it should, with the worst values it may have to hold."""
    text = words.say(language, key, samples.worst(words, language, key, bits))
    most = LANGUAGES[language].most_segments
    if segments(text) > most:
        counted = f"{encoding_of(text)}{_because(language, text)}, {units(text)} units"
        yield f"takes {segments(text)} SMS segments, {most} at most ({counted})"


def _because(language: str, text: str) -> str:
    strange = sorted({letter for letter in text if encoding_of(letter) != GSM7})
    return f" for {' '.join(strange)}" if strange and LANGUAGES[language].keeps_to_gsm7 else ""


def messages(words: Words, language: str) -> list[str]:
    """The keys of all messages that can be said in a language."""
    return sorted(key for key in words.keys(language) if key.startswith(PREFIX))


def bits(text: str) -> int:
    """How much of a message it fills, in either encoding: one strange letter doubles it."""
    return units(text) * (7 if encoding_of(text) == GSM7 else 16)
