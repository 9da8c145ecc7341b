"""Every message is held to its cost with its worst values, and to what it may tell."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from app.runtime import Runtime
from app.text.encoding import segments, units
from app.text.words import Say, Words
from app.ussd.checker.messages import bits
from app.ussd.checker.samples import Samples
from tests.ussd.menu_copy import ARABIC, FRENCH, MESSAGES, SAMPLES, MenuCopy

# The words of a copy, broken in the same way by language.
LANGUAGES = ("fr", "ary-Latn", "ar", "zgh")
GSM7_LANGUAGES = ("fr", "ary-Latn")


@pytest.fixture
def copy(tmp_path: Path) -> MenuCopy:
    return MenuCopy(tmp_path)


def po_file(language: str) -> str:
    return f"locales/{language}/LC_MESSAGES/menus.po"


def all_variants(words: Words, samples: Samples, language: str, key: str) -> Iterator[str]:
    """The message with every combination of its values, tried one after the other."""
    places = sorted(words.value_names(language, key))
    offered = [list(values_of(words, samples, language, place)) for place in places]
    for chosen in product(*offered):
        yield words.say(language, key, dict(zip(places, chosen, strict=True)))


def values_of(words: Words, samples: Samples, language: str, place: str) -> Iterator[Any]:
    keys = samples.sentences(place)
    if not keys:
        yield from samples.values(place)
    for key in keys:
        places = sorted(words.value_names(language, key))
        offered = [list(values_of(words, samples, language, inner)) for inner in places]
        for chosen in product(*offered):
            yield Say(key, dict(zip(places, chosen, strict=True)))


KEYS = [(language, key) for language in LANGUAGES for key in sorted(MESSAGES)]


@pytest.mark.parametrize(("language", "key"), KEYS)
def test_samples_worst_finds_the_largest_message(
    session_runtime: Runtime, language: str, key: str
) -> None:
    words, samples = session_runtime.words, session_runtime.samples
    worst = words.say(language, key, samples.worst(words, language, key, bits))
    tried = list(all_variants(words, samples, language, key))
    assert segments(worst) == max(map(segments, tried))
    assert bits(worst) == max(map(bits, tried))


@pytest.mark.parametrize("language", LANGUAGES)
def test_find_faults_measures_every_message(
    copy: MenuCopy, session_runtime: Runtime, language: str
) -> None:
    """Filled up to its segments each is right; a letter more, and each is told with its numbers."""
    words, samples = session_runtime.words, session_runtime.samples
    most, room, letter = (1, 160, "x") if language in GSM7_LANGUAGES else (2, 134, "ⵣ")
    for key in sorted(MESSAGES):
        worst = words.say(language, key, samples.worst(words, language, key, bits))
        copy.say(
            po_file(language),
            key,
            sentence_as_written(words, language, key) + letter * (room - units(worst)),
        )
    assert copy.faults() == []
    filled = Words.load(copy.folder / "locales")
    for key in sorted(MESSAGES):
        copy.say(po_file(language), key, sentence_as_written(filled, language, key) + letter)
    encoding = "GSM-7" if most == 1 else "UCS-2"
    assert copy.faults() == [
        f"{key} [{language}]: takes {most + 1} SMS segments, {most} at most"
        f" ({encoding}, {room + 1} units)"
        for key in sorted(MESSAGES)
    ]


def sentence_as_written(words: Words, language: str, key: str) -> str:
    """The sentence as its file writes it."""
    return words.get_sentence(language, key).replace("\n", "\\n")


@pytest.mark.parametrize(
    ("language", "inner", "outer", "more"),
    [
        ("fr", "owed.overdue", "sms.rights", " et encore" * 8),
        ("ar", "owed.overdue", "sms.rights", " وأيضا" * 12),
        ("ary-Latn", "claim.refused", "sms.claims", " w zid" * 22),
        ("zgh", "collection.cash", "sms.collection", " ⴰⵢⴰ" * 22),
    ],
)
def test_find_faults_measures_sentences_within_a_message(
    copy: MenuCopy, session_runtime: Runtime, language: str, inner: str, outer: str, more: str
) -> None:
    copy.say(
        po_file(language), inner, sentence_as_written(session_runtime.words, language, inner) + more
    )
    assert any(told.startswith(f"{outer} [{language}]: takes ") for told in copy.faults())


def test_samples_worst_prefers_a_value_with_a_letter_outside_gsm7(copy: MenuCopy) -> None:
    """It is the shorter one, and still it doubles the price: told with its letters."""
    copy.change(
        SAMPLES,
        'agency: {text: "Attijariwafa bank-agdal"}',
        'agency: [{text: "W-CASABLANCA-088"}, {text: "وكالة"}]',
    )
    (told,) = (told for told in copy.faults() if told.startswith("sms.receipt [fr]"))
    assert told.startswith(
        "sms.receipt [fr]: takes 3 SMS segments, 1 at most (UCS-2 for ا ة ك ل و, 138"
    )


@pytest.mark.parametrize("place", ["person", "name", "rna", "agent", "reset_code", "notice"])
def test_find_faults_names_a_value_that_helps_a_thief(copy: MenuCopy, place: str) -> None:
    for language in LANGUAGES:
        copy.say(po_file(language), "sms.news_off", f"Maalem {{{place}}}")
    why = f"{{{place}}} is nothing a message may tell (app/ussd/checker/messages.py)"
    told = copy.faults()
    for language in LANGUAGES:
        assert f"sms.news_off [{language}]: {why}" in told


@pytest.mark.parametrize("place", ["cin", "pin", "full_name", "birth_date", "cnss_number", "phone"])
def test_find_faults_refuses_personal_values_whatever_samples_say(
    copy: MenuCopy, place: str
) -> None:
    copy.add(SAMPLES, f'{place}: {{text: "AB123456"}}\n')
    for language in LANGUAGES:
        copy.say(po_file(language), "sms.news_off", f"Maalem {{{place}}}")
    assert len(copy.faults()) == len(LANGUAGES)
    assert all(f"{{{place}}} is nothing a message may tell" in told for told in copy.faults())


def test_find_faults_allows_the_reset_code_in_its_own_message_only(copy: MenuCopy) -> None:
    assert copy.faults() == []
    for language in LANGUAGES:
        copy.say(po_file(language), "sms.pin_set", "Maalem {reset_code}")
    assert all(told.startswith("sms.pin_set [") for told in copy.faults())


def test_find_faults_names_harm_in_a_sentence_within_a_message(copy: MenuCopy) -> None:
    for language in LANGUAGES:
        copy.say(po_file(language), "collection.bank", "{person}")
    told = (
        "sms.collection [fr]: {person} is nothing a message may tell (app/ussd/checker/messages.py)"
    )
    assert f"{told}, in collection.bank" in copy.faults()


@pytest.mark.parametrize(
    ("sentence", "link"),
    [
        ("Voir http://x", "://"),
        ("Voir https://maalem.example/a", "://"),
        ("Voir www.maalem", "www"),
        ("Voir WWW.MAALEM", "WWW"),
        ("Voir cnss.ma", "s.ma"),
        ("Voir CNSS.MA/code", "S.MA"),
        ("Voir bit.ly/a", "t.ly"),
    ],
)
@pytest.mark.parametrize("po_name", [FRENCH, ARABIC])
def test_find_faults_names_a_link_in_a_message(
    copy: MenuCopy, po_name: str, sentence: str, link: str
) -> None:
    copy.say(po_name, "sms.news_off", sentence + " {dial_news}")
    language = po_name.split("/")[1]
    why = f"{link} leads to a page: thieves send such messages"
    assert copy.faults() == [f"sms.news_off [{language}]: {why}"]


@pytest.mark.parametrize("sentence", ["Fin. Maalem. Me voici.", "10.50 DH", "Rappelez.\\nMerci"])
def test_find_faults_reads_the_end_of_a_sentence_as_no_link(copy: MenuCopy, sentence: str) -> None:
    copy.say(FRENCH, "sms.news_off", "{dial_news} " + sentence)
    assert copy.faults() == []
