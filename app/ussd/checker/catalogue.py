"""Proves the words of a menu: each key in each language, each value given, each letter cheap."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Set

from app.text.encoding import GSM7, encoding_of
from app.text.languages import LANGUAGES
from app.text.words import Words
from app.ussd.checker.declarations import Declarations
from app.ussd.checker.samples import Samples
from app.ussd.menu import Fault, Menu, Screen
from app.ussd.screen import choice_key

# The sentences of the engine itself, and of a hop without Redis or PostgreSQL.
_ENGINE_KEYS = {"footer.back", "footer.home", "footer.more", "wrong.choice", "changed"}
_ENGINE_KEYS |= {"away", "away.short", "away.since", "away.reference", "deferred"}
# Pages have no limit: their values need no worst case, their letters may be any.
_PAGE_PREFIXES = ("till.", "error.")


def keys_of(screen: Screen) -> set[str]:
    """Returns the keys a screen needs; a menu may do without a sentence of its own."""
    if screen.kind == "do":
        return set(screen.says)
    keys = set(screen.says) | {choice_key(screen, choice.digit) for choice in screen.choices}
    if screen.kind != "menu":
        keys.add(screen.name)
    if screen.kind == "list":
        keys |= {f"{screen.name}.row"}
    if screen.kind in {"input", "secret"}:
        keys.add(f"wrong.{screen.uses}")
    return keys


def find_wording_faults(menu: Menu, words: Words, declared: Declarations) -> Iterator[Fault]:
    """Yields the wordings that are missing, unused, or cannot be shown as they are written."""
    samples = declared.samples
    needed = _ENGINE_KEYS.union(samples.keys, *map(keys_of, menu.screens.values()))
    needed |= {noun for language in words.languages for noun in words.used_nouns(language)}
    used = needed | set(menu.screens) | set(declared.messages) | set(declared.pages)
    keys_by_language = {language: words.keys(language) for language in words.languages}
    needed |= set(declared.messages).union(*keys_by_language.values())
    yield from _find_idle_samples(words, samples, keys_by_language)
    names_by_key: dict[str, set[str]] = {}
    for language, keys in keys_by_language.items():
        for key in keys:
            names_by_key.setdefault(key, set()).update(words.value_names(language, key))
    repeated = words.repeated
    for language, keys in keys_by_language.items():
        for key in repeated.get(language, ()):
            yield Fault(key, language, "is written twice")
        for key in sorted(needed - keys):
            yield Fault(key, language, "has no words")
        for key in sorted(keys - used):
            yield Fault(key, language, "is used nowhere")
        for key in sorted(keys):
            yield from _find_costly_letters(words, language, key)
            yield from _find_value_faults(words, declared, language, key, names_by_key[key])


def _find_idle_samples(
    words: Words, samples: Samples, keys_by_language: Mapping[str, Set[str]]
) -> Iterator[Fault]:
    """Yields the samples that no sentence has: names mistyped, or of values that are gone."""
    sentences = ((lang, key) for lang, keys in keys_by_language.items() for key in keys)
    wanted = {n for s in sentences if not words.is_noun(*s) for n in words.value_names(*s)}
    for name in sorted(samples.names - wanted):
        yield Fault("samples.yaml", "-", f"{name} stands in no sentence")


def _find_costly_letters(words: Words, language: str, key: str) -> Iterator[Fault]:
    text = "".join(words.forms(language, key)).replace("\n", "")
    gsm7 = LANGUAGES[language].keeps_to_gsm7 and not key.startswith(_PAGE_PREFIXES)
    # Nearly all sentences are right at a glance; the others are gone through letter by letter.
    if text.isprintable() and not (gsm7 and encoding_of(text) != GSM7):
        return
    letters = sorted(set(text) - {" "})
    for letter in letters:
        # Marks, other blanks and controls: they are not seen, and each makes a text UCS-2.
        if unicodedata.category(letter) in {"Cc", "Cf", "Zs", "Zl", "Zp"}:
            yield Fault(key, language, f"holds the invisible letter U+{ord(letter):04X}")
    if gsm7 and (costly := [letter for letter in letters if encoding_of(letter) != GSM7]):
        yield Fault(key, language, f"{' '.join(costly)} is not in GSM-7")


def _find_value_faults(
    words: Words, declared: Declarations, language: str, key: str, elsewhere: Set[str]
) -> Iterator[Fault]:
    """Yields what is wrong with a sentence's values; `elsewhere` are those of any language."""
    if words.is_noun(language, key):
        for form in words.forms_without_count(language, key):
            yield Fault(key, language, f"{form} stands for several numbers and lacks {{n}}")
        return
    names = words.value_names(language, key)
    for place in words.unreadable_values(language, key):
        yield Fault(key, language, f"{place} cannot be filled in")
    if not key.startswith(_PAGE_PREFIXES):
        for name in sorted(names - declared.samples.names):
            yield Fault(key, language, f"{{{name}}} has no worst value in samples.yaml")
    for name in sorted(elsewhere - names):
        yield Fault(key, language, f"lacks {{{name}}}, which another language has")
    if message := declared.messages.get(key):
        for name in sorted(set(message.values) - elsewhere):
            yield Fault(key, language, f"lacks {{{name}}}, which its kind declares")
