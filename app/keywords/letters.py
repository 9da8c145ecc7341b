"""Brings what people write to the one form in which keywords are compared. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Shorter words that begin as the Arabic article does are whole words.
_LONGEST_WITHOUT_ARTICLE = 4
# Digits, and letters that are often written for one another.
_ALIKE = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹ةىیکٱ", "0123456789" * 2 + "هييكا")
_LETTERS = re.compile(r"[^\W_]+")
_CLAUSE_END = re.compile(r"[.!?,;:\n\r()\u060c\u061b\u061f]+")
_SPELLED = re.compile(r"(?<!\w)[^\W\d_](?:[\W_]{1,3}[^\W\d_](?!\w))+")


def normalise(text: str) -> str:
    """Returns capitals without accents, vowel signs and stretching, and ordinary digits."""
    parts = unicodedata.normalize("NFKD", text.replace("ـ", "")).upper()
    return "".join(c for c in parts if not unicodedata.combining(c)).translate(_ALIKE)


def normalise_word(text: str) -> str:
    """Returns a word as keywords are compared: normalised, without the Arabic article."""
    return _drop_article(normalise(text))


def normalise_words(text: str) -> set[str]:
    """Returns the words of a text, each as keywords are compared."""
    return set(map(normalise_word, text.split()))


def split_clauses(text: str) -> list[list[str]]:
    """Returns the words of each clause of a normalised text."""
    clauses = map(_LETTERS.findall, _CLAUSE_END.split(text))
    return [[_drop_article(word) for word in clause] for clause in clauses]


def join_spelled(text: str, known: Iterable[str]) -> str:
    """Returns a normalised text in which a known word written as `S.T.O.P` is the word."""

    def join(spelled: re.Match[str]) -> str:
        word = "".join(_LETTERS.findall(spelled[0]))
        return word if word in known else spelled[0]

    return _SPELLED.sub(join, text)


def _drop_article(word: str) -> str:
    """Removes the Arabic article, which people write or leave out."""
    has_article = word.startswith("ال") and len(word) > _LONGEST_WITHOUT_ARTICLE
    return word[2:] if has_article else word
