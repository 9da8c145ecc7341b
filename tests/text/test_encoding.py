"""Units and segments, against counts made here in another way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.text.encoding import GSM7, UCS2, Limits, encoding_of, fits, segments, units

# The tables of 3GPP TS 23.038, by code point and in its order: not a copy of the product's string.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"
LETTERS = st.sampled_from([*BASIC.replace("\x1b", ""), *EXTENSION])
PLAIN = st.text(LETTERS, max_size=400)
unhurried = settings(deadline=None)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def pieces(text: str, room: int, width: dict[str, int]) -> int:
    """How many pieces of `room` it takes, letter by letter, none of them split."""
    filled = [0]
    for letter in text:
        wide = width.get(letter, 1)
        if filled[-1] + wide > room:
            filled.append(0)
        filled[-1] += wide
    return len(filled)


def test_gsm7_table_is_complete() -> None:
    assert len(BASIC) == len(set(BASIC)) == 128


@pytest.mark.parametrize("letter", BASIC.replace("\x1b", ""))
def test_units_counts_a_basic_letter_as_one_septet(letter: str) -> None:
    assert (encoding_of(letter), units(letter)) == (GSM7, 1)


@pytest.mark.parametrize("letter", EXTENSION)
def test_units_counts_an_extension_letter_as_two_septets(letter: str) -> None:
    assert (encoding_of(letter), units(letter)) == (GSM7, 2)


@pytest.mark.parametrize(
    "letter", [*"çÀÈÊêâîôûëïœ«»‘’“”–—…\u00a0\u202f\u200f\u200e\u061c\t`ع\x1b٣ⵣ😀"]
)
def test_encoding_of_is_ucs2_with_one_letter_outside_gsm7(letter: str) -> None:
    assert encoding_of("abc" + letter) == UCS2
    assert units("abc" + letter) == 3 + len(letter.encode("utf-16-be")) // 2


@unhurried
@given(PLAIN)
def test_units_counts_letters_and_escapes_in_septets(text: str) -> None:
    assert encoding_of(text) == GSM7
    assert units(text) == len(text) + sum(text.count(letter) for letter in EXTENSION)


@unhurried
@given(ANY)
def test_units_counts_half_the_bytes_of_utf16_in_ucs2(text: str) -> None:
    text += "ع"
    assert units(text) == len(text.encode("utf-16-be")) // 2


@unhurried
@given(PLAIN)
def test_segments_never_split_an_escape(text: str) -> None:
    wide = dict.fromkeys(EXTENSION, 2)
    assert segments(text) == (1 if units(text) <= 160 else pieces(text, 153, wide))


@unhurried
@given(ANY, st.integers(0, 80))
def test_segments_never_split_a_surrogate_pair(text: str, faces: int) -> None:
    text = "ع" + text + "😀" * faces
    wide = {letter: 2 for letter in text if ord(letter) > 0xFFFF}
    assert segments(text) == (1 if units(text) <= 70 else pieces(text, 67, wide))


@pytest.mark.parametrize(
    ("letter", "length", "expected"),
    [
        ("a", 0, 1),
        ("a", 160, 1),
        ("a", 161, 2),
        ("a", 153 * 2, 2),
        ("a", 153 * 2 + 1, 3),
        ("a", 153 * 7, 7),
        ("a", 153 * 7 + 1, 8),
        ("€", 80, 1),
        ("€", 81, 2),
        ("€", 76 * 2, 2),  # an escape does not fit in the last septet of 153
        ("€", 76 * 2 + 1, 3),
        ("ع", 70, 1),
        ("ع", 71, 2),
        ("ع", 67 * 2, 2),
        ("ع", 67 * 2 + 1, 3),
        ("ع", 67 * 7 + 1, 8),
        ("😀", 35, 1),
        ("😀", 36, 2),
        ("😀", 33 * 2, 2),  # a pair does not fit in the last unit of 67
        ("😀", 33 * 2 + 1, 3),
    ],
)
def test_segments_change_at_the_boundaries(letter: str, length: int, expected: int) -> None:
    assert segments(letter * length) == expected


def test_segments_are_three_for_a_full_text_with_one_arabic_letter() -> None:
    assert segments("a" * 159 + "é") == 1
    assert segments("a" * 159 + "ع") == 3


def test_fits_uses_the_limit_of_the_encoding() -> None:
    limits = Limits(160, 80)
    assert fits("a" * 160, limits) and not fits("a" * 161, limits)
    assert fits("€" * 80, limits) and not fits("€" * 80 + "a", limits)
    assert fits("ع" * 80, limits) and not fits("ع" * 81, limits)
    assert fits("😀" * 40, limits) and not fits("😀" * 41, limits)
    assert fits("a" * 182, Limits(182, 80)) and fits("", limits)
