"""Computes the digest stored for a CIN, and names as agents and phones may see them. Pure."""

import hmac
import re
import unicodedata
from hashlib import sha256

from app.base.keys import Key, Keys, Purpose

_CIN_NOISE = re.compile(r"[\s.-]+")
# A message of 70 letters and its like have room for no more (menus/samples.yaml).
_LONGEST_ON_RECEIPT = 13


def cin_digest(cin: str, keys: Keys) -> bytes:
    """Returns 52 bytes that are equal for the same CIN and key, and reveal nothing without the key.

    A bare hash is broken by trying all CINs, letters and six digits (docs/rules.md, Identifiers):
    therefore it is encrypted, so that another key needs the CIN from nobody. The key's id stands
    before it.
    """
    return _encrypt(_hash(cin), keys.today(Purpose.CIN))


def earlier_cin_digests(cin: str, keys: Keys) -> list[bytes]:
    """Returns the other forms in which this CIN may be stored: of older keys, or of before ids."""
    today, *older = keys.all(Purpose.CIN)
    unnamed = [hmac.digest(key.value, _plain(cin), "sha256") for key in (today, *older)]
    return [*(_encrypt(_hash(cin), key) for key in older), *unnamed]


def digest_cin_again(stored: bytes, keys: Keys) -> bytes:
    """Returns the same digest under today's key. Raises: KeyUnknown, ValueError."""
    hashed = keys.find(Purpose.CIN, stored[:4].hex()).decrypt(stored[4:])
    return _encrypt(hashed, keys.today(Purpose.CIN))


def _encrypt(hashed: bytes, key: Key) -> bytes:
    return key.mark + key.encrypt(hashed)


def _hash(cin: str) -> bytes:
    return sha256(_plain(cin)).digest()


def _plain(cin: str) -> bytes:
    # A register's are without noise already.
    bare = cin if cin.isalnum() else _CIN_NOISE.sub("", cin)
    return bare.upper().encode()


def masked_name(full_name: str) -> str:
    """Returns `FATIMA Z.`: enough for an agent to recognise the person (law 09-08)."""
    first, *others = full_name.split() or [""]
    return f"{first.upper()} {others[-1][0].upper()}." if others else first.upper()


def name_on_receipt(full_name: str) -> str:
    """Returns the masked name in at most 13 letters of every phone: `MOHAMMED E.`."""
    first, _, initial = masked_name(plain_name(full_name) or full_name).rpartition(" ")
    room = _LONGEST_ON_RECEIPT - len(f" {initial}")
    return f"{first[:room]} {initial}" if first else initial[:_LONGEST_ON_RECEIPT]


def plain_name(full_name: str) -> str:
    """Returns a name in letters every phone has, without accents and other marks."""
    parts = unicodedata.normalize("NFKD", full_name)
    return "".join(letter for letter in parts if letter.isascii()).strip()
