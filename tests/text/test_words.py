"""Sentences: the real ones letter by letter, and how a sentence is found and filled."""

from __future__ import annotations

import unicodedata
from datetime import date
from pathlib import Path

import pytest

from app.base.money import Money
from app.settings import ROOT
from app.text.encoding import GSM7, encoding_of
from app.text.words import Say, Words, forms_of

REAL = Words.load(ROOT / "menus" / "locales")
HEAD = 'msgid ""\nmsgstr "Language: fr\\nContent-Type: text/plain; charset=utf-8\\n"\n\n'


def words_of(folder: Path, body: str) -> Words:
    path = folder / "fr" / "LC_MESSAGES" / "menus.po"
    path.parent.mkdir(parents=True)
    path.write_text(HEAD + body, encoding="utf-8")
    return Words.load(folder)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 شهر"),
        (1, "شهر واحد"),
        (2, "شهران"),
        (3, "3 أشهر"),
        (10, "10 أشهر"),
        (11, "11 شهرا"),
        (99, "99 شهرا"),
        (100, "100 شهر"),
        (102, "102 شهر"),
        (103, "103 أشهر"),
        (111, "111 شهرا"),
    ],
)
def test_arabic_counts_months_in_six_forms(count: int, expected: str) -> None:
    said = REAL.say("ar", "pay", {**EMPTY, "total": Money(100), "count": count})
    assert said.split("\n")[1] == f"{expected}: "


@pytest.mark.parametrize(("count", "expected"), [(0, "0 mois"), (1, "1 mois"), (2, "2 mois")])
def test_french_counts_months(count: int, expected: str) -> None:
    said = REAL.say("fr", "pay", {**EMPTY, "total": Money(100), "count": count})
    assert said.split("\n")[1] == f"{expected}: "


EMPTY = {"period": "", "penalty_part": "", "fee_part": ""}


def test_a_value_may_be_a_sentence_of_the_same_language() -> None:
    period = Say("period.one", {"first": "X"})
    assert "X" in REAL.say("ar", "choose_months.row", {"period": period, "total": Money(1)})


def test_a_missing_key_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match=r"no\.such\.key in fr"):
        REAL.say("fr", "no.such.key")
    assert not REAL.has("fr", "no.such.key")


def test_a_missing_value_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="tries"):
        REAL.say("fr", "not_recognised", {})


def test_a_missing_language_is_an_error() -> None:
    with pytest.raises(KeyError):
        REAL.say("de", "yes")


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("fr", "fr"),
        ("ar", "ar"),
        ("ary-Latn", "ary-Latn"),
        ("zgh", "zgh"),
        ("de", "fr"),
        (None, "fr"),
    ],
)
def test_a_language_without_words_speaks_the_default(asked: str | None, spoken: str) -> None:
    assert REAL.language_or_default(asked) == spoken


def test_values_are_never_read_as_places(tmp_path: Path) -> None:
    words = words_of(tmp_path, 'msgid "a"\nmsgstr "{x} {y}"\n')
    assert words.say("fr", "a", {"x": "{y}", "y": "2"}) == "{y} 2"


def test_an_empty_or_doubtful_translation_is_none(tmp_path: Path) -> None:
    words = words_of(tmp_path, 'msgid "a"\nmsgstr ""\n\n#, fuzzy\nmsgid "b"\nmsgstr "Peut-etre"\n')
    assert words.keys("fr") == set()
    for key in "ab":
        assert not words.has("fr", key)
        with pytest.raises(KeyError):
            words.say("fr", key)


def test_a_key_written_twice_is_remembered(tmp_path: Path) -> None:
    words = words_of(tmp_path, 'msgid "a"\nmsgstr "Un"\n\nmsgid "a"\nmsgstr "Deux"\n')
    assert words.repeated == {"fr": ["a"]}


def test_a_noun_without_plural_is_an_error(tmp_path: Path) -> None:
    words = words_of(tmp_path, 'msgid "a"\nmsgstr "{x:weeks}"\n')
    with pytest.raises(KeyError, match="weeks"):
        words.say("fr", "a", {"x": 2})
    assert words.unreadable_values("fr", "a") == ["{x:weeks}"]


def test_what_is_not_a_place_is_found(tmp_path: Path) -> None:
    words = words_of(tmp_path, 'msgid "a"\nmsgstr "{x} {y {z:short}"\n')
    assert words.value_names("fr", "a") == {"x", "z"}
    assert words.unreadable_values("fr", "a") == [" {y "]


@pytest.mark.parametrize("language", REAL.languages)
def test_no_letter_that_nobody_sees(language: str) -> None:
    """The narrow spaces and direction marks that libraries and editors bring (domain.md 4)."""
    for message in REAL.catalogs[language]:
        for form in forms_of(message) if message.id else ():
            unseen = {c for c in form if unicodedata.category(c) in {"Cf", "Cc", "Zs", "Zl", "Zp"}}
            assert unseen <= {" ", "\n"}, (message.id, unseen)
            assert form == form.strip() and "  " not in form, message.id


def test_french_on_phones_is_gsm7_to_the_letter() -> None:
    """Pages of tills may use every letter of French."""
    for message in REAL.catalogs["fr"]:
        on_pages = str(message.id).startswith(("till.", "error."))
        for form in forms_of(message) if message.id and not on_pages else ():
            assert encoding_of(form) == GSM7, (message.id, form)


def test_arabic_speaks_with_ordinary_digits_and_without_vowel_marks() -> None:
    for message in REAL.catalogs["ar"]:
        for form in forms_of(message) if message.id else ():
            assert all(c in "0123456789" for c in form if c.isdecimal()), message.id
            assert not any(unicodedata.category(c) == "Mn" for c in form), message.id


def test_a_date_in_a_sentence_takes_the_format_it_names() -> None:
    said = REAL.say("fr", "owed.nothing", {"next_due": date(2026, 12, 31)})
    assert "31/12." in said
