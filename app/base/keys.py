"""Keys by purpose: derived from the installation's secrets, named by the id of their secret.

A secret (SECRET_KEY) is never used itself. What a key protects holds the id of the key's secret, so
that the secret can be replaced: today's makes new things, and those of before (SECRET_KEY_OLD) are
still good for comparing and opening.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV


class Purpose(StrEnum):
    """Everything that a key is for; a key of one purpose opens nothing of another."""

    TILL_SESSION = "maalem till session"
    TILL_FORM = "maalem till form"
    TILL_DEVICE = "maalem till device"
    AGENT_PIN = "maalem agent pin"
    ARTISAN_PIN = "maalem artisan pin"
    CIN = "maalem cin digest"
    PIN_RESET = "maalem pin reset"
    TIE_CODE = "maalem tie code"
    REVERSAL_CODE = "maalem reversal code"
    CALLBACK = "maalem callback"
    TIED_PHONE = "maalem tied phone"
    LOOK_UP = "maalem look-up"
    TALK = "maalem talk"
    TALK_NAME = "maalem talk name"
    LATE_ACTION = "maalem late action"
    MENU = "maalem menu"
    AUTHENTICATOR = "maalem authenticator"
    # In a browser's cookie for ten minutes: a rotation need not wait for it.
    PROVIDER_ATTEMPT = "maalem provider attempt"


class KeyUnknown(Exception):
    """The thing names a secret that is neither SECRET_KEY nor one of SECRET_KEY_OLD."""


@dataclass(frozen=True, slots=True)
class Key:
    """The key of one purpose, 32 bytes, with the id of the secret it is derived from."""

    id: str
    value: bytes = field(repr=False)
    # The id as the four bytes that stand before what is stored as bytes.
    mark: bytes = field(init=False, compare=False)
    # Made once, and copied for each thing to be signed: that takes a tenth of making it.
    _mac: hmac.HMAC = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mark", bytes.fromhex(self.id))
        object.__setattr__(self, "_mac", hmac.new(self.value, digestmod="sha256"))

    @property
    def text(self) -> str:
        return self.value.hex()

    def sign(self, *parts: bytes) -> bytes:
        """Returns 32 bytes that only this key makes of these parts, in this order."""
        mac = self._mac.copy()
        mac.update(b"".join([len(part).to_bytes(4, "big") + part for part in parts]))
        return mac.digest()

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypts (AES-SIV, RFC 5297): the same text gives the same, 16 bytes longer."""
        return _make_cipher(self.value).encrypt(plain, None)

    def decrypt(self, encrypted: bytes) -> bytes:
        """Returns the text. Raises: ValueError if this key did not encrypt it."""
        from cryptography.exceptions import InvalidTag

        try:
            return _make_cipher(self.value).decrypt(encrypted, None)
        except InvalidTag:
            raise ValueError("not encrypted with this key") from None


# Made once for each key: an import encrypts hundreds of thousands of CINs.
@lru_cache(maxsize=64)
def _make_cipher(value: bytes) -> AESSIV:
    # Its library is 6 MB, and most processes sign alone: it is read where something is encrypted.
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    return AESSIV(value)


class Keys:
    """The keys of an installation: of today's secret, and of those of before, the newest first."""

    def __init__(self, secret: bytes, old: Sequence[bytes] = ()) -> None:
        self._secrets = list(dict.fromkeys([secret, *old]))
        self.ids = tuple(map(key_id, self._secrets))
        self._made: dict[Purpose, tuple[Key, ...]] = {}

    def all(self, purpose: Purpose) -> tuple[Key, ...]:
        """Returns the purpose's keys, today's first."""
        # A purpose is looked up once: its hash takes longer than all else here.
        if (made := self._made.get(purpose)) is None:
            pairs = zip(self.ids, self._secrets, strict=True)
            made = tuple(Key(name, derive_key(secret, purpose)) for name, secret in pairs)
            self._made[purpose] = made
        return made

    def today(self, purpose: Purpose) -> Key:
        """Returns the key that makes new things."""
        return self.all(purpose)[0]

    def find(self, purpose: Purpose, name: str) -> Key:
        """Returns the purpose's key with that id. Raises: KeyUnknown."""
        for key in self.all(purpose):
            if key.id == name:
                return key
        raise KeyUnknown(name)

    def derive_unnamed(self, name: str, made_by: str | None = None) -> bytes:
        """Returns what a thing of before the ids, which names no secret, was derived as.

        `made_by` is the id of its secret; without it there is but one that it can be of.
        Raises: KeyUnknown if several are known, or that one is not.
        """
        if made_by is None and len(self.ids) > 1:
            raise KeyUnknown("several secrets are known, and this names none")
        known = dict(zip(self.ids, self._secrets, strict=True))
        if (secret := known.get(made_by or self.ids[0])) is None:
            raise KeyUnknown(made_by)
        return derive_key(secret, name)

    def seal(self, purpose: Purpose, plain: str) -> str:
        """Encrypts a text with today's key; its id stands before it: `id:...`."""
        key = self.today(purpose)
        return f"{key.id}:{urlsafe_b64encode(key.encrypt(plain.encode())).decode()}"

    def open(self, purpose: Purpose, sealed: str) -> str:
        """Returns the text of `seal`. Raises: KeyUnknown; ValueError if it was tampered with."""
        name, _, rest = sealed.partition(":")
        return self.find(purpose, name).decrypt(urlsafe_b64decode(rest)).decode()

    def seal_again(self, purpose: Purpose, sealed: str) -> str:
        """Returns the same text sealed with today's key. Raises: KeyUnknown, ValueError."""
        return self.seal(purpose, self.open(purpose, sealed))

    def digest(self, purpose: Purpose, text: str) -> bytes:
        """Returns what is stored of a short-lived code: four bytes of key id, 32 of HMAC."""
        return _digest(self.today(purpose), text)

    def digests(self, purpose: Purpose, text: str) -> list[bytes]:
        """Returns every form in which a code that is still good may be stored."""
        keys = self.all(purpose)
        # Codes of before the ids: the last of them ends half an hour after the upgrade.
        return [_digest(key, text) for key in keys] + [_digest(key, text)[4:] for key in keys]


def is_sealed(stored: str) -> bool:
    """True for what `Keys.seal` made, with whatever key."""
    return stored[8:9] == ":"


def derive_key(secret: bytes, purpose: str) -> bytes:
    """Returns the key of 32 bytes for one purpose: one use of a secret says nothing of another."""
    return hmac.digest(secret, purpose.encode(), "sha256")


def key_id(secret: bytes) -> str:
    """Returns eight hexadecimal digits that name a secret and say nothing about it."""
    return derive_key(secret, "maalem key id").hex()[:8]


def _digest(key: Key, text: str) -> bytes:
    return key.mark + hmac.digest(key.value, text.encode(), "sha256")
