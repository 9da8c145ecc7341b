"""Segments counted in another way: encode, cut the code units, and read each piece alone."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cli.sms import sms
from app.text.encoding import GSM7, UCS2, encoding_of, segments, units
from tests.text.test_encoding import ANY, BASIC, EXTENSION

ESCAPE = 0x1B
# 3GPP TS 23.038, 6.2.1.1: the code of each extension letter after the escape.
EXTENDED = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~"}
EXTENDED |= {0x3E: "]", 0x40: "|", 0x65: "€"}
CODES = {letter: [code] for code, letter in enumerate(BASIC) if code != ESCAPE}
CODES |= {letter: [ESCAPE, code] for code, letter in EXTENDED.items()}
MIXED = st.text(st.sampled_from([*"aé \n", *EXTENSION]), min_size=100, max_size=500)
# Letters in and beyond the first plane, marks, joiners: whatever a wording may hold.
WIDE = st.text(st.sampled_from([*"aع\u0651ⵣ\u200d👩\U0001f3fd"]), min_size=40, max_size=250)
# text-message-utils: a rocket makes it two.
REMINDER = "\nHi Michael!\nPlease be sure to be ready tomorrow morning 5am 🚀\nSee you tomorrow!\n"
unhurried = settings(deadline=None)


def code_units(text: str) -> tuple[list[int], int, int]:
    """What goes over the air, and how much of it one message and one part carry."""
    if all(letter in CODES for letter in text):
        return [code for letter in text for code in CODES[letter]], 160, 153
    octets = text.encode("utf-16-be")
    pairs = zip(octets[::2], octets[1::2], strict=True)
    return [high * 256 + low for high, low in pairs], 70, 67


def parts(text: str) -> list[list[int]]:
    """Each as long as it may be, a unit shorter where it would end within a letter."""
    left, single, joined = code_units(text)
    if len(left) <= single:
        return [left]
    cut = []
    while left:
        end = min(joined, len(left))
        begins = {ESCAPE} if joined == 153 else range(0xD800, 0xDC00)
        if end < len(left) and left[end - 1] in begins:
            end -= 1
        cut.append(left[:end])
        left = left[end:]
    return cut


def read(part: list[int], encoding: str) -> str:
    """What a phone shows of one part that came without the others."""
    if encoding == UCS2:
        return b"".join(unit.to_bytes(2, "big") for unit in part).decode("utf-16-be")
    letters, rest = "", iter(part)
    for code in rest:
        letters += EXTENDED[next(rest)] if code == ESCAPE else BASIC[code]
    return letters


@unhurried
@given(st.one_of(MIXED, WIDE, ANY))
def test_segments_equals_the_parts_phones_make(text: str) -> None:
    made = parts(text)
    assert segments(text) == len(made)
    assert units(text) == sum(map(len, made)) == len(code_units(text)[0])
    assert "".join(read(part, encoding_of(text)) for part in made) == text


@pytest.mark.parametrize(
    ("text", "encoding", "counted", "made"),
    [
        ("", GSM7, 0, 1),
        ("a" * 160, GSM7, 160, 1),
        ("a" * 161, GSM7, 161, 2),
        ("a" * 158 + "€", GSM7, 160, 1),
        ("a" * 159 + "€", GSM7, 161, 2),
        # The escape would be the 153rd septet: the letter begins the second part.
        ("a" * 152 + "€" + "a" * 152, GSM7, 306, 3),
        ("a" * 151 + "€" + "a" * 153, GSM7, 306, 2),
        ("a" * 153 + "€" + "a" * 151, GSM7, 306, 2),
        ("ع" * 70, UCS2, 70, 1),
        ("ع" * 71, UCS2, 71, 2),
        ("ع" * 68 + "😀", UCS2, 70, 1),
        ("ع" * 69 + "😀", UCS2, 71, 2),
        # The pair would begin in the 67th unit: it begins the second part.
        ("ع" * 66 + "😀" + "ع" * 66, UCS2, 134, 3),
        ("ع" * 65 + "😀" + "ع" * 67, UCS2, 134, 2),
        ("ع" * 67 + "😀" + "ع" * 65, UCS2, 134, 2),
    ],
)
def test_segments_changes_at_the_edges(text: str, encoding: str, counted: int, made: int) -> None:
    assert (encoding_of(text), units(text), segments(text)) == (encoding, counted, made)
    assert len(parts(text)) == made


@pytest.mark.parametrize(
    ("length", "expected"),
    [(159, 1), (160, 1), (161, 2), (306, 2), (307, 3), (459, 3), (460, 4), (461, 4)],
)
def test_segments_equals_notifications_utils(length: int, expected: int) -> None:
    """Its table of fragments, which its bills are made by."""
    assert segments("a" * length) == expected


@pytest.mark.parametrize(
    ("text", "encoding", "counted", "made"),
    [
        ("1234567890" * 16, GSM7, 160, 1),  # twilio-labs: GSM-7 in one segment
        ("1234567890" * 16 + "1", GSM7, 161, 2),
        ("😜23456789012345678901234567890123456789012345678901234567890123456789", UCS2, 70, 1),
        ("😜234567890123456789012345678901234567890123456789012345678901234567890", UCS2, 71, 2),
        (REMINDER, UCS2, 82, 2),
    ],
)
def test_segments_equals_other_calculators(
    text: str, encoding: str, counted: int, made: int
) -> None:
    assert (encoding_of(text), units(text), segments(text)) == (encoding, counted, made)


def test_segments_may_split_a_letter_made_of_several() -> None:
    """Phones join the parts before they show them: what is drawn as one is not kept together."""
    family = "👩\u200d👩\u200d👧"
    text = "ع" * 65 + family + "ع" * 70
    first = read(parts(text)[0], UCS2)
    assert first.endswith("👩") and segments(text) == len(parts(text)) == 3


def run(*arguments: str, code: int = 0, given: bytes | None = None) -> str:
    result = CliRunner().invoke(sms, ["count", *arguments], input=given)
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Bonjour", {"encoding": "GSM-7", "units": 7, "segments": 1}),
        ("Prix 5€", {"encoding": "GSM-7", "units": 8, "segments": 1}),
        ("معلم", {"encoding": "UCS-2", "units": 4, "segments": 1}),
        ("a" * 161, {"encoding": "GSM-7", "units": 161, "segments": 2}),
        ("", {"encoding": "GSM-7", "units": 0, "segments": 1}),
        ("-5 DH", {"encoding": "GSM-7", "units": 5, "segments": 1}),
    ],
)
def test_sms_count_prints_encoding_units_and_segments(text: str, told: dict[str, object]) -> None:
    said = run(text)
    assert said == json.dumps(told) + "\n"
    assert list(json.loads(said)) == ["encoding", "units", "segments"]


def test_sms_count_reads_standard_input() -> None:
    assert json.loads(run("-", given="معلم\n".encode())) == json.loads(run("معلم"))
    assert json.loads(run("-", given=b"a\nb\n\n"))["units"] == 4
    assert "not UTF-8" in run("-", given=b"\xff", code=2)


def test_sms_count_refuses_an_argument_that_is_no_text() -> None:
    assert "not UTF-8" in run("a\udcff", code=2)
