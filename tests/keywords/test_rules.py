"""What people write, in four languages and three scripts, well or not, and what it is read as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.keywords.rules import WORDS, is_slip, read_keyword, script_language
from app.keywords.rules import _known as bare

ALL = [(word, keyword) for keyword, words in WORDS.items() for word in words]
MEANT = [
    ("CODE", "code"),
    ("code svp", "code"),
    ("Code, stp !", "code"),
    ("mon code s'il vous plaît", "code"),
    ("CDOE", "code"),
    ("codde", "code"),
    ("cod", "code"),
    ("Kode", "code"),
    ("salam bghit code 3afak", "code"),
    ("رَمْز", "code"),
    ("الرمز من فضلك", "code"),
    ("khelles", "code"),
    ("ⵜⴰⵏⴳⴰⵍⵜ", "code"),
    ("ⵔⵉⵖ ⵜⴰⵏⴳⴰⵍⵜ", "code"),
    ("statut", "status"),
    ("Status?", "status"),
    ("statu", "status"),
    ("sttaut", "status"),
    ("الحالة", "status"),
    ("الحاله", "status"),
    ("حالة", "status"),
    ("ch7al", "status"),
    ("ch\u0667al", "status"),
    ("ⵉⵣⵔⴼⴰⵏ", "status"),
    ("stop", "stop"),
    ("STOP!!!", "stop"),
    ("Ｓｔｏｐ", "stop"),
    ("stpo", "stop"),
    ("stopp", "stop"),
    ("stop sms", "stop"),
    ("STOP, je ne veux plus rien recevoir", "stop"),
    ("Arrêt", "stop"),
    ("aret", "stop"),
    ("arretez", "stop"),
    ("قف", "stop"),
    ("قِــف", "stop"),
    ("waqef", "stop"),
    ("7bes", "stop"),
    ("ⴱⴷⴷ", "stop"),
    ("START", "start"),
    ("sart", None),
    ("satrt", "start"),
    ("oui", "start"),
    ("OUI.", "start"),
    ("iyeh", "start"),
    ("نعم", "start"),
    ("ⵢⴰⵀ", "start"),
    ("AIDE", "help"),
    ("aider", "help"),
    ("help me", None),
    ("مساعدة", "help"),
    ("ⵜⵉⵡⵉⵙⵉ", "help"),
    ("francais", "fr"),
    ("Français", "fr"),
    ("langue: arabe", "ar"),
    ("عَرَبِيَّة", "ar"),
    ("Darija", "ary-Latn"),
    ("ⵜⴰⵎⴰⵣⵉⵖⵜ", "zgh"),
]
NOTHING = ["", "  ", "?", "12345", "🛑", "arabe darija", "code stop", "stopper", "Bonjour", "merci"]
# Words that begin, end or look like STOP and START, and are not.
NOTHING += [
    "top",
    "shop",
    "step",
    "star",
    "smart",
    "tarte",
    "spot",
    "oui merci",
    "oui le code est 1",
]
NOTHING += ["Arrêt maladie", "non", "لا", "Maalem: code 4821 7305 9614, 163,52 DH", "x" * 5000]


@pytest.mark.parametrize(("written", "keyword"), MEANT)
def test_what_people_write(written: str, keyword: str | None) -> None:
    assert read_keyword(written) == keyword


@pytest.mark.parametrize("written", NOTHING)
def test_what_is_no_keyword(written: str) -> None:
    assert read_keyword(written) is None


@pytest.mark.parametrize(("word", "keyword"), ALL)
def test_every_word_in_any_case(word: str, keyword: str) -> None:
    for written in (word, word.lower(), word.title(), f" {word}. ", f"«{word}»"):
        assert read_keyword(written) == keyword


def test_no_keyword_may_be_a_slip_of_another() -> None:
    for word, keyword in ALL:
        for other, meant in ALL:
            assert keyword == meant or not is_slip(bare(word), bare(other)), (word, other)


# The letters of the words themselves: only they can make one word of another.
LETTERS = sorted({letter for word, _ in ALL for letter in bare(word)})


def slips(word: str) -> set[str]:
    """Whatever one letter of its script does to it."""
    made = set()
    script = script_language(word)
    letters = [letter for letter in LETTERS if script_language(letter) == script]
    for at in range(len(word)):
        made |= {word[:at] + word[at : at + 2][::-1] + word[at + 2 :], word[:at] + word[at + 1 :]}
        made |= {word[:at] + letter + word[at + 1 :] for letter in letters}
        made |= {word[:at] + letter + word[at:] for letter in letters}
    return made


@pytest.mark.parametrize(("word", "keyword"), ALL)
def test_a_slip_is_never_read_as_another_keyword(word: str, keyword: str) -> None:
    """The keyword that was meant, or nothing; a slip that makes another word is that word."""
    words = {bare(known) for known, _ in ALL}
    for slip in slips(word):
        assert read_keyword(slip) in {keyword, None} or bare(slip) in words, slip


def test_no_wrong_letter_makes_a_stop_or_a_start() -> None:
    for written in ("STAP", "STO", "TOP", "ESTOP", "SMART", "STAR", "STAT", "ARRETA", "UNSTIP"):
        assert read_keyword(written) is None


@given(st.text())
def test_any_text_is_read(written: str) -> None:
    assert read_keyword(written) in {None, *WORDS}


def test_letters_tell_the_language_of_a_stranger() -> None:
    assert script_language("سلام") == "ar"
    assert script_language("ⴰⵣⵓⵍ") == "zgh"
    assert script_language("Salut 123") is None
