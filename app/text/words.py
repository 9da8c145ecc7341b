"""All sentences, by key and language, from gettext files (menus/locales)."""

from __future__ import annotations

import gettext
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from sys import intern
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from app.text.dialled import DIALLED_VALUES
from app.text.formats import FORMATS, write_value
from app.text.languages import DEFAULT

_PLACE = re.compile(r"\{(\w+)(?::(\w+))?\}")
# A sentence cut at its places: its beginning; then each value's name and format, and what follows.
_CutSentence = tuple[str, tuple[tuple[str, str | None, str], ...]]
# Enough numbers to meet every plural form of CLDR.
_COUNTS = range(201)


# Values that any sentence may name without being given them; the runtime says what they are.
SHARED_VALUES = frozenset({"networks", "payable_at", "agencies_label"}) | DIALLED_VALUES


@dataclass(frozen=True, slots=True)
class Say:
    """A value that is itself a sentence: its key and the values of its places."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)


class Words:
    """The sentences of every language. A key is found or raises KeyError; it is never shown."""

    def __init__(self, folder: Path, files: str) -> None:
        self._source = folder, files
        self._keys: dict[str, frozenset[str]] = {}
        self._nouns: dict[str, frozenset[str]] = {}
        self._translations: dict[str, _Translations] = {}
        for language, catalog in _read_catalogs(folder, files):
            self._keys[language] = _list_keys(catalog)
            self._nouns[language] = _list_nouns(catalog)
            self._translations[language] = _Translations(catalog)
        # The shared values: each is asked for by language when a sentence names it.
        self.shared: dict[str, Callable[[str], object]] = {}
        # Filled when a sentence is first said: the same few sentences are said all day.
        self._cuts: dict[tuple[str, str], _CutSentence] = {}

    @classmethod
    def load(cls, folder: Path, files: str = "menus.po") -> Words:
        """Reads `folder/<language>/LC_MESSAGES/`; several files of a language are read as one."""
        return cls(folder, files)

    @property
    def repeated(self) -> dict[str, list[str]]:
        """The keys that stand twice in the files, by language."""
        keys: dict[str, list[str]] = {}
        for language, path in _list_files(*self._source):
            keys.setdefault(language, []).extend(_list_written_keys(path))
        return {language: _find_repeated(written) for language, written in keys.items()}

    def fall_back_on(self, newer: Words) -> None:
        """Says in the words of `newer` the sentences that are missing here."""
        self.shared = newer.shared
        for language, translations in self._translations.items():
            if language in newer._translations:
                translations.fall_back_on(newer._translations[language])

    def follow(self, other: Words) -> None:
        """Says from now on what `other` says, also to those who hold these words already."""
        self._source = other._source
        self._keys, self._nouns = other._keys, other._nouns
        self._translations = other._translations
        self._cuts = {}

    @property
    def languages(self) -> list[str]:
        return list(self._translations)

    def language_or_default(self, language: str | None) -> str:
        """Returns `language` if its sentences are here, else the default."""
        return language if language in self._translations and language else DEFAULT

    def has(self, language: str, key: str) -> bool:
        return key in self._translations[language].sentences

    def keys(self, language: str) -> frozenset[str]:
        """Returns the keys that have words: neither empty nor fuzzy, with every plural form."""
        return self._keys[language]

    def say(self, language: str, key: str, values: Mapping[str, Any] | None = None) -> str:
        """Returns the sentence with its values written in.

        Raises: KeyError naming the key and language, or the value that is missing.
        """
        cuts = self._cuts  # read before the sentence: `follow` changes them in the other order
        cut = cuts.get((language, key))
        if cut is None:
            cut = cuts[language, key] = _cut(self.get_sentence(language, key))
        sentence, places = cut
        named = values or {}
        for name, form, after in places:
            value = named[name] if name in named else self.shared[name](language)
            sentence += self._write(value, form, language) + after
        return sentence

    def get_sentence(self, language: str, key: str) -> str:
        """Returns the sentence with its places. Raises: KeyError naming the key and language."""
        if (sentence := self._translations[language].sentences.get(key)) is None:
            raise KeyError(f"no words for {key} in {language}")
        return sentence

    def is_noun(self, language: str, key: str) -> bool:
        """True for a noun, which has plural forms."""
        return key in self._translations[language].nouns

    def forms(self, language: str, key: str) -> tuple[str, ...]:
        """Returns the sentence with its places; of a noun, each of its plural forms."""
        forms = self._translations[language].nouns.get(key)
        return forms or (self.get_sentence(language, key),)

    def read_back(self, language: str, key: str, said: str) -> dict[str, str] | None:
        """Returns the values, as written, of a text that says this sentence; None of another."""
        beginning, places = _cut(self.get_sentence(language, key))
        pattern, names = re.escape(beginning), set[str]()
        for name, _, after in places:
            pattern += ("(.*?)" if name in names else f"(?P<{name}>.*?)") + re.escape(after)
            names.add(name)
        match = re.fullmatch(pattern, said, re.DOTALL)
        return match.groupdict() if match else None

    def value_names(self, language: str, key: str) -> frozenset[str]:
        """Returns the names of the values the sentence takes."""
        return _find_value_names(self.get_sentence(language, key))

    def takes_shared_value(self, language: str, key: str) -> bool:
        """True if the sentence, if there is one, names a value that it need not be given."""
        names = self.value_names(language, key) if self.has(language, key) else frozenset()
        return not names.isdisjoint(SHARED_VALUES)

    def noun_names(self, language: str, key: str) -> set[str]:
        """Returns the nouns whose plural the sentence takes."""
        forms = {match[2] for match in _PLACE.finditer(self.get_sentence(language, key))}
        return forms & self._nouns[language]

    def used_nouns(self, language: str) -> set[str]:
        """Returns the nouns whose plural some sentence takes."""
        sentences = self._translations[language].sentences.values()
        forms = {match[2] for sentence in sentences for match in _PLACE.finditer(sentence)}
        return forms & self._nouns[language]

    def unreadable_values(self, language: str, key: str) -> list[str]:
        """Returns the braces that would be shown as they are, or name neither format nor noun."""
        sentence = self.get_sentence(language, key)
        wrong = [
            match[0]
            for match in _PLACE.finditer(sentence)
            if match[2] and match[2] not in FORMATS and match[2] not in self._nouns[language]
        ]
        rest = _PLACE.sub("", sentence)
        return [*wrong, rest] if "{" in rest or "}" in rest else wrong

    def forms_without_count(self, language: str, noun: str) -> list[str]:
        """Returns the plural forms that stand for several numbers and do not hold the count."""
        plural = self._translations[language].plural
        numbers = Counter(plural(count) for count in _COUNTS)
        forms = self.forms(language, noun)
        return [f for i, f in enumerate(forms) if numbers[i] > 1 and not _PLACE.search(f)]

    def write_every_form(self, language: str, noun: str) -> tuple[str, ...]:
        """Returns a noun in each of its plural forms, with the smallest number that takes it."""
        plural = self._translations[language].plural
        smallest: dict[int, int] = {}
        for count in _COUNTS:
            smallest.setdefault(plural(count), count)
        counts = sorted(smallest.values())
        return tuple(self._write_count(language, noun, count) for count in counts)

    def _write(self, value: object, form: str | None, language: str) -> str:
        if isinstance(value, Say):
            return self.say(language, value.key, value.values)
        if form is None:
            return write_value(value, language)
        if form in FORMATS:
            return FORMATS[form](value, language)
        return self._write_count(language, form, int(value))  # type: ignore[call-overload]

    def _write_count(self, language: str, noun: str, count: int) -> str:
        """`{n:months}`: writes the plural form that CLDR asks for, from the key `months`."""
        translations = self._translations[language]
        forms = translations.nouns.get(noun)
        if forms is None or not (form := forms[translations.plural(count)]):
            raise KeyError(f"no plural {noun} in {language}")
        return _PLACE.sub(str(count), form)


# Kept: the check of a menu asks for each sentence's again and again.
@lru_cache(maxsize=4096)
def _find_value_names(sentence: str) -> frozenset[str]:
    return frozenset(match[1] for match in _PLACE.finditer(sentence))


def _cut(sentence: str) -> _CutSentence:
    beginning, *rest = _PLACE.split(sentence)
    return beginning, tuple(zip(rest[::3], rest[1::3], rest[2::3], strict=True))


class _Translations:
    """A language's sentences, the forms of its nouns, and its rule which form a number takes.

    A noun is a sentence too: in the form that one takes. A fuzzy or empty translation is as none.
    """

    def __init__(self, catalog: Catalog) -> None:
        # The file's own rule: Babel has none for a language it does not know (ary-Latn, zgh).
        self.plural: Callable[[int], int] = gettext.c2py(catalog.plural_expr)
        said = [message for message in catalog if message.id and not message.fuzzy]
        self.nouns = {_key_of(one): _list_forms(one) for one in said if isinstance(one.id, tuple)}
        sentences = {_key_of(one): str(one.string) for one in said if isinstance(one.id, str)}
        sentences |= {noun: forms[self.plural(1)] for noun, forms in self.nouns.items()}
        self.sentences = {key: sentence for key, sentence in sentences.items() if sentence}

    def fall_back_on(self, newer: _Translations) -> None:
        """Takes from `newer` what is missing here."""
        self.sentences = newer.sentences | self.sentences
        self.nouns = newer.nouns | self.nouns


def _list_files(folder: Path, files: str) -> list[tuple[str, Path]]:
    """Returns each file with its language."""
    return [(path.parts[-3], path) for path in sorted(folder.glob(f"*/LC_MESSAGES/{files}"))]


def _read_catalogs(folder: Path, files: str) -> Iterator[tuple[str, Catalog]]:
    """Yields every language; several files of one become one.

    One is in memory at a time: a message of a catalog takes many times what its words take.
    """
    for language, found in groupby(_list_files(folder, files), key=itemgetter(0)):
        whole: Catalog | None = None
        for _, path in found:
            with path.open("rb") as file:
                read = read_po(map(_hide_language, file), abort_invalid=True)
            if whole is None:
                whole = read
                continue
            for message in read:
                if message.id:
                    whole[message.id] = message
        assert whole is not None
        yield language, whole


def _hide_language(line: bytes) -> bytes:
    """Empties the line that names the language: Babel would read what it knows of all, 3 MB."""
    return b'""\n' if line.startswith(b'"Language:') else line


def _key_of(message: Message) -> str:
    # Every language has the same keys.
    return intern(str(message.id[0] if isinstance(message.id, tuple) else message.id))


def _list_keys(catalog: Catalog) -> frozenset[str]:
    return frozenset(
        _key_of(message)
        for message in catalog
        if message.id and not message.fuzzy and all(_list_forms(message))
    )


def _list_nouns(catalog: Catalog) -> frozenset[str]:
    return frozenset(_key_of(message) for message in catalog if isinstance(message.id, tuple))


def _list_forms(message: Message) -> tuple[str, ...]:
    """Returns the sentence; of a noun, each of its plural forms."""
    return tuple(message.string) if isinstance(message.string, tuple) else (str(message.string),)


def _list_written_keys(path: Path) -> list[str]:
    lines = path.read_text("utf-8").splitlines()
    return [line[7:-1] for line in lines if line.startswith("msgid ")]


def _find_repeated(keys: Sequence[str]) -> list[str]:
    """Returns the keys written twice: gettext would keep one of them in silence."""
    return sorted(key for key, times in Counter(keys).items() if key and times > 1)
