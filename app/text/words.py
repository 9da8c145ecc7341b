"""All sentences, by key and language, from gettext files (menus/locales)."""

from __future__ import annotations

import gettext
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from app.text.formats import FORMATS, written
from app.text.languages import DEFAULT

_PLACE = re.compile(r"\{(\w+)(?::(\w+))?\}")
# A sentence cut at its places: its beginning; then each value's name and format, and what follows.
_Cut = tuple[str, tuple[tuple[str, str | None, str], ...]]
# Enough numbers to meet every plural form of CLDR.
_COUNTS = range(201)


@dataclass(frozen=True, slots=True)
class Say:
    """A value that is itself a sentence: its key and what fills it."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)


class Words:
    """The sentences of every language; a key is found or KeyError, never shown raw to a person."""

    def __init__(
        self, catalogs: Mapping[str, Catalog], repeated: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.catalogs = dict(catalogs)
        self.repeated = dict(repeated or {})
        self._spoken = {name: _compiled(catalog) for name, catalog in catalogs.items()}
        self._keys = {name: _keys_of(catalog) for name, catalog in catalogs.items()}
        self._nouns = {name: _nouns_of(catalog) for name, catalog in catalogs.items()}
        # Filled as they are said first: it is the same few sentences all day.
        self._cuts: dict[tuple[str, str], _Cut] = {}

    @classmethod
    def load(cls, folder: Path) -> Words:
        """Reads `folder/<language>/LC_MESSAGES/menus.po`."""
        catalogs, repeated = {}, {}
        for path in sorted(folder.glob("*/LC_MESSAGES/menus.po")):
            with path.open("rb") as file:
                catalogs[path.parts[-3]] = read_po(file, abort_invalid=True)
            repeated[path.parts[-3]] = _repeated_keys(path)
        return cls(catalogs, repeated)

    def lean_on(self, newer: Words) -> None:
        """What has no words here is said in those of `newer`."""
        for language, spoken in self._spoken.items():
            if language in newer._spoken:
                spoken.add_fallback(newer._spoken[language])

    @property
    def languages(self) -> list[str]:
        return list(self.catalogs)

    def spoken(self, language: str | None) -> str:
        """`language` if its sentences are here, else the default."""
        return language if language in self._spoken and language else DEFAULT

    def has(self, language: str, key: str) -> bool:
        return self._spoken[language].gettext(key) != key

    def keys(self, language: str) -> frozenset[str]:
        """All that can be said in it: neither empty nor fuzzy, and with every plural form."""
        return self._keys[language]

    def say(self, language: str, key: str, values: Mapping[str, Any] | None = None) -> str:
        """The sentence with its values written in; KeyError names the key and language."""
        cut = self._cuts.get((language, key))
        if cut is None:
            cut = self._cuts[language, key] = _cut(self._found(language, key))
        said, places = cut
        for name, form, after in places:
            said += self._written((values or {})[name], form, language) + after
        return said

    def places(self, language: str, key: str) -> set[str]:
        """The names of the values the sentence wants."""
        return {match[1] for match in _PLACE.finditer(self._found(language, key))}

    def nouns_said(self, language: str) -> set[str]:
        """The nouns whose plural some sentence asks for."""
        sentences = (str(m.string) for m in self.catalogs[language])
        asked = {match[2] for text in sentences for match in _PLACE.finditer(text)}
        return asked & self._nouns[language]

    def unreadable_places(self, language: str, key: str) -> list[str]:
        """What stands in braces but would be shown as it is, or names neither format nor noun."""
        sentence = self._found(language, key)
        wrong = [
            match[0]
            for match in _PLACE.finditer(sentence)
            if match[2] and match[2] not in FORMATS and match[2] not in self._nouns[language]
        ]
        rest = _PLACE.sub("", sentence)
        return [*wrong, rest] if "{" in rest or "}" in rest else wrong

    def countless_forms(self, language: str, noun: str) -> list[str]:
        """Plural forms that stand for several numbers and do not say which."""
        plural = self._spoken[language].plural  # type: ignore[attr-defined]
        numbers = Counter(plural(count) for count in _COUNTS)
        forms = forms_of(self.catalogs[language][noun])
        return [f for i, f in enumerate(forms) if numbers[i] > 1 and not _PLACE.search(f)]

    def _found(self, language: str, key: str) -> str:
        sentence = self._spoken[language].gettext(key)
        if sentence == key:
            raise KeyError(f"no words for {key} in {language}")
        return sentence

    def _written(self, value: Any, form: str | None, language: str) -> str:
        if isinstance(value, Say):
            return self.say(language, value.key, value.values)
        if form is None:
            return written(value, language)
        if form in FORMATS:
            return FORMATS[form](value, language)
        return self._counted(language, form, int(value))

    def _counted(self, language: str, noun: str, count: int) -> str:
        """`{n:months}`: the plural form CLDR asks for, from the key `months`."""
        form = self._spoken[language].ngettext(noun, noun, count)
        if form == noun:
            raise KeyError(f"no plural {noun} in {language}")
        return _PLACE.sub(str(count), form)


def _cut(sentence: str) -> _Cut:
    beginning, *rest = _PLACE.split(sentence)
    return beginning, tuple(zip(rest[::3], rest[1::3], rest[2::3], strict=True))


def _compiled(catalog: Catalog) -> gettext.GNUTranslations:
    file = BytesIO()
    write_mo(file, catalog)
    file.seek(0)
    found = gettext.GNUTranslations(file)
    # Babel leaves the rule out for a language it does not know itself (ary-Latn, zgh).
    found.plural = gettext.c2py(catalog.plural_expr)  # type: ignore[attr-defined]
    return found


def _key(message: Message) -> str:
    return str(message.id[0] if isinstance(message.id, tuple) else message.id)


def _keys_of(catalog: Catalog) -> frozenset[str]:
    return frozenset(
        _key(message)
        for message in catalog
        if message.id and not message.fuzzy and all(forms_of(message))
    )


def _nouns_of(catalog: Catalog) -> frozenset[str]:
    return frozenset(_key(message) for message in catalog if isinstance(message.id, tuple))


def forms_of(message: Message) -> tuple[str, ...]:
    """The sentence; of a noun, its every plural form."""
    return tuple(message.string) if isinstance(message.string, tuple) else (str(message.string),)


def _repeated_keys(path: Path) -> list[str]:
    """Keys written twice in one file: gettext would keep one of them in silence."""
    lines = path.read_text("utf-8").splitlines()
    keys = [line[7:-1] for line in lines if line.startswith("msgid ")]
    return sorted(key for key, times in Counter(keys).items() if key and times > 1)
