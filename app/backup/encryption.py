"""Encrypts files of any size in pieces (AES-256-GCM), so that none is read whole or unproven.

A file is a head (mark, key's id, salt) and pieces, each with its length before it. Its key is
derived from the installation's and the salt; a piece's nonce is its number, and says if it is the
last: a file that was cut, put in another's place or put together anew opens nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from app.backup.errors import BackupFailed
from app.base.keys import derive_key, key_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MARK = b"maalem backup 1\n"
_SALT_BYTES, _ID_BYTES, _LENGTH_BYTES, _NONCE_BYTES = 16, 4, 4, 12
PIECE = 1 << 20
_LONGEST = PIECE + 16


def encrypt(secret: bytes, name: str, plain: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the encrypted file of `plain`; `name` is what it must be called to be opened."""
    salt = os.urandom(_SALT_BYTES)
    yield _MARK + bytes.fromhex(key_id(secret)) + salt
    cipher = _make_cipher(secret, salt)
    number, waiting = 0, b""
    for piece in _cut(plain):
        if number:
            yield _pack(cipher.encrypt(_nonce(number, False), waiting, name.encode()))
        number, waiting = number + 1, piece
    yield _pack(cipher.encrypt(_nonce(max(number, 1), True), waiting, name.encode()))


def decrypt(secret: bytes, name: str, file: BinaryIO) -> Iterator[bytes]:
    """Yields the plain pieces. Raises: BackupFailed if one is not what was written."""
    from cryptography.exceptions import InvalidTag

    head = file.read(len(_MARK) + _ID_BYTES + _SALT_BYTES)
    if not head.startswith(_MARK) or len(head) != len(_MARK) + _ID_BYTES + _SALT_BYTES:
        raise BackupFailed(what=name, why="no encrypted file of ours")
    made_by = head[len(_MARK) : -_SALT_BYTES].hex()
    if made_by != key_id(secret):
        raise BackupFailed(what=name, why=f"encrypted with the key {made_by}, not {key_id(secret)}")
    cipher = _make_cipher(secret, head[-_SALT_BYTES:])
    number, piece = 1, _read_piece(file, name)
    while piece:
        following = _read_piece(file, name)
        try:
            yield cipher.decrypt(_nonce(number, not following), piece, name.encode())
        except InvalidTag:
            raise BackupFailed(what=name, why=f"piece {number} is not as it was written") from None
        number, piece = number + 1, following
    if number == 1:
        raise BackupFailed(what=name, why="it was cut off")


def _make_cipher(secret: bytes, salt: bytes) -> AESGCM:
    # As in app/base/keys.py: a web process asks how backups are, and encrypts none.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(derive_key(derive_key(secret, "maalem backup"), salt.hex()))


def _nonce(number: int, last: bool) -> bytes:
    return bytes([last]) + number.to_bytes(_NONCE_BYTES - 1, "big")


def _pack(piece: bytes) -> bytes:
    return len(piece).to_bytes(_LENGTH_BYTES, "big") + piece


def _read_piece(file: BinaryIO, name: str) -> bytes:
    """Returns the next piece, or nothing at the end. Raises: BackupFailed."""
    length = file.read(_LENGTH_BYTES)
    if not length:
        return b""
    wanted = int.from_bytes(length, "big")
    piece = file.read(wanted) if len(length) == _LENGTH_BYTES and wanted <= _LONGEST else b""
    if not piece or len(piece) != wanted:
        raise BackupFailed(what=name, why="it was cut off")
    return piece


def _cut(plain: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the same bytes in pieces of PIECE bytes; the last one may be shorter."""
    kept = bytearray()
    for part in plain:
        kept += part
        while len(kept) > PIECE:
            yield bytes(kept[:PIECE])
            del kept[:PIECE]
    if kept:
        yield bytes(kept)
