"""How a PIN is stored: a slow hash, encrypted with a key of its purpose.

A few digits can be found by trying all of them, as often as one likes once a table is stolen.
Without the key the table holds nothing that a PIN could be compared with. Another secret needs the
PIN from nobody: what is encrypted is opened and encrypted anew.
"""

from __future__ import annotations

import hmac

from pydantic import SecretStr

from app.base.errors import PinKeyUnknown
from app.base.keys import Keys, KeyUnknown, Purpose, is_sealed
from app.base.slow_hash import hash_slowly, is_hash_of


def seal_pin(pin: SecretStr, keys: Keys, purpose: Purpose) -> str:
    """Returns what is stored of a PIN, sealed with today's key."""
    return keys.seal(purpose, hash_slowly(pin.get_secret_value()))


def is_pin(stored: str, pin: SecretStr, keys: Keys, purpose: Purpose) -> bool:
    """True if `stored` was made of this PIN. Raises: PinKeyUnknown."""
    try:
        if not names_a_key(stored):
            return any(_verify(stored, pin, pepper) for pepper in _old_peppers(keys, purpose))
        if is_sealed(stored):
            pepper, mark, hashed = keys.open(purpose, stored).partition("$")
            return _verify(mark + hashed, pin, bytes.fromhex(pepper))
        name, mark, hashed = stored.partition("$")
        return _verify(mark + hashed, pin, keys.find(purpose, name).value)
    except KeyUnknown:
        raise PinKeyUnknown() from None
    except ValueError:
        return False


def seal_again(stored: str, keys: Keys, purpose: Purpose, unnamed_by: str | None = None) -> str:
    """Returns the same PIN sealed with today's key, or `stored` where only the PIN could tell how.

    A hash of before sealing was mixed with a key (a pepper), which is then sealed with it.
    `unnamed_by` is the id of the secret of those that name none.
    Raises: KeyUnknown.
    """
    if is_sealed(stored):
        return keys.seal_again(purpose, stored)
    name, mark, hashed = stored.partition("$")
    if name:
        return keys.seal(purpose, keys.find(purpose, name).text + mark + hashed)
    if purpose is Purpose.ARTISAN_PIN and (unnamed_by or len(keys.ids) == 1):
        # Its key is not named, and there is but one that it can be.
        pepper = keys.find(purpose, unnamed_by or keys.ids[0])
        return keys.seal(purpose, pepper.text + stored)
    return keys.seal(purpose, stored) if purpose is Purpose.AGENT_PIN else stored


def is_due(stored: str, keys: Keys, purpose: Purpose) -> bool:
    """True if the PIN is to be stored anew: its key is not today's, or not known for sure."""
    if names_a_key(stored):
        return stored[:8] != keys.ids[0]
    return purpose is Purpose.AGENT_PIN or len(keys.ids) > 1


def names_a_key(stored: str) -> bool:
    """True if the first eight letters are the id of a key."""
    return stored[8:9] in {":", "$"}


def _old_peppers(keys: Keys, purpose: Purpose) -> list[bytes]:
    """Returns what a hash that names no key may be mixed with: an agent's with nothing."""
    if purpose is Purpose.AGENT_PIN:
        return [b""]
    return [key.value for key in keys.all(purpose)]


def _verify(hashed: str, pin: SecretStr, pepper: bytes) -> bool:
    typed = pin.get_secret_value().encode()
    return is_hash_of(hashed, hmac.digest(pepper, typed, "sha256") if pepper else typed)
