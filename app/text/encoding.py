"""GSM-7 and UCS-2 as phones count them (3GPP TS 23.038 and 23.040)."""

import re
from dataclasses import dataclass

# The basic table; ç is absent on purpose: its place is Ç's, and phones disagree (domain.md 4).
GSM7_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Sent as an escape and a letter: two septets.
GSM7_EXTENSION = frozenset("^{}[]~\\|€\f")

# What counts two: an escape and a letter, a surrogate pair.
_EXTENSION = re.compile("[" + re.escape("".join(GSM7_EXTENSION)) + "]").findall
_PAIRS = re.compile("[\U00010000-\U0010ffff]").findall
_ALL_GSM7 = re.compile("[" + re.escape("".join(GSM7_BASIC | GSM7_EXTENSION)) + "]*").fullmatch

GSM7 = "GSM-7"
UCS2 = "UCS-2"
_SINGLE = {GSM7: 160, UCS2: 70}
_JOINED = {GSM7: 153, UCS2: 67}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one USSD screen carries: so many septets, or so many UCS-2 units."""

    septets: int = 160
    ucs2: int = 80


def encoding_of(text: str) -> str:
    """`GSM-7`, or `UCS-2` as soon as one letter is outside the GSM-7 tables."""
    return GSM7 if _ALL_GSM7(text) else UCS2


def _widths(text: str, encoding: str) -> list[int]:
    if encoding == GSM7:
        return [2 if c in GSM7_EXTENSION else 1 for c in text]
    return [2 if ord(c) > 0xFFFF else 1 for c in text]


def units(text: str) -> int:
    """Septets for GSM-7, 16-bit units for UCS-2."""
    doubles = _EXTENSION if _ALL_GSM7(text) else _PAIRS
    return len(text) + len(doubles(text))


def segments(text: str) -> int:
    """How many SMS it takes; neither an escape nor a surrogate pair is split between two."""
    encoding = encoding_of(text)
    widths = _widths(text, encoding)
    if sum(widths) <= _SINGLE[encoding]:
        return 1
    count, used = 1, 0
    for width in widths:
        if used + width > _JOINED[encoding]:
            count, used = count + 1, 0
        used += width
    return count


def fits(text: str, limits: Limits) -> bool:
    """Whether one screen of the gateway carries it."""
    return units(text) <= (limits.septets if encoding_of(text) == GSM7 else limits.ucs2)
