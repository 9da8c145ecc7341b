"""GSM-7 and UCS-2 as phones count them (3GPP TS 23.038 and 23.040)."""

import re
from dataclasses import dataclass
from typing import NamedTuple

# The basic table. It has no ç on purpose: its place is that of Ç, and phones disagree
# (docs/rules.md, Networks).
GSM7_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# These are sent as an escape and a letter: two septets.
GSM7_EXTENSION = frozenset("^{}[]~\\|€\f")

# Two units: an escape and a letter in GSM-7, a surrogate pair in UCS-2.
_EXTENSION = re.compile("[" + re.escape("".join(GSM7_EXTENSION)) + "]").findall
_PAIRS = re.compile("[\U00010000-\U0010ffff]").findall
_ALL_GSM7 = re.compile("[" + re.escape("".join(GSM7_BASIC | GSM7_EXTENSION)) + "]*").fullmatch

GSM7 = "GSM-7"
UCS2 = "UCS-2"
_SINGLE = {GSM7: 160, UCS2: 70}
_JOINED = {GSM7: 153, UCS2: 67}


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a USSD screen carries: septets of GSM-7, or 16-bit units of UCS-2."""

    septets: int = 160
    ucs2: int = 80


def encoding_of(text: str) -> str:
    """Returns `GSM-7`, or `UCS-2` if one letter is outside the GSM-7 tables."""
    return GSM7 if _ALL_GSM7(text) else UCS2


def units(text: str) -> int:
    """Returns the length in septets for GSM-7, in 16-bit units for UCS-2."""
    return measure(text).units


class MessageSize(NamedTuple):
    """The encoding of a text as an SMS, its septets or 16-bit units, and its segments."""

    encoding: str
    units: int
    segments: int


def measure(text: str) -> MessageSize:
    """Returns what a text takes as an SMS."""
    encoding = encoding_of(text)
    taken = len(text) + len((_EXTENSION if encoding == GSM7 else _PAIRS)(text))
    if taken <= _SINGLE[encoding]:
        return MessageSize(encoding, taken, 1)
    return MessageSize(encoding, taken, _count_joined(text, encoding, taken))


def segments(text: str) -> int:
    """Returns how many SMS a text takes; no escape and no surrogate pair is split between two."""
    return measure(text).segments


def _count_joined(text: str, encoding: str, taken: int) -> int:
    most = _JOINED[encoding]
    if taken == len(text):
        return -(-taken // most)
    count, used = 1, 0
    for width in _widths(text, encoding):
        if used + width > most:
            count, used = count + 1, 0
        used += width
    return count


def _widths(text: str, encoding: str) -> list[int]:
    if encoding == GSM7:
        return [2 if c in GSM7_EXTENSION else 1 for c in text]
    return [2 if ord(c) > 0xFFFF else 1 for c in text]


def most_units(encoding: str, count: int) -> int:
    """Returns the units that `count` SMS segments carry."""
    return _SINGLE[encoding] if count == 1 else _JOINED[encoding] * count


def fits(text: str, limits: Limits) -> bool:
    """True if one screen of the gateway carries the text."""
    if _ALL_GSM7(text):
        return len(text) + len(_EXTENSION(text)) <= limits.septets
    return len(text) + len(_PAIRS(text)) <= limits.ucs2
