"""Proves the words of a menu: each key in each language, each place filled, each letter cheap."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from app.text.encoding import GSM7, encoding_of
from app.text.languages import LANGUAGES
from app.text.words import Words, forms_of
from app.ussd.checker.samples import Samples
from app.ussd.menu import Fault, Menu, Screen
from app.ussd.screen import choice_key

# Sentences the engine itself says, and those of messages, tills and refusals.
_SPOKEN = {"footer.back", "footer.home", "footer.more", "wrong.choice", "changed"}
_SPOKEN |= {"away", "away.short", "deferred"}
_APART = ("sms.", "till.", "error.")
_QUOTED = re.compile(r"""["'`]([a-z][\w.]*)["'`]""")
# Pages have no limit: their values need no worst case, their letters may be any.
_ON_PAGES = ("till.", "error.")


def keys_of(screen: Screen) -> set[str]:
    """The keys a screen needs; a menu may do without a sentence of its own."""
    if screen.kind == "do":
        return set()
    keys = {choice_key(screen, choice.digit) for choice in screen.choices}
    if screen.kind != "menu":
        keys.add(screen.name)
    if screen.kind == "list":
        keys |= {f"{screen.name}.row"}
    if screen.kind in {"input", "secret"}:
        keys.add(f"wrong.{screen.uses}")
    return keys


def find_said_keys(folder: Path) -> Set[str]:
    """Whatever stands in quotation marks in the code and templates of a folder: among it is every
    key, or kind of message or refusal, that the code says.
    """
    files = (path for path in folder.rglob("*") if path.suffix in {".py", ".html"})
    return {name for path in files for name in _QUOTED.findall(path.read_text("utf-8"))}


def wording_faults(menu: Menu, words: Words, samples: Samples, said: Set[str]) -> Iterator[Fault]:
    """Yields the wordings that are missing, unused, or cannot be shown as they are written."""
    needed = _SPOKEN.union(samples.keys, *map(keys_of, menu.screens.values()))
    needed |= {noun for language in words.languages for noun in words.nouns_said(language)}
    written = {language: words.keys(language) for language in words.languages}
    everywhere: set[str] = set().union(*written.values())
    yield from _idle_samples(words, samples, written)
    for language, keys in written.items():
        for key in words.repeated.get(language, ()):
            yield Fault(key, language, "is written twice")
        for key in sorted((needed | everywhere) - keys):
            yield Fault(key, language, "has no words")
        for key in sorted(keys - needed):
            if key not in menu.screens and not _is_said(key, said):
                yield Fault(key, language, "is used nowhere")
        for key in sorted(keys):
            yield from _letters(words, language, key)
            yield from _places(words, samples, language, key)


def _idle_samples(
    words: Words, samples: Samples, written: Mapping[str, Set[str]]
) -> Iterator[Fault]:
    """A worst value that no sentence has is a name mistyped, or of a value that is gone."""
    sentences = ((lang, k) for lang, keys in written.items() for k in keys)
    wanted = {n for s in sentences if not _is_noun(words, *s) for n in words.places(*s)}
    for name in sorted(samples.names - wanted):
        yield Fault("samples.yaml", "-", f"{name} stands in no sentence")


def _is_noun(words: Words, language: str, key: str) -> bool:
    """Plural forms, of which the gettext of an older Python gives none without a count."""
    return isinstance(words.catalogs[language][key].id, tuple)


def _is_said(key: str, said: Set[str]) -> bool:
    """A message's words are found by its kind, a refusal's by its code."""
    return key.startswith(_APART) and bool({key, key.partition(".")[2]} & said)


def _letters(words: Words, language: str, key: str) -> Iterator[Fault]:
    letters = sorted(set("".join(forms_of(words.catalogs[language][key]))) - {"\n", " "})
    for letter in letters:
        # Marks, other blanks and controls: nobody sees them, and each makes a text UCS-2.
        if unicodedata.category(letter) in {"Cc", "Cf", "Zs", "Zl", "Zp"}:
            yield Fault(key, language, f"holds the invisible letter U+{ord(letter):04X}")
    if not LANGUAGES[language].keeps_to_gsm7 or key.startswith(_ON_PAGES):
        return
    if strange := [letter for letter in letters if encoding_of(letter) != GSM7]:
        yield Fault(key, language, f"{' '.join(strange)} is not in GSM-7")


def _places(words: Words, samples: Samples, language: str, key: str) -> Iterator[Fault]:
    if _is_noun(words, language, key):
        for form in words.countless_forms(language, key):
            yield Fault(key, language, f"{form} stands for several numbers and lacks {{n}}")
        return
    here = words.places(language, key)
    for place in words.unreadable_places(language, key):
        yield Fault(key, language, f"{place} cannot be filled in")
    if not key.startswith(_ON_PAGES):
        for name in sorted(here - samples.names):
            yield Fault(key, language, f"{{{name}}} has no worst value in samples.yaml")
    elsewhere: set[str] = set().union(
        *(words.places(other, key) for other in words.languages if key in words.keys(other))
    )
    for name in sorted(elsewhere - here):
        yield Fault(key, language, f"lacks {{{name}}}, which another language has")
