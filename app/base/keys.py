"""Keys derived from the installation's secrets, and the id under which a secret is known."""

from __future__ import annotations

import hmac


def derive_key(secret: bytes, purpose: str) -> bytes:
    """Returns the key of 32 bytes for one purpose: one use of a secret says nothing of another."""
    return hmac.digest(secret, purpose.encode(), "sha256")


def key_id(secret: bytes) -> str:
    """Returns eight hexadecimal digits that name a secret and say nothing about it."""
    return derive_key(secret, "maalem key id").hex()[:8]
