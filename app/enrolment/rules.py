"""Computes the digest stored for a CIN, and names as agents and phones may see them. Pure."""

import hmac
import re
import unicodedata

from app.base.keys import derive_key

_CIN_NOISE = re.compile(r"[\s.-]+")


def cin_digest(cin: str, key: bytes) -> bytes:
    """Returns 32 bytes that are equal for the same CIN and reveal nothing without the key.

    It is an HMAC, because a bare hash is broken by trying all CINs, letters and six digits
    (docs/rules.md, Identifiers). Its key is used for nothing else.
    """
    tag = derive_key(key, "maalem cin digest")
    return hmac.digest(tag, _CIN_NOISE.sub("", cin).upper().encode(), "sha256")


def masked_name(full_name: str) -> str:
    """Returns `FATIMA Z.`: enough for an agent to recognise the person (law 09-08)."""
    first, *others = full_name.split() or [""]
    return f"{first.upper()} {others[-1][0].upper()}." if others else first.upper()


def plain_name(full_name: str) -> str:
    """Returns a name in letters every phone has, without accents and other marks."""
    parts = unicodedata.normalize("NFKD", full_name)
    return "".join(letter for letter in parts if letter.isascii())
