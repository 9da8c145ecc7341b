"""Judges secrets that people choose: long and varied enough to be guessed by nobody, or weak."""

from __future__ import annotations

import re

# What stands in examples, images and tutorials; a longer value with one of these inside is refused.
_SAMPLES = (
    "changeme",
    "change-me",
    "change_me",
    "change-this",
    "demo",
    "example",
    "insert-",
    "letmein",
    "passw0rd",
    "password",
    "placeholder",
    "replace-me",
    "secret-key",
    "your-",
    "your_",
)
_ROWS = (
    "0123456789abcdefghijklmnopqrstuvwxyz0123456789",
    "zyxwvutsrqponmlkjihgfedcba9876543210",
    "qwertyuiopasdfghjklzxcvbnm",
)
_FEWEST_DIFFERENT = 8
_LONGEST_ROW = 8


def find_weakness(secret: str, least: int) -> str | None:
    """Returns why a secret of at least `least` characters is weak, in words; None if it is not.

    A weak one is short, holds few different characters, repeats itself, follows the alphabet, the
    digits or the keyboard, or holds a word of the samples that everybody knows.
    """
    plain = secret.casefold()
    if not secret:
        return "missing"
    if len(secret) < least:
        return f"shorter than {least} characters"
    if any(sample in plain for sample in _SAMPLES):
        return "a known sample"
    # Twenty-four random hexadecimal digits hold fewer than eight different ones once in 50,000.
    if len(set(secret)) < _FEWEST_DIFFERENT or re.search(r"(.)\1{5}|^(.{1,16})\2+.{0,15}$", secret):
        return "a repetition"
    if any(row[at : at + _LONGEST_ROW] in plain for row in _ROWS for at in range(len(row) - 7)):
        return "a known sample"
    return None
