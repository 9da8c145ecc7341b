"""Judges secrets that people choose: long and varied enough to be guessed by nobody, or weak."""

from __future__ import annotations

import re

# Words of examples, images and tutorials; a longer value with one of these inside is refused.
_SAMPLE_WORDS = (
    *("admin", "changeme", "change-me", "change_me", "change-this", "correcthorse", "default"),
    *("correct horse", "correct-horse", "motdepasse", "mot-de-passe", "p@ssw0rd", "passwort"),
    *("demo", "django-insecure", "example", "insert-", "letmein", "maalem", "passw0rd", "password"),
    *("placeholder", "production", "replace-me", "s3cr3t", "sample", "secret", "token", "xxxx"),
    *("your-", "your_"),
)
# Values that anybody can read: in the documentation of Flask and FastAPI, and in this project's
# own tests of before.
_SAMPLE_VALUES = (
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "9f2c71e0b64ad853f1c07be2936ad84e",
    "5ac1e9027fd84b36c0172e9d",
    "b07d13f2c96e48a5d1f0837c",
)
_KEYBOARD = (
    "0123456789abcdefghijklmnopqrstuvwxyz0123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
)
_ROWS = (*_KEYBOARD, *(row[::-1] for row in _KEYBOARD))
_FEWEST_DIFFERENT = 8
_LONGEST_ROW = 8


def find_weakness(secret: str, least: int) -> str | None:
    """Returns why a secret of at least `least` characters is weak, in words; None if it is not.

    A weak one is short, holds few different characters, repeats itself, follows the alphabet, the
    digits or the keyboard, or holds a word or value of the samples that everybody knows.
    """
    plain = secret.casefold()
    if not secret:
        return "missing"
    if len(secret) < least:
        return f"shorter than {least} characters"
    if any(sample in plain for sample in (*_SAMPLE_WORDS, *_SAMPLE_VALUES)):
        return "a known sample"
    # Twenty-four random hexadecimal digits hold fewer than eight different ones once in 50,000.
    if len(set(secret)) < _FEWEST_DIFFERENT or re.search(r"(.)\1{5}|^(.{1,16})\2+.{0,15}$", secret):
        return "a repetition"
    if any(row[at : at + _LONGEST_ROW] in plain for row in _ROWS for at in range(len(row) - 7)):
        return "a known sample"
    return None


def find_key_weakness(key: str, least: int) -> str | None:
    """Returns why a key that may stand in a list with commas one day is weak; else None."""
    if "," in key or key != key.strip():
        return "a comma or outer blank, which SECRET_KEY_OLD cannot hold"
    return find_weakness(key, least)


def find_token_weakness(token: str, least: int) -> str | None:
    """Returns why a token that stands in an address is weak or cannot stand there; else None."""
    if token and not re.fullmatch(r"[\w.~-]+", token, re.ASCII):
        return "holds what an address does not carry: letters, digits, - _ . ~ alone"
    return find_weakness(token, least)


def find_header_weakness(token: str, least: int) -> str | None:
    """Returns why a token that stands in a header is weak or cannot stand there; else None."""
    if not token.isascii() or " " in token:
        return "holds what a header does not carry: letters, digits and signs of ASCII alone"
    return find_weakness(token, least)
