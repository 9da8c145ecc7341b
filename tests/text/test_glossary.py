"""No sentence holds a word that docs/glossary.md says is not said."""

from __future__ import annotations

import re

import pytest

from app.runtime import Runtime
from app.settings import ROOT
from app.text.languages import LANGUAGES
from app.text.words import Words

_TITLE = "## Words that are not said"


def unsaid_words() -> list[tuple[str, str, tuple[str, ...]]]:
    """Each language, word and the keys in which it may stand, from the table."""
    table = (ROOT / "docs/glossary.md").read_text("utf-8").partition(_TITLE)[2]
    rows = [
        [cell.strip() for cell in row.split("|")] for row in re.findall(r"(?m)^\| (.+) \|$", table)
    ]
    return [
        (language, word.strip(), tuple(filter(None, (key.strip() for key in allowed.split(",")))))
        for language, words, _, allowed in (row for row in rows if row[0] != "Language")
        for word in words.split(",")
    ]


def pattern_of(word: str) -> re.Pattern[str]:
    """The word alone or at a word's place; `*` is any ending."""
    letters = re.escape(word.casefold()).replace(r"\*", r"\w*")
    return re.compile(rf"(?<!\w){letters}(?!\w)")


def found_in(words: Words, language: str, word: str, allowed: tuple[str, ...]) -> list[str]:
    pattern = pattern_of(word)
    return [
        key
        for key in sorted(words.keys(language))
        if not (allowed and key.startswith(allowed))
        and any(pattern.search(form.casefold()) for form in words.forms(language, key))
    ]


def spoken_words(title: str) -> dict[str, str]:
    """The word of each language in the glossary's row `title`."""
    text = (ROOT / "docs/glossary.md").read_text("utf-8")
    (row,) = re.findall(rf"(?m)^\| {re.escape(title)} \| (.+) \|$", text)
    return dict(zip(LANGUAGES, (cell.strip() for cell in row.split("|")), strict=True))


@pytest.mark.parametrize("key", ["amo", "family", "claim", "sms.rights"])
def test_a_day_on_which_cnss_spoke_stands_behind_who_said_it(
    session_runtime: Runtime, key: str
) -> None:
    for language, said in spoken_words("what CNSS said, with its day").items():
        sentence = session_runtime.words.get_sentence(language, key).casefold()
        assert re.search(rf"{said.casefold()}[^،,]*{{as_of", sentence), (language, sentence)


def test_the_table_has_words_for_every_language_it_names(runtime: Runtime) -> None:
    unsaid = unsaid_words()
    assert len(unsaid) > 40
    assert {language for language, _, _ in unsaid} <= set(runtime.words.languages)


@pytest.mark.parametrize(("language", "word", "allowed"), unsaid_words())
def test_no_sentence_holds_a_word_that_is_not_said(
    session_runtime: Runtime, language: str, word: str, allowed: tuple[str, ...]
) -> None:
    assert found_in(session_runtime.words, language, word, allowed) == []


def test_a_word_is_found_whole_and_with_its_endings(session_runtime: Runtime) -> None:
    assert pattern_of("expiré*").search("codes expirés")
    assert pattern_of("(CNSS").search("droits (cnss 28/11)")
    assert not pattern_of("wla").search("wlad")
    assert "receipt" in found_in(session_runtime.words, "fr", "recu", ())
