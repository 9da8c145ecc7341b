"""What is kept and shown of a person. Pure."""

import hmac
import re
import unicodedata

_CIN_NOISE = re.compile(r"[\s.-]+")


def cin_digest(cin: str, key: bytes) -> bytes:
    """32 bytes that equal those of the same CIN and reveal nothing without the key.

    A bare hash would fall to trying all CINs, letters and six digits (docs/rules.md, Identifiers).
    So it is an HMAC, keyed apart from every other use of the installation's secret.
    """
    tag = hmac.digest(key, b"maalem cin digest", "sha256")
    return hmac.digest(tag, _CIN_NOISE.sub("", cin).upper().encode(), "sha256")


def masked_name(full_name: str) -> str:
    """`FATIMA Z.`: what an agent may see to recognise the person at the till (law 09-08)."""
    first, *others = full_name.split() or [""]
    return f"{first.upper()} {others[-1][0].upper()}." if others else first.upper()


def plain_name(full_name: str) -> str:
    """A name in letters every phone has: accents and other marks left out."""
    parts = unicodedata.normalize("NFKD", full_name)
    return "".join(letter for letter in parts if letter.isascii())
