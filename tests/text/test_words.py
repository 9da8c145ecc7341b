"""Sentences: the real ones letter by letter, and how a sentence is found and filled."""

from __future__ import annotations

import unicodedata
from datetime import date
from pathlib import Path

import pytest

from app.base.money import Money
from app.settings import ROOT
from app.text.encoding import GSM7, encoding_of
from app.text.words import Say, Words

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
def test_say_counts_months_in_six_arabic_forms(count: int, expected: str) -> None:
    said = REAL.say("ar", "pay", {**EMPTY, "total": Money(100), "count": count})
    assert said.split("\n")[0] == f"عليك 1.00 درهم، {expected}"


@pytest.mark.parametrize(("count", "expected"), [(0, "0 mois"), (1, "1 mois"), (2, "2 mois")])
def test_say_counts_months_in_french(count: int, expected: str) -> None:
    said = REAL.say("fr", "pay", {**EMPTY, "total": Money(100), "count": count})
    assert said.split("\n")[0] == f"A payer: 1,00 DH pour {expected}"


EMPTY = {"period": "", "penalty_part": "", "fee_part": "", "expected": ""}


def test_say_writes_a_sentence_within_a_sentence() -> None:
    period = Say("period.one", {"first": "X"})
    values = {**EMPTY, "period": period, "total": Money(1), "count": 1}
    assert "عن X" in REAL.say("ar", "pay", values).split("\n")


def test_say_names_a_missing_key() -> None:
    with pytest.raises(KeyError, match=r"no\.such\.key in fr"):
        REAL.say("fr", "no.such.key")
    assert not REAL.has("fr", "no.such.key")


def test_say_names_a_missing_value() -> None:
    with pytest.raises(KeyError, match="tries"):
        REAL.say("fr", "not_recognised", {})


def test_say_refuses_a_missing_language() -> None:
    with pytest.raises(KeyError):
        REAL.say("de", "yes")


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("fr", "fr"),
        ("ar", "ar"),
        ("ary-Latn", "ary-Latn"),
        ("zgh", "zgh"),
        ("ary-Arab", "ary-Arab"),
        ("zgh-Latn", "zgh-Latn"),
        ("de", "fr"),
        (None, "fr"),
    ],
)
def test_language_or_default_falls_back_on_the_default(asked: str | None, spoken: str) -> None:
    assert REAL.language_or_default(asked) == spoken


def test_say_never_reads_a_value_as_a_place(tmp_path: Path) -> None:
    words = words_of(tmp_path, 'msgid "a"\nmsgstr "{x} {y}"\n')
    assert words.say("fr", "a", {"x": "{y}", "y": "2"}) == "{y} 2"


def test_keys_leave_out_empty_and_fuzzy_translations(tmp_path: Path) -> None:
    words = words_of(tmp_path, 'msgid "a"\nmsgstr ""\n\n#, fuzzy\nmsgid "b"\nmsgstr "Peut-etre"\n')
    assert words.keys("fr") == set()
    for key in "ab":
        assert not words.has("fr", key)
        with pytest.raises(KeyError):
            words.say("fr", key)


def test_words_remember_a_key_written_twice(tmp_path: Path) -> None:
    words = words_of(tmp_path, 'msgid "a"\nmsgstr "Un"\n\nmsgid "a"\nmsgstr "Deux"\n')
    assert words.repeated == {"fr": ["a"]}


def test_say_refuses_a_noun_without_plural(tmp_path: Path) -> None:
    words = words_of(tmp_path, 'msgid "a"\nmsgstr "{x:weeks}"\n')
    with pytest.raises(KeyError, match="weeks"):
        words.say("fr", "a", {"x": 2})
    assert words.unreadable_values("fr", "a") == ["{x:weeks}"]


def test_unreadable_values_finds_braces_that_are_no_place(tmp_path: Path) -> None:
    words = words_of(tmp_path, 'msgid "a"\nmsgstr "{x} {y {z:short}"\n')
    assert words.value_names("fr", "a") == {"x", "z"}
    assert words.unreadable_values("fr", "a") == [" {y "]


@pytest.mark.parametrize("language", REAL.languages)
def test_sentences_hold_no_invisible_letter(language: str) -> None:
    """The narrow spaces and direction marks that libraries and editors bring (domain.md 4)."""
    for key in REAL.keys(language):
        for form in REAL.forms(language, key):
            unseen = {c for c in form if unicodedata.category(c) in {"Cf", "Cc", "Zs", "Zl", "Zp"}}
            assert unseen <= {" ", "\n"}, (key, unseen)
            assert form == form.strip() and "  " not in form, key


def test_french_sentences_on_phones_keep_to_gsm7() -> None:
    """Pages of tills may use every letter of French."""
    for key in REAL.keys("fr"):
        on_pages = key.startswith(("till.", "error."))
        for form in REAL.forms("fr", key) if not on_pages else ():
            assert encoding_of(form) == GSM7, (key, form)


def test_arabic_sentences_use_ordinary_digits_and_no_vowel_marks() -> None:
    for key in REAL.keys("ar"):
        for form in REAL.forms("ar", key):
            assert all(c in "0123456789" for c in form if c.isdecimal()), key
            assert not any(unicodedata.category(c) == "Mn" for c in form), key


def test_say_writes_a_date_in_the_format_it_names() -> None:
    said = REAL.say("fr", "owed.nothing", {"next_due": date(2026, 12, 31)})
    assert "31/12." in said
