"""Proves the words of messages: none costs too much or holds a value that helps a thief."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.text.dialled import DIALLED_VALUES
from app.text.encoding import GSM7, encoding_of, segments, units
from app.text.languages import LANGUAGES
from app.text.words import SHARED_VALUES, Words
from app.ussd.checker.declarations import Declarations, DeclaredMessage
from app.ussd.checker.samples import Samples
from app.ussd.menu import Fault

# A message stays on a shared or lost phone, and a forged one may look like ours. So a message may
# say what is owed, paid or ready, and where to go. It never identifies a person (name, CIN, CNSS
# and RNA number, birth date, phone), and holds no PIN and no link. A new value has to be added.
# A receipt alone names for whom it is, masked: who pays for another, or a family, keeps several.
# fmt: off
_HARMLESS = frozenset({
    "total", "penalty", "fee", "amount", "period", "code", "until", "count", "overdue", "first",
    "last", "receipt", "received_on", "posted_on", "paid_at", "closed_on", "opens_on",
    "rights_until", "as_of", "next_due", "claim", "filed_on", "request", "asked_on", "call_by",
    "agency", "agency_name", "town", "address", "hours", "agencies",
    "deadline", "down_since", "down_until", "where", "announced", "networks", "owed_total",
    # The last four digits of a phone, told to the person that it was tied to.
    "ends",
}) | DIALLED_VALUES
# fmt: on
# Values that give access or name a person, and the only message that may hold each.
_ONLY_IN = {
    "for_whom": "sms.receipt",
    "reset_code": "sms.pin_reset",
    "reversal_code": "sms.reversal_code",
    "tie_code": "sms.tie_code",
    "presence_code": "sms.presence_code",
}
_LINK = re.compile(r"://|\bwww\b|\w\.(ma|com|net|org|info|app|io|ly|me)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Message:
    """A message in a language, with all sentences that may stand in it."""

    words: Words
    samples: Samples
    language: str
    declared: DeclaredMessage

    def sentences(self) -> set[str]:
        """Returns the keys of the message's sentence and of all that may stand in it."""
        keys: set[str] = set()
        waiting = [self.declared.key]
        while waiting:
            key = waiting.pop()
            if key in keys or not self.words.has(self.language, key):
                continue
            keys.add(key)
            for name in self.words.value_names(self.language, key):
                waiting.extend(self.samples.sentences(name))
        return keys


def find_message_faults(words: Words, declared: Declarations) -> Iterator[Fault]:
    """Yields what a message must not hold, in its own words or in a sentence within them."""
    for language in words.languages:
        for key in message_keys(words, declared, language):
            message = _Message(words, declared.samples, language, declared.messages[key])
            for sentence in sorted(message.sentences()):
                where = "" if sentence == key else f", in {sentence}"
                for why in _find_harm(message, sentence):
                    yield Fault(key, language, why + where)


def _find_harm(message: _Message, sentence: str) -> Iterator[str]:
    key, words, language = message.declared.key, message.words, message.language
    for name in sorted(words.value_names(language, sentence)):
        if message.samples.sentences(name):
            continue
        if name not in _HARMLESS and _ONLY_IN.get(name) != key:
            yield f"{{{name}}} is nothing a message may tell (app/ussd/checker/messages.py)"
        elif sentence == key and name not in {*message.declared.values, *SHARED_VALUES}:
            yield f"{{{name}}} is no value of its kind"
    for form in words.forms(language, sentence):
        if link := _LINK.search(form):
            yield f"{link[0]} leads to a page: thieves send such messages"


def find_size_faults(
    words: Words, samples: Samples, language: str, message: DeclaredMessage
) -> Iterator[str]:
    """Yields why a message may cost more than it should, with its worst values."""
    text = words.say(language, message.key, samples.worst(words, language, message.key, bits))
    entry = LANGUAGES[language]
    most = min(entry.most_segments, message.most_segments[entry.encoding])
    if segments(text) > most:
        measured = f"{encoding_of(text)}{_name_costly_letters(language, text)}, {units(text)} units"
        yield f"takes {segments(text)} SMS segments, {most} at most ({measured})"


def _name_costly_letters(language: str, text: str) -> str:
    costly = sorted({letter for letter in text if encoding_of(letter) != GSM7})
    return f" for {' '.join(costly)}" if costly and LANGUAGES[language].keeps_to_gsm7 else ""


def message_keys(words: Words, declared: Declarations, language: str) -> list[str]:
    """Returns the keys of all messages that have words in a language."""
    return sorted(declared.messages.keys() & words.keys(language))


def bits(text: str) -> int:
    """Returns how many bits a text fills; one letter outside GSM-7 more than doubles them."""
    return units(text) * (7 if encoding_of(text) == GSM7 else 16)
